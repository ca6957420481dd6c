// SPDX-License-Identifier: GPL-2.0

//! Slab caches.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! - [`KmemCache`]: a cache made at run time; [`Object`]s of it borrow it;
//! - [`static_cache!`]: a cache as old as its module, which is also an allocator for
//!   the kernel's own `Box` and `Vec`;
//! - [`SlabFlags`], [`Gfp`]: what a cache is, and how one allocation may behave;
//! - [`Dma32`], [`Phys32`]: what is known to lie below 4 GiB.
//!
//! `/sys/kernel/slab/<cache>/cache_dma32` says which caches are below 4 GiB.
//!
//! [`static_cache!`]: crate::static_cache

pub(crate) mod args;
mod bulk;
pub(crate) mod cache;
mod constructed;
pub(crate) mod dma32;
pub(crate) mod flags;
pub(crate) mod gfp;
pub(crate) mod irq_lock;
mod node;
pub(crate) mod object;
pub(crate) mod raw_cache;
mod rcu;
pub(crate) mod report;
pub(crate) mod static_cache;
#[cfg(CONFIG_RUST_SLAB_SYSFS)]
pub(crate) mod sysfs;
#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[doc(hidden)]
pub mod tests;

pub use self::{
    args::{
        Request,
        UserWindow, //
    },
    bulk::Batch,
    cache::{
        Builder,
        KmemCache, //
    },
    constructed::{
        Construct,
        Constructed,
        ConstructedBuilder,
        ConstructedCache, //
    },
    dma32::{
        virt_to_phys,
        Above4G,
        Dma32,
        Phys32, //
    },
    flags::{
        Refusal,
        SlabFlags,
        Zone, //
    },
    gfp::Gfp,
    irq_lock::IrqLock,
    object::Object,
    rcu::{
        RcuCache,
        RcuObject,
        RcuSlot, //
    },
    static_cache::StaticCache, //
};

/// For what the macros of this module generate.
#[doc(hidden)]
pub mod __private {
    pub use super::args::size_of_field;
    pub use super::static_cache::{
        cache,
        create,
        realloc,
        validate,
        Slot, //
    };
}
