// SPDX-License-Identifier: GPL-2.0

//! Caches whose objects are freed after an RCU grace period.
//!
//! C headers: [`include/linux/slab.h`](srctree/include/linux/slab.h),
//! [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)
//!
//! A reader finds an object in an [`RcuSlot`], and may use it as long as it holds an RCU guard; the
//! owner may remove and drop the object at any time. This is safe because
//!
//! - the slot gives up the pointer before the object is dropped, and the memory is freed by
//!   `call_rcu()`, after all readers that can have found it. A reader may hold a lock in an object
//!   that it removes itself;
//! - owner and readers have a `&T` only; `T` is `Sync`, and is changed by atomics or locks of its
//!   own;
//! - objects have a constructor ([`Construct`]), and are never dropped: the callback has nothing to
//!   do but to free memory.

use core::{
    marker::PhantomData,
    mem::{
        offset_of,
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::Deref,
    ptr::NonNull, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        args::CacheArgs,
        builder::Builder,
        constructed::{
            self,
            Construct, //
        },
        gfp::Gfp,
        raw_cache::RawCache, //
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

/// A cache whose objects are freed after a grace period.
///
/// Dropping it sleeps until the objects that were dropped before are freed.
///
/// # Examples
///
/// ```
/// # use core::convert::Infallible;
/// # use kernel::{
/// #     prelude::*,
/// #     slab::{Construct, Gfp, RcuCache, RcuSlot},
/// #     sync::{atomic::{Atomic, Relaxed}, rcu},
/// # };
/// struct Route {
///     hops: Atomic<u64>,
/// }
///
/// impl Construct for Route {
///     fn construct() -> impl PinInit<Self, Infallible> {
///         init!(Self { hops: Atomic::new(0) })
///     }
/// }
///
/// let cache = RcuCache::<Route>::builder(c"doc_routes").build()?;
/// let slot = RcuSlot::new(&cache);
///
/// let route = cache.alloc(Gfp::KERNEL)?;
/// route.hops.store(3, Relaxed);
/// drop(slot.set(Some(route)));
///
/// let guard = rcu::read_lock();
/// let hops = slot.get(&guard).map(|route| route.hops.load(Relaxed));
/// assert_eq!(hops, Some(3));
/// # Ok::<(), Error>(())
/// ```
pub struct RcuCache<T: Construct + Sync> {
    raw: RawCache,
    // Objects keep their value for the next owner, so they must not change their lifetime.
    _invariant: PhantomData<fn(T) -> T>,
}

/// An object in memory: what `call_rcu()` needs to free it, and a value.
#[repr(C)]
struct Node<T> {
    head: MaybeUninit<bindings::callback_head>,
    value: T,
}

/// # Safety
///
/// `object` has the size and alignment of a [`Node`], and belongs to the caller.
unsafe extern "C" fn ctor<T: Construct>(object: *mut c_void) {
    // SAFETY: The memory is that of a node by the safety requirements, and objects do not move.
    unsafe { constructed::construct(&raw mut (*object.cast::<Node<T>>()).value) }
}

/// An owned object of an [`RcuCache`]; dropping it frees it after a grace period.
///
/// # Invariants
///
/// `ptr` is the value of an allocated [`Node`] of `cache`, which is alive for `'c`. Others may have
/// shared references to it until a grace period from now. No other `RcuObject` owns it, and no
/// [`RcuSlot`] holds it.
pub struct RcuObject<'c, T: Construct + Sync> {
    ptr: NonNull<T>,
    cache: &'c RcuCache<T>,
}

// SAFETY: `T` is `Send` and `Sync`, and `call_rcu()` may be called from any context.
unsafe impl<T: Construct + Sync> Send for RcuObject<'_, T> {}

// SAFETY: A shared object gives out shared references to its `T`, nothing else.
unsafe impl<T: Construct + Sync> Sync for RcuObject<'_, T> {}

impl<T: Construct + Sync> RcuCache<T> {
    /// Returns a builder of a cache.
    pub fn builder(name: &CStr) -> Builder<'_, Self> {
        let args = const {
            constructed::assert_not_dropped::<T>();
            // SAFETY: `ctor` may be called with memory of the size and alignment of `Node<T>`.
            unsafe { CacheArgs::of::<Node<T>>().ctor(ctor::<T>) }.assert_layout()
        };
        Builder::new(name, args, |raw| Self {
            raw,
            _invariant: PhantomData,
        })
    }

    /// Allocates an object, as the constructor or its last owner left it.
    ///
    /// # Errors
    ///
    /// The errors of [`ConstructedCache::alloc`](crate::slab::ConstructedCache::alloc).
    #[inline]
    #[track_caller]
    pub fn alloc(&self, gfp: Gfp) -> Result<RcuObject<'_, T>> {
        let node = constructed::alloc::<Node<T>>(&self.raw, gfp)?.as_ptr();
        // SAFETY: The node was just allocated: its field is not NULL.
        let ptr = unsafe { NonNull::new_unchecked(&raw mut (*node).value) };
        // INVARIANT: `ptr` is the value of a node that was just allocated from this cache; the
        // constructor made it.
        Ok(RcuObject { ptr, cache: self })
    }

    /// Gives slabs without objects back to the page allocator, after objects that were dropped are
    /// freed. Sleeps.
    ///
    /// Returns whether no slab is left.
    pub fn shrink(&self) -> bool {
        wait_for_frees();
        self.raw.shrink()
    }
}

