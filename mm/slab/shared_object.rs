// SPDX-License-Identifier: GPL-2.0

//! Objects that share the ownership of their cache.

use core::ops::{
    Deref,
    DerefMut, //
};

use crate::{
    slab::{
        cache::KmemCache,
        object::Object, //
    },
    sync::Arc, //
};

/// An owned object that shares the ownership of its cache, so that one struct can hold both.
///
/// Dropping the last of the cache's owners destroys the cache, which sleeps. A driver that frees
/// such objects in atomic context keeps an [`Arc`] of the cache beside them.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, slab::{Gfp, KmemCache, SharedObject}, sync::Arc};
/// struct Device {
///     ring: SharedObject<[u64; 64]>,
///     cache: Arc<KmemCache<[u64; 64]>>,
/// }
///
/// let cache = KmemCache::builder(c"doc_rings").build()?;
/// let cache = Arc::new(cache, GFP_KERNEL)?;
/// let ring = SharedObject::new(cache.clone(), |cache| cache.alloc_zeroed(Gfp::KERNEL))?;
/// let device = Device { ring, cache };
/// assert_eq!(device.ring[63], 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `object` belongs to `_cache` or to a cache that is never dropped. It never leaves `self`.
pub struct SharedObject<T: 'static> {
    // Dropped before `_cache`, as it comes first.
    object: Object<'static, T>,
    _cache: Arc<KmemCache<T>>,
}

impl<T: 'static> SharedObject<T> {
    /// Allocates an object by calling `alloc` with the cache.
    ///
    /// # Errors
    ///
    /// The errors of `alloc`.
    pub fn new<E>(
        cache: Arc<KmemCache<T>>,
        alloc: impl for<'c> FnOnce(&'c KmemCache<T>) -> core::result::Result<Object<'c, T>, E>,
    ) -> core::result::Result<Self, E> {
        let object = alloc(&cache)?;
        // SAFETY: `alloc` returns an object whose cache lives as long as any borrow of `cache` may:
        // `cache` itself, or one that is never dropped. `Self` keeps `cache` until the object has
        // been dropped.
        let object = unsafe { Object::extend(object) };
        // INVARIANT: The object was just allocated from such a cache.
        Ok(Self {
            object,
            _cache: cache,
        })
    }
}

impl<T: 'static> Deref for SharedObject<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: 'static> DerefMut for SharedObject<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[crate::prelude::kunit_tests(slab_shared_object)]
mod tests {
    use super::*;
    use crate::{
        prelude::*,
        slab::{
            sysfs,
            Gfp, //
        }, //
    };

    #[test]
    fn the_cache_goes_with_its_last_owner() -> Result {
        const NAME: &CStr = c"test_shared";
        let cache = Arc::new(KmemCache::<[u64; 8]>::builder(NAME).build()?, GFP_KERNEL)?;
        let alloc =
            |value| SharedObject::new(cache.clone(), |cache| cache.alloc([value; 8], Gfp::KERNEL));
        let first = alloc(1)?;
        let mut second = alloc(2)?;
        drop(cache);
        second[7] += 1;
        assert_eq!((first[7], second[7]), (1, 3));
        drop(first);
        assert!(sysfs::exists(NAME));
        drop(second);
        assert!(!sysfs::exists(NAME));
        Ok(())
    }

    #[test]
    fn a_failed_allocation_keeps_nothing() -> Result {
        const NAME: &CStr = c"test_shared_none";
        let cache = Arc::new(KmemCache::<[u64; 8]>::builder(NAME).build()?, GFP_KERNEL)?;
        let failed = SharedObject::new(cache, |_| Err(EAGAIN));
        assert!(failed.is_err_and(|e| e == EAGAIN));
        assert!(!sysfs::exists(NAME));
        Ok(())
    }
}
