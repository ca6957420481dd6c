// SPDX-License-Identifier: GPL-2.0

//! ARMv7 short-descriptor page tables for IOMMUs, as a provider of the kernel's io-pgtable
//! interface.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)
//!
//! From the outside in:
//!
//! - [`mod@module`]: parts of the loadable module only. [`module::ftrace_takeover`] redirects the
//!   kernel's `alloc_io_pgtable_ops()` for ARM_V7S, [`module::by_name`] exports functions for the
//!   format;
//! - [`debugfs`]: files that show table sets;
//! - [`ops`]: the C interface, one thunk for each callback;
//! - [`set_list`]: the live table sets;
//! - `map`, `unmap`, `populate`, [`tlb`]: the operations on a table set, and the callbacks to its
//!   driver;
//! - [`table_set`]: a first-level table and the second-level tables it refers to;
//! - [`config`], [`registers`]: the driver's request, and the values for its registers;
//! - [`memory`]: the tables' memory;
//! - [`format`]: entries, and barriers and cache maintenance for the walker.
//!
//! Each imports only from those below it. This file is the root of the loadable module; the
//! other files are the same in the kernel's tree, where the root is another.
//!
//! # For other modules in Rust
//!
//! [`ArmV7s`] is the format's marker for
//! [`IoPageTable`](kernel::iommu::pgtable::IoPageTable), the kernel crate's own consumer side.

mod config;
mod debugfs;
mod format;
mod log;
mod map;
mod memory;
mod module;
mod ops;
mod populate;
mod registers;
mod set_list;
mod table_set;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PHYS_ADDR_T_64BIT))]
mod tests;
mod tlb;
mod unmap;

pub use config::{
    quirk,
    PAGE_SIZES, //
};
use module::caller;
pub use module::{
    arm_v7s::{
        ArmV7s,
        ArmV7sRegisters,
        ArmV7sTables, //
    },
    by_name::{
        alloc_io_pgtable_arm_v7s_rust_ops,
        free_io_pgtable_arm_v7s_rust_ops,
        io_pgtable_arm_v7s_rust_populate,
        io_pgtable_arm_v7s_rust_trim, //
    },
};

use kernel::{
    bindings,
    prelude::*, //
};

use slab_rust::{
    compat::parameter,
    page_table,
    slab,
    static_cache,
    sync::SpinLockIrq,
    this_module, //
};

use debugfs::line_file::{
    Folder,
    Word, //
};
use memory::source;
#[cfg(CONFIG_KUNIT = "y")]
use module::by_name::{
    alloc_io_pgtable_arm_v7s_rust_ops as alloc_ops,
    free_io_pgtable_arm_v7s_rust_ops as free_ops,
    io_pgtable_arm_v7s_rust_init_fns as INIT_FNS, //
};
use module::{
    by_name::populate_new_sets,
    ftrace_takeover::Takeover, //
};
use page_table::TableSource;

/// This module, the owner of the files in debugfs.
const OWNER: *mut bindings::module = this_module!().as_ptr();

module! {
    type: Module,
    name: "io_pgtable_arm_v7s_rust",
    authors: ["v7s-rs developers"],
    description: "ARMv7 short-descriptor IOMMU page tables",
    license: "GPL",
    params: {
        takeover: u8 {
            default: 1,
            description: "1: serve all who ask for ARM_V7S, 0: those who ask by name",
        },
        table_alloc: u8 {
            default: 0,
            description: "L2 tables: 0 slab, 5 pool",
        },
        populate_mib: u32 {
            default: 0,
            description: "MiB of each new set that have L2 tables from the start",
        },
    },
}

/// State of the loaded module.
struct Module {
    _takeover: Takeover,
    // Dropped before `_facts`, which its files read.
    _debugfs: Folder,
    _facts: KBox<Facts>,
}

/// Facts that do not change while the module is loaded.
struct Facts {
    served_by: &'static str,
    table_alloc: &'static str,
}

/// Returns true if the parameter `takeover` asks for it; [`EINVAL`] if it is neither 0 nor 1.
fn takes_over() -> Result<bool> {
    match parameter(&module_parameters::takeover) {
        0 => Ok(false),
        1 => Ok(true),
        other => {
            pr_err!("takeover={other}: it is 0 or 1\n");
            Err(EINVAL)
        }
    }
}

/// Returns the source that the parameter `table_alloc` names; [`EINVAL`] if it names none.
fn table_source() -> Result<TableSource> {
    match parameter(&module_parameters::table_alloc) {
        0 => Ok(TableSource::Slab),
        5 => Ok(TableSource::Pool),
        other @ 1..=4 => {
            pr_err!(
                "table_alloc={other}: only table_bench measures it; it is 0 (slab) or 5 (pool)\n"
            );
            Err(EINVAL)
        }
        other => {
            pr_err!("table_alloc={other}: it is 0 (slab) or 5 (pool)\n");
            Err(EINVAL)
        }
    }
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let (serve, source) = (takes_over()?, table_source()?);
        // SAFETY: This is the module's only init, and there are no sets yet.
        unsafe {
            set_list::init();
            source::init(source)?;
        }
        let facts = KBox::new(
            Facts {
                served_by: if serve { "rust" } else { "c" },
                table_alloc: source.name(),
            },
            GFP_KERNEL,
        )?;
        populate_new_sets(parameter(&module_parameters::populate_mib) as usize);
        let folder = Folder::new(c"io_pgtable_arm_v7s_rust");
        debugfs::init(&folder);
        // SAFETY: The facts outlive the folder.
        unsafe {
            folder.file::<Word>(c"served_by", &facts.served_by);
            folder.file::<Word>(c"table_alloc", &facts.table_alloc);
        }
        let takeover = Takeover::new(serve)?;
        pr_info!("ARM_V7S is served by {}\n", facts.served_by);
        Ok(Self {
            _takeover: takeover,
            _debugfs: folder,
            _facts: facts,
        })
    }
}