impl<T: Construct + Sync> Drop for RcuCache<T> {
    fn drop(&mut self) {
        // The cache is destroyed next, unless objects of it are still allocated.
        wait_for_frees();
    }
}

/// Waits for the callbacks of objects that were dropped.
fn wait_for_frees() {
    // SAFETY: `rcu_barrier()` may be called wherever sleeping is allowed.
    unsafe { bindings::rcu_barrier() };
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
        // SAFETY: By the type invariants `ptr` is the value of a node.
        let node = unsafe { self.ptr.as_ptr().byte_sub(offset_of!(Node<T>, value)) };
        // SAFETY: The node, which starts with its head, is owned by `self`, so that the head is in
        // no list. The cache is not destroyed before the callback has run.
        unsafe { bindings::call_rcu(node.cast(), Some(free)) };
    }
}

/// # Safety
///
/// Called by RCU after a grace period: `head` is that of a [`Node`] which was dropped.
// Not generic, so that it is never part of a module that goes before RCU calls it.
unsafe extern "C" fn free(head: *mut bindings::callback_head) {
    // SAFETY: `head` is the start of an allocated object of a slab cache by the safety
    // requirements. Its owner dropped it, and readers that could find it are done. `kfree()` takes
    // objects of any cache.
    unsafe { bindings::kfree(head.cast()) };
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

// SAFETY: A slot owns an `RcuObject`, which is `Send`.
unsafe impl<T: Construct + Sync> Send for RcuSlot<'_, T> {}

// SAFETY: A slot gives out shared references to `T`, and whole objects, which are `Send`.
unsafe impl<T: Construct + Sync> Sync for RcuSlot<'_, T> {}

impl<'c, T: Construct + Sync> RcuSlot<'c, T> {
    /// Returns an empty slot for objects of `cache`.
    pub fn new(cache: &'c RcuCache<T>) -> Self {
        // INVARIANT: The pointer is NULL.
        Self {
            ptr: Atomic::new(core::ptr::null_mut()),
            cache,
        }
    }

    /// Returns a reference to the object, if there is one, for as long as the guard is held.
    #[inline]
    pub fn get<'g>(&'g self, _guard: &'g rcu::Guard) -> Option<&'g T> {
        // SAFETY: By the type invariants the pointer is NULL or that of an object which was not
        // dropped when it was loaded; it is not freed before the guard is. The acquire pairs with
        // the exchange in `set`.
        unsafe { self.ptr.load(Acquire).as_ref() }
    }

    /// Puts an object in the slot, or none, and takes out what was there.
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
            Some(object) => ManuallyDrop::new(object).ptr.as_ptr(),
            None => core::ptr::null_mut(),
        };
        // INVARIANT: The slot owns `new` from now on, and no longer what it held.
        let old = self.ptr.xchg(new, Full);
        // INVARIANT: The slot owned the object, and readers do not find it any more.
        Ok(NonNull::new(old).map(|ptr| RcuObject {
            ptr,
            cache: self.cache,
        }))
    }
}

