// SPDX-License-Identifier: GPL-2.0

//! Several objects of a cache, allocated and freed in one call.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h) (`kmem_cache_alloc_bulk()`)

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        cache::KmemCache,
        gfp::Gfp,
        object::Object, //
    }, //
};

/// The most objects in a batch. Their pointers are kept on the stack, and each time that a batch
/// is moved there may be another copy of them.
const MAX: usize = 32;

/// `N` owned objects of a cache, at most 32; dropping them frees them in one call.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, slab::{Batch, Gfp, KmemCache}};
/// let cache = KmemCache::<[u64; 8]>::builder(c"doc_batch").build()?;
/// let batch = cache.alloc_bulk::<16>(|i| [i as u64; 8], Gfp::KERNEL)?;
/// assert_eq!(batch.iter().map(|object| object[0]).sum::<u64>(), 120);
///
/// let [first, ..] = Batch::into_objects(batch);
/// assert_eq!(first[7], 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - Each of `objects` is an allocated object of `cache` that holds an initialized
///   `T`, and that nothing else owns.
/// - `cache` is alive for `'c`.
pub struct Batch<'c, T, const N: usize> {
    objects: [NonNull<T>; N],
    cache: NonNull<bindings::kmem_cache>,
    _lifetime: PhantomData<&'c KmemCache<T>>,
    _owned: PhantomData<T>,
}

// SAFETY: A batch owns its `T`s, and `kmem_cache_free_bulk()` may be called from any context.
unsafe impl<T: Send, const N: usize> Send for Batch<'_, T, N> {}

// SAFETY: A shared batch gives out shared references to its `T`s, nothing else.
unsafe impl<T: Sync, const N: usize> Sync for Batch<'_, T, N> {}

impl<T> KmemCache<T> {
    /// Allocates `N` objects, at most 32, the `i`th of which holds `value(i)`.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`]. All objects are allocated or none; `value` is not
    /// called if none is.
    #[track_caller]
    pub fn alloc_bulk<const N: usize>(
        &self,
        mut value: impl FnMut(usize) -> T,
        gfp: Gfp,
    ) -> Result<Batch<'_, T, N>> {
        const {
            assert!(N <= MAX, "a batch has at most 32 objects");
        }
        let gfp = gfp.allowed()?;
        let mut objects = [NonNull::<T>::dangling(); N];
        let array = objects.as_mut_ptr().cast();
        // SAFETY: The cache is alive and serves flags that are allowed; `array` has room for `N`
        // pointers.
        let done = unsafe {
            bindings::kmem_cache_alloc_bulk_noprof(self.as_raw().as_ptr(), gfp, N, array)
        };
        // The kernel returns false for no objects.
        if !done && N > 0 {
            return Err(ENOMEM);
        }
        for (i, object) in objects.iter().enumerate() {
            // SAFETY: The object was just allocated, with the size and alignment of a `T`. (Should
            // `value` not return, the objects are leaked, and the cache stays.)
            unsafe { object.write(value(i)) };
        }
        // INVARIANT: The objects were allocated from this cache and written.
        Ok(Batch {
            objects,
            cache: self.as_raw(),
            _lifetime: PhantomData,
            _owned: PhantomData,
        })
    }
}

impl<'c, T, const N: usize> Batch<'c, T, N> {
    /// Returns an iterator over the values.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.objects.iter().map(|object| {
            // SAFETY: By the type invariants each is a `T` that `self` owns.
            unsafe { object.as_ref() }
        })
    }

    /// Returns an iterator over the values that can change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.objects.iter_mut().map(|object| {
            // SAFETY: By the type invariants each is a `T` that `self` owns, and all are different.
            unsafe { object.as_mut() }
        })
    }

    /// Splits the batch into its objects.
    pub fn into_objects(batch: Self) -> [Object<'c, T>; N] {
        let batch = ManuallyDrop::new(batch);
        batch.objects.map(|object| {
            // SAFETY: Each object meets the invariants of `Object`; `batch` is not dropped.
            unsafe { Object::new(object, batch.cache) }
        })
    }
}

impl<T, const N: usize> Drop for Batch<'_, T, N> {
    fn drop(&mut self) {
        for object in &self.objects {
            // SAFETY: By the type invariants there is a `T` that `self` owns; it is not used
            // afterwards.
            unsafe { object.drop_in_place() };
        }
        // SAFETY: By the type invariants these are objects of this cache, which is alive, and
        // `self`, which owns them, is going away.
        unsafe {
            bindings::kmem_cache_free_bulk(self.cache.as_ptr(), N, self.objects.as_mut_ptr().cast())
        };
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_bulk)]
mod tests {
    use super::*;
    use crate::slab::sysfs;
    use core::cell::Cell;

    struct Counts<'a>(&'a Cell<usize>, usize);

    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    fn in_use<T>(cache: &KmemCache<T>, name: &CStr) -> Result<usize> {
        cache.shrink();
        sysfs::attribute(name, c"objects")
    }

    #[test]
    fn a_batch_is_allocated_and_freed() -> Result {
        const NAME: &CStr = c"test_bulk";
        let drops = Cell::new(0);
        let cache = KmemCache::builder(NAME).build()?;
        let mut batch = cache.alloc_bulk::<30>(|i| Counts(&drops, i), Gfp::KERNEL)?;
        assert_eq!(in_use(&cache, NAME)?, 30);
        assert!(batch.iter().enumerate().all(|(i, object)| object.1 == i));
        for object in batch.iter_mut() {
            object.1 += 1;
        }
        assert_eq!(
            batch.iter().map(|object| object.1).sum::<usize>(),
            30 * 31 / 2
        );
        drop(batch);
        assert_eq!(drops.get(), 30);
        assert_eq!(in_use(&cache, NAME)?, 0);

        let none = cache.alloc_bulk::<0>(|i| Counts(&drops, i), Gfp::KERNEL)?;
        assert_eq!(none.iter().count(), 0);
        Ok(())
    }

    #[test]
    fn a_batch_is_split_into_objects() -> Result {
        const NAME: &CStr = c"test_bulk_parts";
        let drops = Cell::new(0);
        let cache = KmemCache::builder(NAME).build()?;
        let batch = cache.alloc_bulk::<3>(|i| Counts(&drops, i), Gfp::KERNEL)?;
        let [a, b, c] = Batch::into_objects(batch);
        assert_eq!((a.1, b.1, c.1), (0, 1, 2));
        drop(b);
        assert_eq!(in_use(&cache, NAME)?, 2);
        drop([a, c]);
        assert_eq!(drops.get(), 3);
        assert_eq!(in_use(&cache, NAME)?, 0);
        Ok(())
    }
}
