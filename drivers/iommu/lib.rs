// SPDX-License-Identifier: GPL-2.0

//! ARMv7 short-descriptor page tables for IOMMUs, as a provider of the kernel's io-pgtable
//! interface.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)
//!
//! From the outside in:
//!
//! - [`takeover`] has the kernel's `alloc_io_pgtable_ops()` call us for ARM_V7S;
//! - [`by_name`] is for those who ask for it by name;
//! - [`ops`] is the C interface, one thunk for each callback;
//! - [`pgtable`] is a table set, `map` and `unmap` what is done to it, [`flush`] what the driver is
//!   told;
//! - [`config`] is what a driver asked for, [`registers`] what it gets to write;
//! - [`sets`] lists them in debugfs, [`view`] shows one; [`lines`] are its files, [`snapshot`] what
//!   it takes to read tables that others change;
//! - [`table`], [`caches`] and [`addr`] are the tables' memory;
//! - [`entry`] is what the bits of an entry mean, [`slots`] how entries are read and written,
//!   [`walker`] how they get to the hardware.
//!
//! # For other modules in Rust
//!
//! [`ArmV7s`] is the format's marker for
//! [`IoPageTable`](kernel::iommu::pgtable::IoPageTable), the kernel crate's own consumer side.

mod addr;
mod aside;
mod by_name;
mod caches;
mod config;
mod entry;
mod flush;
mod lines;
mod map;
mod marker;
mod ops;
mod pgtable;
mod registers;
mod report;
mod sets;
mod slots;
mod snapshot;
mod table;
mod takeover;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PHYS_ADDR_T_64BIT))]
mod tests;
mod unmap;
mod view;
mod walker;

pub use config::{
    quirk,
    PAGE_SIZES, //
};
pub use marker::{
    ArmV7s,
    ArmV7sRegisters, //
};

use kernel::prelude::*;
use lines::{
    Folder,
    Word, //
};
use slab_rust::compat::parameter;

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
            description: "L2 tables: 0 slab, 1 genalloc, 2 page_frag, 3 kmalloc, 4 page, 5 pool",
        },
        table_region: u32 {
            default: 4096,
            description: "number of tables that genalloc sets memory aside for",
        },
    },
}

/// What exists while the module is loaded.
struct Module {
    _takeover: takeover::Takeover,
    _sources: caches::Sources,
    // Before what its files are about.
    _debugfs: Folder,
    _facts: KBox<Facts>,
}

/// What does not change while the module is loaded.
struct Facts {
    served_by: &'static str,
    table_alloc: &'static str,
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let serve = match parameter(&module_parameters::takeover) {
            0 => false,
            1 => true,
            other => {
                pr_err!("takeover={other}: it is 0 or 1\n");
                return Err(EINVAL);
            }
        };
        let (number, region) = (
            parameter(&module_parameters::table_alloc),
            parameter(&module_parameters::table_region),
        );
        // SAFETY: This is the module's only init, and there are no sets yet.
        let (sources, table_alloc) = unsafe { caches::choose(number, region) }?;
        let served_by = if serve { "rust" } else { "c" };
        let facts = Facts {
            served_by,
            table_alloc,
        };
        let facts = KBox::new(facts, GFP_KERNEL)?;
        let debugfs = Folder::new(c"io_pgtable_arm_v7s_rust", None);
        // SAFETY: As above. The facts outlive the folder.
        unsafe {
            sets::init(&debugfs);
            debugfs.file::<Word>(c"served_by", &facts.served_by);
            debugfs.file::<Word>(c"table_alloc", &facts.table_alloc);
        }
        let takeover = takeover::Takeover::new(serve)?;
        pr_info!("ARM_V7S is served by {served_by}\n");
        Ok(Self {
            _takeover: takeover,
            _sources: sources,
            _debugfs: debugfs,
            _facts: facts,
        })
    }
}
