// SPDX-License-Identifier: GPL-2.0

//! ARMv7 short-descriptor page tables for IOMMUs, as a format of io-pgtable.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

// Files in debugfs and the population of tables ahead of need come later, and use the rest.
#![allow(dead_code)]

mod config;
mod format;
mod log;
mod map;
mod memory;
mod ops;
mod registers;
mod set_list;
mod table_set;
mod tlb;
mod unmap;

pub use config::{
    quirk,
    PAGE_SIZES, //
};

use kernel::{
    bindings,
    page_table,
    prelude::*,
    slab,
    static_cache,
    ModuleMetadata, //
};

/// Prefix of messages.
const __LOG_PREFIX: &[u8] = b"io_pgtable_arm_v7s\0";

/// What static caches are declared for, as `module!` has it for a module.
struct LocalModule;

impl ModuleMetadata for LocalModule {
    const NAME: &'static CStr = c"io_pgtable_arm_v7s";

    // SAFETY: NULL means the kernel itself.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// The format, for the table of io-pgtable.
#[no_mangle]
pub static io_pgtable_arm_v7s_init_fns: bindings::io_pgtable_init_fns =
    bindings::io_pgtable_init_fns {
        alloc: Some(ops::alloc),
        free: Some(ops::free),
        caps: 0,
    };

/// Creates what all table sets share. Called once at boot, before a table set can be created.
#[no_mangle]
extern "C" fn io_pgtable_arm_v7s_init() -> c_int {
    // SAFETY: Called once, and there are no table sets yet.
    let made = unsafe {
        set_list::init();
        memory::source::init(page_table::TableSource::Slab)
    };
    match made {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}
