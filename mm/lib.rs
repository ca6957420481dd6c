// SPDX-License-Identifier: GPL-2.0

//! Slab caches and page-table memory.
//!
//! The crate of the module `slab_rust`, which other modules use as `slab_rust::…`
//! (scripts/Makefile.rustlib says how):
//!
//! - [`KmemCache`]: a cache made at run time; [`Object`]s of it borrow it;
//! - [`static_cache!`]: a cache as old as its module, which is also an allocator for
//!   the kernel's own `Box` and `Vec`;
//! - [`SlabFlags`], [`Gfp`]: what a cache is, and how one allocation may behave;
//! - [`Dma32`], [`Phys32`]: what is known to lie below 4 GiB;
//! - [`TableAllocator`], [`Table`]: memory for page tables, from whatever [`TableSource`].
//!
//! Each cache made here says in `/sys/kernel/slab/<cache>/cache_dma32` whether its
//! objects do; `/sys/kernel/debug/slab_rust/caches` lists the caches of the system.

#[cfg(MODULE)]
use kernel::prelude::*;

mod bulk;
mod cache;
#[doc(hidden)]
pub mod compat;
mod construct;
#[cfg(MODULE)]
mod dma32_file;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_FAILSLAB))]
#[doc(hidden)]
pub mod fault;
mod flags;
mod gfp;
mod helpers;
mod irq_lock;
#[cfg(MODULE)]
mod list;
mod node;
mod object;
mod phys;
#[cfg(MODULE)]
mod properties;
mod raw;
mod rcu;
mod record;
mod report;
mod request;
mod static_cache;
mod sysfs;
mod table;

pub use crate::{
    bulk::Batch,
    cache::{
        Builder,
        KmemCache, //
    },
    construct::{
        Construct,
        Constructed,
        ConstructedBuilder,
        ConstructedCache, //
    },
    flags::{
        Refusal,
        SlabFlags,
        Zone, //
    },
    gfp::Gfp,
    irq_lock::IrqLock,
    object::Object,
    phys::{
        virt_to_phys,
        Above4G,
        Dma32,
        Phys32, //
    },
    rcu::{
        RcuCache,
        RcuObject,
        RcuSlot, //
    },
    request::{
        Request,
        UserWindow, //
    },
    static_cache::StaticCache,
    table::{
        Table,
        TableAllocator,
        TableSource,
        TableUsage, //
    },
};

/// For what the macros of this crate generate.
#[doc(hidden)]
pub mod __private {
    pub use crate::request::size_of_field;
    pub use crate::static_cache::{
        cache,
        create,
        realloc,
        validate,
        Slot, //
    };
}

#[cfg(MODULE)]
module! {
    type: SlabRust,
    name: "slab_rust",
    authors: ["v7s-rs developers"],
    description: "Slab caches in Rust, DMA32 ones among them",
    license: "GPL",
}

#[cfg(MODULE)]
struct SlabRust {
    _list: list::List,
    _watch: static_cache::Watch,
}

#[cfg(MODULE)]
impl kernel::Module for SlabRust {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Called once, when no other code of this module has run.
        unsafe { record::init() };
        Ok(Self {
            _list: list::List::new(),
            _watch: static_cache::Watch::new()?,
        })
    }
}
