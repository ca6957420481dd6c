// SPDX-License-Identifier: GPL-2.0

//! Sample: a driver that uses the exported functions of the Rust format, whatever provides ARM_V7S.
//!
//! It keeps a table set until it is unloaded, and frees it with the exported function or, with
//! `kernel_free=1`, with the kernel's `free_io_pgtable_ops()`.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    prelude::*,
    sizes::SZ_4K, //
};

use io_pgtable_arm_v7s_rust::{
    alloc_io_pgtable_arm_v7s_rust_ops,
    free_io_pgtable_arm_v7s_rust_ops, //
};
use slab_rust::compat::parameter;

module! {
    type: ByName,
    name: "rust_v7s_by_name",
    authors: ["v7s-rs developers"],
    description: "Sample: a user of Rust page tables who asks for them by name",
    license: "GPL",
    params: {
        kernel_free: u8 {
            default: 0,
            description: "1: give the table to the kernel's free_io_pgtable_ops()",
        },
    },
}

/// A table set.
///
/// # Invariants
///
/// Made by `alloc_io_pgtable_arm_v7s_rust_ops()` and not freed.
struct ByName(NonNull<bindings::io_pgtable_ops>);

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for ByName {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for ByName {}

impl kernel::Module for ByName {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: SZ_4K,
            ias: 32,
            oas: 32,
            coherent_walk: true,
            ..Default::default()
        };
        // SAFETY: `cfg` is valid and names no callbacks and no device.
        let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, ptr::null_mut()) };
        // INVARIANT: Just made.
        let this = Self(NonNull::new(ops).ok_or(ENOMEM)?);
        pr_info!("has a table\n");
        Ok(this)
    }
}

impl Drop for ByName {
    fn drop(&mut self) {
        // SAFETY: A table set (invariant) that no device walks.
        unsafe {
            if parameter(&module_parameters::kernel_free) == 0 {
                free_io_pgtable_arm_v7s_rust_ops(self.0.as_ptr());
            } else {
                bindings::free_io_pgtable_ops(self.0.as_ptr());
            }
        }
    }
}
