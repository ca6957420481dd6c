// SPDX-License-Identifier: GPL-2.0

//! Owned objects of a slab cache.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::{
    marker::PhantomData,
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

use crate::{
    bindings,
    fmt,
    prelude::*,
    slab::linear_map::virt_to_phys, //
};

/// An owned object of a cache; dropping it frees it.
///
/// The object borrows its cache, which therefore outlives it; a [`SharedObject`] shares the cache
/// instead. A leaked object ([`core::mem::forget`]) stays valid for ever: its cache is then not
/// destroyed, see [`KmemCache`].
///
/// [`KmemCache`]: crate::slab::KmemCache
/// [`SharedObject`]: crate::slab::SharedObject
///
/// # Invariants
///
/// - `ptr` is an allocated object of `cache`, large and aligned enough for a `T`,
///   and holds an initialized `T`. Nothing else owns it.
/// - `cache` is alive for `'c`.
pub struct Object<'c, T> {
    ptr: NonNull<T>,
    cache: NonNull<bindings::kmem_cache>,
    _lifetime: PhantomData<&'c ()>,
    _owned: PhantomData<T>,
}

// SAFETY: An object owns its `T`, and `kmem_cache_free()` may be called from any context.
unsafe impl<T: Send> Send for Object<'_, T> {}

// SAFETY: A shared object gives out shared references to its `T`, nothing else.
unsafe impl<T: Sync> Sync for Object<'_, T> {}

impl<'c, T> Object<'c, T> {
    /// # Safety
    ///
    /// The arguments satisfy the type invariants.
    #[inline]
    pub(crate) unsafe fn new(ptr: NonNull<T>, cache: NonNull<bindings::kmem_cache>) -> Self {
        // INVARIANT: The caller promises all of the type invariants.
        Self {
            ptr,
            cache,
            _lifetime: PhantomData,
            _owned: PhantomData,
        }
    }

    /// Gives up ownership without freeing; [`Object::from_raw`] takes it back.
    #[inline]
    pub fn into_raw(object: Self) -> NonNull<T> {
        ManuallyDrop::new(object).ptr
    }

    /// Extends the borrow of the cache.
    ///
    /// # Safety
    ///
    /// The cache is alive for `'a`.
    pub(crate) unsafe fn extend<'a>(object: Self) -> Object<'a, T> {
        let object = ManuallyDrop::new(object);
        // SAFETY: `object`, which is not dropped, met the invariants but for the lifetime, which is
        // required of the caller.
        unsafe { Object::new(object.ptr, object.cache) }
    }

    /// Returns the address of the object.
    #[inline]
    pub fn as_ptr(object: &Self) -> *mut T {
        object.ptr.as_ptr()
    }

    /// Pins the object: objects do not move.
    #[inline]
    pub fn into_pin(object: Self) -> Pin<Self> {
        // SAFETY: The object is owned, and stays where it is until it is dropped. If it never is,
        // its cache is not destroyed, so that its memory is not used for anything else.
        unsafe { Pin::new_unchecked(object) }
    }

    /// Returns the physical address of the object.
    ///
    /// A device takes this address only if no IOMMU or bus translates its addresses; a driver gets
    /// the address for a device from the DMA API.
    #[inline]
    pub fn phys(object: &Self) -> u64 {
        // SAFETY: Objects of slab caches lie in the linear map.
        unsafe { virt_to_phys(object.ptr.as_ptr().cast()) }
    }
}

impl<'c, T> Object<'c, MaybeUninit<T>> {
    /// Converts an object that holds a valid value.
    ///
    /// # Safety
    ///
    /// The object holds a valid `T`.
    #[inline]
    pub unsafe fn assume_init(object: Self) -> Object<'c, T> {
        let object = ManuallyDrop::new(object);
        // SAFETY: The invariants hold for `MaybeUninit<T>`, which has the layout of `T`, and by the
        // safety requirements there is a valid `T`. `object` is not dropped.
        unsafe { Object::new(object.ptr.cast(), object.cache) }
    }

    /// Writes `value` to the object.
    #[inline]
    pub fn write(mut object: Self, value: T) -> Object<'c, T> {
        (*object).write(value);
        // SAFETY: The value was just written.
        unsafe { Self::assume_init(object) }
    }
}

impl<T> Deref for Object<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants `ptr` points at a `T` that `self` owns.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T> DerefMut for Object<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariants `ptr` points at a `T` that `self` owns.
        unsafe { self.ptr.as_mut() }
    }
}

impl<T> Drop for Object<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is a `T` that `self` owns, and it is
        // not used afterwards.
        unsafe { self.ptr.drop_in_place() };
        // SAFETY: By the type invariants the cache is alive and the object is its
        // own, allocated, and owned by `self`, which is going away.
        unsafe { bindings::kmem_cache_free(self.cache.as_ptr(), self.ptr.as_ptr().cast()) };
    }
}

impl<T: fmt::Debug> fmt::Debug for Object<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
