// SPDX-License-Identifier: GPL-2.0

//! ARMv7 short-descriptor page tables for IOMMUs, as a provider of the kernel's io-pgtable
//! interface.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)
//!
//! From the outside in:
//!
//! - [`takeover`] has the kernel's `alloc_io_pgtable_ops()` call us for ARM_V7S;
//! - [`ops`] is the C interface, one thunk for each callback;
//! - [`pgtable`] is a table set, `map` and `unmap` what is done to it, [`flush`] what the driver is
//!   told;
//! - [`config`] is what a driver asked for, [`registers`] what it gets to write;
//! - [`sets`] lists them in debugfs;
//! - [`table`], [`caches`] and [`addr`] are the tables' memory;
//! - [`entry`] is what the bits of an entry mean, [`slots`] how entries are read and written,
//!   [`walker`] how they get to the hardware.
//!
//! # For other modules in Rust
//!
//! [`ArmV7s`] is the format's marker for
//! [`IoPageTable`](kernel::iommu::pgtable::IoPageTable), the kernel crate's own consumer side.

mod addr;
mod caches;
mod config;
mod entry;
mod flush;
mod map;
mod marker;
mod ops;
mod pgtable;
mod registers;
mod report;
mod sets;
mod slots;
mod table;
mod takeover;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_64BIT))]
mod tests;
mod unmap;
mod walker;

pub use config::{
    quirk,
    PAGE_SIZES, //
};
pub use marker::{
    ArmV7s,
    ArmV7sRegisters, //
};

use kernel::{
    debugfs,
    prelude::*, //
};

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
#[pin_data]
struct Module {
    _takeover: takeover::Takeover,
    _sources: caches::Sources,
    #[pin]
    _served_by: debugfs::File<&'static str>,
    #[pin]
    _tables: debugfs::File<()>,
    #[pin]
    _table_alloc: debugfs::File<&'static str>,
}

impl kernel::InPlaceModule for Module {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"io_pgtable_arm_v7s_rust");
        pin_init::pin_init_scope(move || {
            let serve = match *module_parameters::takeover.value() {
                0 => false,
                1 => true,
                other => {
                    pr_err!("takeover={other}: it is 0 or 1\n");
                    return Err(EINVAL);
                }
            };
            // SAFETY: This is the module's only init, and there are no sets yet.
            unsafe { sets::init() };
            let (number, region) = (
                *module_parameters::table_alloc.value(),
                *module_parameters::table_region.value(),
            );
            // SAFETY: As above.
            let (sources, source) = unsafe { caches::choose(number, region) }?;
            let who = if serve { "rust" } else { "c" };
            Ok(try_pin_init!(Self {
                _served_by <- dir
                    .read_callback_file(c"served_by", who, &|who, f| writeln!(f, "{who}")),
                _tables <- dir.read_callback_file(c"tables", (), &|(), f| sets::show(f)),
                _table_alloc <- dir
                    .read_callback_file(c"table_alloc", source, &|name, f| writeln!(f, "{name}")),
                _sources: sources,
                _takeover: takeover::Takeover::new(serve)
                    .inspect(|_| pr_info!("ARM_V7S is served by {who}\n"))?,
            }? Error))
        })
    }
}
