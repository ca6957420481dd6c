// SPDX-License-Identifier: GPL-2.0

//! An object of a slab cache, and who owns it.
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
    slab::{
        cache::KmemCache,
        dma32, //
    }, //
};

/// An owned object of a cache; dropping it frees it.
///
/// It borrows its cache, so the cache outlives it. An object that is leaked
/// ([`core::mem::forget`]) stays valid for ever: its cache is then not destroyed,
/// see [`KmemCache`].
///
/// # Invariants
///
/// - `ptr` is an allocated object of `cache`, large and aligned enough for a `T`,
///   and holds an initialized `T`. Nothing else owns it.
/// - `cache` is alive for `'c`.
pub struct Object<'c, T> {
    ptr: NonNull<T>,
    cache: NonNull<bindings::kmem_cache>,
    _lifetime: PhantomData<&'c KmemCache<T>>,
    _owned: PhantomData<T>,
}

// SAFETY: An object owns its `T`, and a cache takes objects back from any context.
unsafe impl<T: Send> Send for Object<'_, T> {}

// SAFETY: A shared object gives out shared references to its `T`, nothing else.
unsafe impl<T: Sync> Sync for Object<'_, T> {}

impl<'c, T> Object<'c, T> {
    /// # Safety
    ///
    /// The arguments satisfy the type invariants.
    #[inline]
    pub(crate) unsafe fn new(ptr: NonNull<T>, cache: NonNull<bindings::kmem_cache>) -> Self {
        // INVARIANT: By the safety requirements.
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

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`Object::into_raw`] on an object of `cache`, and no other
    /// call took it back since.
    #[inline]
    pub unsafe fn from_raw(cache: &'c KmemCache<T>, ptr: NonNull<T>) -> Self {
        // SAFETY: The object met the invariants when its ownership was given up;
        // nobody owned it since, and `cache` is borrowed for `'c`.
        unsafe { Self::new(ptr, cache.as_raw()) }
    }

    /// Where the object lies.
    #[inline]
    pub fn as_ptr(object: &Self) -> *mut T {
        object.ptr.as_ptr()
    }

    /// Whether the object is one of `cache`.
    #[inline]
    pub fn is_of(object: &Self, cache: &KmemCache<T>) -> bool {
        object.cache == cache.as_raw()
    }

    /// Pins the object: objects do not move.
    #[inline]
    pub fn into_pin(object: Self) -> Pin<Self> {
        // SAFETY: The object is owned and stays where it is until it is dropped.
        // If it never is, its memory is never used for anything else.
        unsafe { Pin::new_unchecked(object) }
    }

    /// The object's physical address.
    #[inline]
    pub fn phys(object: &Self) -> u64 {
        // SAFETY: Objects of slab caches lie in the linear map.
        unsafe { dma32::virt_to_phys(object.ptr.as_ptr().cast()) }
    }
}

impl<'c, T> Object<'c, MaybeUninit<T>> {
    /// The object, now initialized.
    ///
    /// # Safety
    ///
    /// The object holds a valid `T`.
    #[inline]
    pub unsafe fn assume_init(object: Self) -> Object<'c, T> {
        let object = ManuallyDrop::new(object);
        // SAFETY: The invariants hold for `MaybeUninit<T>`, which has the layout of
        // `T`, and by the safety requirements there is a `T`. `object` is not dropped.
        unsafe { Object::new(object.ptr.cast(), object.cache) }
    }

    /// The object, holding `value`.
    #[inline]
    pub fn write(mut object: Self, value: T) -> Object<'c, T> {
        (*object).write(value);
        // SAFETY: It was just written.
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
