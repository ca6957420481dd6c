// SPDX-License-Identifier: GPL-2.0

//! Slab caches.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! - [`KmemCache`]: a cache created at run time. An [`Object`] borrows it, a [`SharedObject`]
//!   shares its ownership, a [`Batch`] is several objects.
//! - [`ConstructedCache`], [`RcuCache`]: caches whose objects have a constructor, and caches whose
//!   objects are freed after a grace period.
//! - [`static_cache!`](crate::static_cache): a cache that lives as long as its module, which is
//!   also an allocator for `Box` and `Vec`.
//! - [`SlabFlags`], [`Gfp`]: flags of a cache, and of one allocation.
//! - [`Dma32`], [`Phys32`]: objects and addresses that are known to lie below 4 GiB.

pub(crate) mod args;
pub(crate) mod bad_args;
mod builder;
mod bulk;
pub(crate) mod cache;
mod constructed;
mod dma32;
pub(crate) mod flags;
pub(crate) mod gfp;
pub(crate) mod linear_map;
mod node;
pub(crate) mod object;
pub(crate) mod raw_cache;
mod rcu;
pub(crate) mod report;
mod shared_object;
pub(crate) mod static_cache;
#[cfg(CONFIG_RUST_SLAB_SYSFS)]
pub(crate) mod sysfs;
#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[doc(hidden)] // Public for the tests of drivers, which are in other crates.
pub mod tests;

pub use self::{
    args::{
        CacheArgs,
        UserWindow, //
    },
    builder::Builder,
    bulk::Batch,
    cache::KmemCache,
    constructed::{
        Construct,
        Constructed,
        ConstructedCache, //
    },
    dma32::{
        Dma32,
        Phys32, //
    },
    flags::{
        SlabFlags,
        Zone, //
    },
    gfp::Gfp,
    object::Object,
    rcu::{
        RcuCache,
        RcuObject,
        RcuSlot, //
    },
    shared_object::SharedObject,
    static_cache::StaticCache, //
};

/// For the expansions of the macros of this module.
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
