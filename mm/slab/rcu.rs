// SPDX-License-Identifier: GPL-2.0

//! Caches whose objects RCU readers may hold while they are freed.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//! (`SLAB_TYPESAFE_BY_RCU`)
//!
//! The flag delays the freeing of a slab by a grace period, not that of an object: a
//! reader may find the object freed, and used again by another owner, while it looks.
//! It is still an object of the same type. What makes that safe here:
//!
//! - objects have a constructor ([`Construct`]), and are never dropped nor
//!   initialized again: at any time, free or not, they hold a `T`;
//! - nobody, their owner included, gets more than a `&T` of them; `T` is `Sync`, and
//!   changes through atomics or locks of its own;
//! - readers get at them through an [`RcuSlot`] under an RCU guard, and the slot
//!   gives up the pointer before the object is freed.
//!
//! What a reader has to check is what it means to `T`: that the object is still the
//! one it looked for (a key, a generation).

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        constructed::{
            self,
            Construct, //
        },
        flags::SlabFlags,
        gfp::Gfp,
        raw_cache::{
            self,
            RawCache, //
        }, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        rcu, //
    }, //
};

/// A cache whose objects stay objects of type `T` for readers under RCU.
pub struct RcuCache<T: Construct + Sync> {
    raw: RawCache,
    // What one owner leaves in an object the next one finds.
    _invariant: PhantomData<fn(T) -> T>,
}

/// An owned object of an [`RcuCache`]; dropping it frees it, without waiting for
/// readers.
///
/// # Invariants
///
/// `ptr` is an allocated object of `cache`, which is alive for `'c`. It holds a `T`,
/// of which others may have shared references. No other `RcuObject` owns it, and no
/// [`RcuSlot`] holds it.
pub struct RcuObject<'c, T: Construct + Sync> {
    ptr: NonNull<T>,
    cache: &'c RcuCache<T>,
}

// SAFETY: `T` is `Send` and `Sync`, and a cache takes objects back from any context.
unsafe impl<T: Construct + Sync> Send for RcuObject<'_, T> {}

// SAFETY: A shared object gives out shared references to its `T`, nothing else.
unsafe impl<T: Construct + Sync> Sync for RcuObject<'_, T> {}

impl<T: Construct + Sync> RcuCache<T> {
    /// Makes a cache with these flags. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`](crate::slab::Builder::build).
    pub fn new(name: &CStr, flags: SlabFlags) -> Result<Self> {
        let request = constructed::request::<T>().flags(flags).typesafe_by_rcu();
        Ok(Self {
            raw: RawCache::new(name, &request)?,
            _invariant: PhantomData,
        })
    }

    /// Allocates an object, as the constructor or its last owner left it.
    ///
    /// Readers may still look at it from when it had another owner.
    ///
    /// # Errors
    ///
    /// As [`ConstructedCache::alloc`](crate::slab::ConstructedCache::alloc).
    #[inline]
    pub fn alloc(&self, gfp: Gfp) -> Result<RcuObject<'_, T>> {
        // INVARIANT: It was just allocated; since the constructor ran it was a `T`.
        Ok(RcuObject {
            ptr: constructed::alloc(&self.raw, gfp)?,
            cache: self,
        })
    }

    /// Gives slabs without objects back to the page allocator, after a grace period.
    /// Sleeps.
    ///
    /// Returns whether no slab is left.
    pub fn shrink(&self) -> bool {
        raw_cache::wait_for_frees();
        self.raw.shrink()
    }
}

impl<T: Construct + Sync> Deref for RcuObject<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants there is a `T`, which is only ever shared.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T: Construct + Sync> Drop for RcuObject<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is an object of this cache, owned by
        // `self`. It needs no drop, and the flag keeps it for those who still look.
        unsafe {
            bindings::kmem_cache_free(self.cache.raw.as_raw().as_ptr(), self.ptr.as_ptr().cast())
        };
    }
}

/// A place where readers under RCU find an object.
///
/// # Invariants
///
/// `ptr` is NULL or that of an [`RcuObject`] of `cache` which the slot owns.
pub struct RcuSlot<'c, T: Construct + Sync> {
    ptr: Atomic<*mut T>,
    cache: &'c RcuCache<T>,
}

// SAFETY: It owns an `RcuObject`, which is `Send`.
unsafe impl<T: Construct + Sync> Send for RcuSlot<'_, T> {}

// SAFETY: It gives out shared references to `T`, and whole objects, which are `Send`.
unsafe impl<T: Construct + Sync> Sync for RcuSlot<'_, T> {}

impl<'c, T: Construct + Sync> RcuSlot<'c, T> {
    /// An empty slot for objects of `cache`.
    pub fn new(cache: &'c RcuCache<T>) -> Self {
        // INVARIANT: It is NULL.
        Self {
            ptr: Atomic::new(core::ptr::null_mut()),
            cache,
        }
    }

