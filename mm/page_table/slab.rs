// SPDX-License-Identifier: GPL-2.0

//! Tables from a slab cache: one of the allocator, or a static one that several share.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! A slab is several pages, which go back to the system when the last table in them is freed and
//! left the per-CPU sheaves. What debugging may put beside an object has to fit in the largest
//! slab, so that tables have at most 1 MiB (with pages of 4 KiB).

use core::ptr::NonNull;

use crate::{
    bindings,
    page_table::{
        Failure,
        Live,
        Shape,
        Source, //
    },
    prelude::*,
    slab::{
        args::CacheArgs,
        raw_cache::RawCache,
        static_cache::{
            self,
            StaticCache, //
        }, //
    },
    str::CString,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A cache of tables.
///
/// # Invariants
///
/// `raw` is that of `cache`.
pub(super) struct Slab {
    raw: NonNull<bindings::kmem_cache>,
    cache: Cache,
    live: Live,
}

// SAFETY: A cache belongs to no task; the kernel's functions for it lock as needed.
unsafe impl Send for Slab {}

// SAFETY: The kernel's functions for a cache may be called from several tasks at a time.
unsafe impl Sync for Slab {}

enum Cache {
    Own(RawCache),
    Static(&'static RawCache),
}

impl Slab {
    /// Creates a cache.
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        /// Number of caches so far, for unique names.
        static MADE: Atomic<usize> = Atomic::new(0);

        let args = CacheArgs::sized(shape.size).flags(shape.zone.slab_flags());
        args.check()?;
        let (size, zone) = (shape.size, shape.zone);
        let number = MADE.fetch_add(1, Relaxed);
        let name = CString::try_from_fmt(fmt!("table_{size}_{zone}_{number}"))?;
        Ok(Self::from(Cache::Own(RawCache::new(&name, &args)?)))
    }

    /// Returns the source of a static cache, if that was created. Its objects have to be tables.
    pub(super) fn of_cache<C: StaticCache>() -> Option<Self> {
        let cache = static_cache::cache::<C>()?.as_raw_cache();
        Some(Self::from(Cache::Static(cache)))
    }
}

impl Cache {
    fn raw(&self) -> &RawCache {
        match self {
            Self::Own(cache) => cache,
            Self::Static(cache) => cache,
        }
    }
}

impl From<Cache> for Slab {
    fn from(cache: Cache) -> Self {
        // INVARIANT: `raw` is read from the cache.
        Self {
            raw: cache.raw().as_raw(),
            cache,
            live: Live::new(),
        }
    }
}

// SAFETY: An object of a cache belongs to its owner, has the size and alignment that the cache was
// created for, and is zeroed on request. A cache is not destroyed while objects of it are
// allocated.
unsafe impl Source for Slab {
    const IN_KMEMLEAK: bool = true;

    #[inline]
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        // SAFETY: The cache is alive and has the zone; `gfp` names none.
        let object = unsafe { bindings::kmem_cache_alloc_noprof(self.raw.as_ptr(), gfp) };
        let table = NonNull::new(object.cast())?;
        self.live.add_one();
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table is an object of this cache that is not used any more, by the safety
        // requirements.
        unsafe { bindings::kmem_cache_free(self.raw.as_ptr(), table.as_ptr().cast()) };
        self.live.remove_one();
    }

    fn live(&self) -> usize {
        self.live.get()
    }

    /// Returns the bytes of all slabs of the cache, whether shared or not.
    fn held_bytes(&self) -> Result<usize> {
        self.cache.raw().slab_bytes()
    }
}
