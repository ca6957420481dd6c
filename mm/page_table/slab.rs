// SPDX-License-Identifier: GPL-2.0

//! Tables from a slab cache: one of the allocator's own, or a static one that many share.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! Slabs are several pages, to be filled by whoever asks, and come back when the last table in
//! them is freed and per-CPU sheaves have let go of it. What debugging may put beside an object
//! has to fit in the largest slab, so that tables have at most 1 MiB (with pages of 4 KiB).

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
        args::Request,
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

// SAFETY: As above.
unsafe impl Sync for Slab {}

enum Cache {
    Own(RawCache),
    Static(&'static RawCache),
}

impl Slab {
    /// Makes a cache.
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        /// Caches so far: each has a name of its own.
        static MADE: Atomic<usize> = Atomic::new(0);

        let request = Request::sized(shape.size).flags(shape.zone.slab_flags());
        request.check()?;
        let (size, zone) = (shape.size, shape.zone);
        let number = MADE.fetch_add(1, Relaxed);
        let name = CString::try_from_fmt(fmt!("table_{size}_{zone}_{number}"))?;
        Ok(Self::from(Cache::Own(RawCache::new(&name, &request)?)))
    }

    /// A static cache, if it was made. The caller knows that its objects are tables.
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
        // INVARIANT: Asked for it.
        Self {
            raw: cache.raw().as_raw(),
            cache,
            live: Live::new(),
        }
    }
}

// SAFETY: An object of a cache is its owner's alone, as large and as aligned as the cache was made
// for; it is zeroed on request. A cache is not destroyed while objects of it are in use.
unsafe impl Source for Slab {
    const IN_KMEMLEAK: bool = true;

    #[inline]
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        // SAFETY: The cache is alive and has the zone; `gfp` names none.
        let object = unsafe { bindings::kmem_cache_alloc_noprof(self.raw.as_ptr(), gfp) };
        let table = NonNull::new(object.cast())?;
        self.live.one_more();
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements it is an object of this cache.
        unsafe { bindings::kmem_cache_free(self.raw.as_ptr(), table.as_ptr().cast()) };
        self.live.one_less();
    }

    fn live(&self) -> usize {
        self.live.get()
    }

    /// All slabs of the cache, whoever uses them.
    fn held_bytes(&self) -> Result<usize> {
        self.cache.raw().slab_bytes()
    }
}