impl<T: Construct + Sync> Drop for RcuSlot<'_, T> {
    fn drop(&mut self) {
        // Cannot fail: nothing is put in.
        drop(self.set(None));
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_rcu)]
mod tests {
    use super::*;
    use crate::slab::sysfs;
    use crate::{
        new_spinlock,
        sync::{
            atomic::Relaxed,
            SpinLock, //
        }, //
    };
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
    fn readers_keep_the_object() -> Result {
        let cache = RcuCache::<Entry>::builder(c"test_rcu").build()?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.get(&rcu::read_lock()).is_none());
        assert!(slot
            .set(Some(entry(&cache, 1)?))
            .is_ok_and(|old| old.is_none()));

        let next = entry(&cache, 2)?;
        let guard = rcu::read_lock();
        let seen = slot.get(&guard);
        assert!(seen.is_some_and(|entry| entry.key.load(Relaxed) == 1));
        // The owner drops it under the reader.
        let old = slot.set(Some(next));
        assert!(old.is_ok_and(|old| old.is_some()));
        let other = cache.alloc(Gfp::ATOMIC)?;
        other.key.store(3, Relaxed);
        assert!(seen.is_some_and(|entry| entry.key.load(Relaxed) == 1));
        assert!(slot
            .get(&guard)
            .is_some_and(|entry| entry.key.load(Relaxed) == 2));
        drop(guard);
        drop(other);

        let old = slot.set(None).map_err(|_| EINVAL)?;
        assert!(old.is_some_and(|old| old.key.load(Relaxed) == 2));
        drop(slot);
        assert!(cache.shrink());
        Ok(())
    }

    #[test]
    fn a_slot_frees_what_it_holds() -> Result {
        const NAME: &CStr = c"test_rcu_slot";
        let cache = RcuCache::<Entry>::builder(NAME).build()?;
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
        let cache = RcuCache::<Entry>::builder(c"test_rcu_one").build()?;
        let other = RcuCache::<Entry>::builder(c"test_rcu_other").build()?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.set(Some(entry(&other, 1)?)).is_err());
        assert!(slot.get(&rcu::read_lock()).is_none());
        Ok(())
    }

    #[pin_data]
    struct Locked {
        #[pin]
        lock: SpinLock<u64>,
    }

    impl Construct for Locked {
        fn construct() -> impl PinInit<Self, Infallible> {
            pin_init!(Self { lock <- new_spinlock!(0) })
        }
    }

    // With lockdep, memory that is freed must not hold a lock of the task that frees it.
    #[test]
    fn a_reader_removes_the_object_that_it_has_locked() -> Result {
        const NAME: &CStr = c"test_rcu_lock";
        let cache = RcuCache::<Locked>::builder(NAME).build()?;
        let slot = RcuSlot::new(&cache);
        assert!(slot.set(Some(cache.alloc(Gfp::KERNEL)?)).is_ok());
        let guard = rcu::read_lock();
        let mut locked = slot.get(&guard).ok_or(EINVAL)?.lock.lock();
        *locked += 1;
        drop(slot.set(None));
        drop(locked);
        drop(guard);
        assert!(cache.shrink());
        drop(slot);
        drop(cache);
        assert!(!sysfs::exists(NAME));
        Ok(())
    }
}