    /// What the slot holds, for as long as the guard is held.
    ///
    /// The object may be freed and be another's meanwhile: see the top of this file.
    #[inline]
    pub fn get<'g>(&'g self, _guard: &'g rcu::Guard) -> Option<&'g T> {
        // SAFETY: NULL, or an object that was not freed when the guard was taken, by
        // the type invariants: its slab stays until the guard is dropped, and holds
        // values of `T` until then. The acquire pairs with the exchange in `set`.
        unsafe { self.ptr.load(Acquire).as_ref() }
    }

    /// Puts an object in the slot, or nothing, and takes out what was there.
    ///
    /// # Errors
    ///
    /// Gives the object back if it is of another cache.
    pub fn set(
        &self,
        object: Option<RcuObject<'c, T>>,
    ) -> core::result::Result<Option<RcuObject<'c, T>>, RcuObject<'c, T>> {
        let new = match object {
            Some(object) if !core::ptr::eq(object.cache, self.cache) => return Err(object),
            Some(object) => core::mem::ManuallyDrop::new(object).ptr.as_ptr(),
            None => core::ptr::null_mut(),
        };
        // INVARIANT: The slot owns `new` from now on, and not what it held.
        let old = self.ptr.xchg(new, Full);
        // INVARIANT: The slot owned it, and readers do not find it any more.
        Ok(NonNull::new(old).map(|ptr| RcuObject {
            ptr,
            cache: self.cache,
        }))
    }
}

impl<T: Construct + Sync> Drop for RcuSlot<'_, T> {
    fn drop(&mut self) {
        // Nothing is given back as nothing is put in.
        drop(self.set(None));
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_rcu)]
mod tests {
    use super::*;
    use crate::slab::sysfs;
    use crate::sync::atomic::Relaxed;
    use core::convert::Infallible;

    const MAGIC: u64 = 0x7c07_7c07;

    struct Entry {
        magic: u64,
        key: Atomic<u64>,
    }

    impl Construct for Entry {
        fn construct() -> impl PinInit<Self, Infallible> {
            init!(Self {
                magic: MAGIC,
                key: Atomic::new(0),
            })
        }
    }

    fn entry<'c>(cache: &'c RcuCache<Entry>, key: u64) -> Result<RcuObject<'c, Entry>> {
        let object = cache.alloc(Gfp::KERNEL)?;
        object.key.store(key, Relaxed);
        Ok(object)
    }

    #[test]
    fn the_flag_reaches_the_kernel() -> Result {
        let cache = RcuCache::<Entry>::new(c"test_rcu_flag", SlabFlags::NONE)?;
        assert_eq!(sysfs::attribute(c"test_rcu_flag", c"destroy_by_rcu")?, 1);
        drop(cache);
        assert!(!sysfs::exists(c"test_rcu_flag"));
        Ok(())
    }

    #[test]
    fn readers_keep_an_object_of_the_type() -> Result {
        let cache = RcuCache::<Entry>::new(c"test_rcu", SlabFlags::NONE)?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.get(&rcu::read_lock()).is_none());
        assert!(slot
            .set(Some(entry(&cache, 1)?))
            .is_ok_and(|old| old.is_none()));

        let next = entry(&cache, 2)?;
        let guard = rcu::read_lock();
        let seen = slot.get(&guard);
        assert!(seen.is_some_and(|entry| entry.key.load(Relaxed) == 1));
        // The owner frees it under the reader, and may find it again.
        let old = slot.set(Some(next));
        assert!(old.is_ok_and(|old| old.is_some()));
        let again = cache.alloc(Gfp::ATOMIC);
        assert!(seen.is_some_and(|entry| entry.magic == MAGIC));
        assert!(slot
            .get(&guard)
            .is_some_and(|entry| entry.key.load(Relaxed) == 2));
        drop(guard);
        drop(again);

        let old = slot.set(None).map_err(|_| EINVAL)?;
        assert!(old.is_some_and(|old| old.key.load(Relaxed) == 2));
        drop(slot);
        assert!(cache.shrink());
        Ok(())
    }

    #[test]
    fn a_slot_frees_what_it_holds() -> Result {
        const NAME: &CStr = c"test_rcu_slot";
        let cache = RcuCache::<Entry>::new(NAME, SlabFlags::LOW)?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.set(Some(entry(&cache, 1)?)).is_ok());
        cache.shrink();
        assert_eq!(sysfs::attribute(NAME, c"objects")?, 1);
        drop(slot);
        assert!(cache.shrink());
        Ok(())
    }

    #[test]
    fn a_slot_refuses_objects_of_others() -> Result {
        let cache = RcuCache::<Entry>::new(c"test_rcu_one", SlabFlags::NONE)?;
        let other = RcuCache::<Entry>::new(c"test_rcu_other", SlabFlags::NONE)?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.set(Some(entry(&other, 1)?)).is_err());
        assert!(slot.get(&rcu::read_lock()).is_none());
        Ok(())
    }
}
