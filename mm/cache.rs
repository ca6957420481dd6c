// SPDX-License-Identifier: GPL-2.0

//! Slab caches of one type.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    flags::SlabFlags,
    gfp::Gfp,
    object::Object,
    phys::{
        self,
        Dma32, //
    },
    raw::RawCache,
    request::{
        Request,
        UserWindow, //
    },
};

/// A slab cache for values of `T`.
///
/// Objects borrow the cache, so it is destroyed after the last of them. One that
/// was leaked instead of dropped stays valid all the same: the cache then stays
/// behind, empty of everything else, and one line in the log gives its name and the
/// number of such objects, as the kernel counts them.
///
/// Making and dropping a cache sleeps. Allocating sleeps as its flags say;
/// freeing does not.
///
/// # Examples
///
/// ```ignore
/// let cache = KmemCache::<Table>::builder(c"my_tables")
///     .flags(SlabFlags::DMA32)
///     .align(1024)
///     .build()?;
/// let table = cache.alloc_zeroed(Gfp::KERNEL)?;
/// ```
#[repr(transparent)]
pub struct KmemCache<T> {
    raw: RawCache,
    // A cache gives out values of `T` and holds none.
    _type: PhantomData<fn() -> T>,
}

/// What a cache is to be; made by [`KmemCache::builder`].
#[must_use]
pub struct Builder<'a, T> {
    name: &'a CStr,
    request: Request,
    _type: PhantomData<fn() -> T>,
}

impl<T> Builder<'_, T> {
    /// With these flags as well.
    pub fn flags(mut self, flags: SlabFlags) -> Self {
        self.request = self.request.flags(flags);
        self
    }

    /// Aligned to at least `align` bytes, a power of two.
    pub fn align(mut self, align: usize) -> Self {
        self.request = self.request.align(align);
        self
    }

    /// May share slabs with caches of like size and flags.
    ///
    /// It then has no directory of its own in `/sys/kernel/slab`, hence no
    /// `cache_dma32`, and leaked objects are noticed only by the last to leave.
    pub fn mergeable(mut self) -> Self {
        self.request = self.request.mergeable(true);
        self
    }

    /// With a region that may be copied to and from user space.
    pub fn user_window(mut self, window: UserWindow) -> Self {
        self.request = self.request.user_window(window);
        self
    }

    /// Makes the cache. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: name, flags, size or alignment cannot be; one line in the log
    ///   names what, and nothing was allocated.
    /// - [`EEXIST`]: a live cache has that name.
    /// - [`ENOMEM`]: out of memory.
    pub fn build(self) -> Result<KmemCache<T>> {
        Ok(KmemCache {
            raw: RawCache::new(self.name, &self.request)?,
            _type: PhantomData,
        })
    }
}

impl<T> KmemCache<T> {
    /// Starts the description of a cache; `name` is its name in
    /// `/sys/kernel/slab` and `/proc/slabinfo`.
    pub fn builder(name: &CStr) -> Builder<'_, T> {
        Builder {
            name,
            request: Request::of::<T>(),
            _type: PhantomData,
        }
    }

    /// # Safety
    ///
    /// The objects of `raw` are large and aligned enough for a `T`, and `raw` has
    /// no constructor.
    pub(crate) unsafe fn from_raw_cache(raw: &RawCache) -> &Self {
        // SAFETY: `Self` is transparent over `RawCache`; the rest is required of the
        // caller.
        unsafe { &*core::ptr::from_ref(raw).cast() }
    }

    /// The kernel's cache.
    #[inline]
    pub fn as_raw(&self) -> NonNull<bindings::kmem_cache> {
        self.raw.as_raw()
    }

    /// Size of an object in bytes, as the kernel has it.
    pub fn object_size(&self) -> usize {
        self.raw.object_size()
    }

    /// Gives slabs without objects back to the page allocator. Sleeps.
    ///
    /// Returns whether no slab is left.
    pub fn shrink(&self) -> bool {
        self.raw.shrink()
    }

    /// Allocates an object without initializing it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `gfp` names a zone (one line in the log), [`ENOMEM`].
    #[inline]
    pub fn alloc_uninit(&self, gfp: Gfp) -> Result<Object<'_, MaybeUninit<T>>> {
        let gfp = gfp.allowed()?;
        // SAFETY: The cache is alive, and the flags are ones it serves.
        let ptr = unsafe { bindings::kmem_cache_alloc_noprof(self.as_raw().as_ptr(), gfp) };
        let ptr = NonNull::new(ptr.cast::<MaybeUninit<T>>()).ok_or(ENOMEM)?;
        // SAFETY: The object was just allocated from this cache, whose objects are
        // made for `T`; `MaybeUninit` needs no initialization.
        Ok(unsafe { Object::new(ptr, self.as_raw()) })
    }

    /// Allocates an object that holds `value`.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_uninit`]; `value` is dropped.
    #[inline]
    pub fn alloc(&self, value: T, gfp: Gfp) -> Result<Object<'_, T>> {
        Ok(Object::write(self.alloc_uninit(gfp)?, value))
    }

    /// Allocates an object of zeroes, as `kmem_cache_zalloc()` does.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_uninit`].
    #[inline]
    pub fn alloc_zeroed(&self, gfp: Gfp) -> Result<Object<'_, T>>
    where
        T: Zeroable,
    {
        let object = self.alloc_uninit(gfp.zeroed())?;
        // SAFETY: The memory is zeroed, and `T: Zeroable` makes that a valid `T`.
        Ok(unsafe { Object::assume_init(object) })
    }

    /// Allocates an object and initializes it in place.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_uninit`], and those of `init`.
    #[inline]
    pub fn alloc_init<E>(&self, init: impl Init<T, E>, gfp: Gfp) -> Result<Object<'_, T>>
    where
        Error: From<E>,
    {
        let object = self.alloc_uninit(gfp)?;
        // SAFETY: The memory is ours, large and aligned enough, and freed with
        // `object`, uninitialized, if this fails.
        unsafe { init.__init(Object::as_ptr(&object).cast()) }?;
        // SAFETY: `init` succeeded.
        Ok(unsafe { Object::assume_init(object) })
    }

    /// Allocates an object and initializes it in place, where it then stays.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_uninit`], and those of `init`.
    #[inline]
    pub fn alloc_pin_init<E>(
        &self,
        init: impl PinInit<T, E>,
        gfp: Gfp,
    ) -> Result<Pin<Object<'_, T>>>
    where
        Error: From<E>,
    {
        let object = self.alloc_uninit(gfp)?;
        // SAFETY: As in `alloc_init`, and the object is pinned below.
        unsafe { init.__pinned_init(Object::as_ptr(&object).cast()) }?;
        // SAFETY: `init` succeeded.
        Ok(Object::into_pin(unsafe { Object::assume_init(object) }))
    }

    /// Allocates an object of zeroes below 4 GiB.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_uninit`]; [`ERANGE`] and one line in the log if the
    /// cache is not a [`SlabFlags::DMA32`] one and the object lies elsewhere.
    #[inline]
    pub fn alloc_dma32_zeroed(&self, gfp: Gfp) -> Result<Dma32<'_, T>>
    where
        T: Zeroable,
    {
        Dma32::new(self.alloc_zeroed(gfp)?).map_err(|(_, above)| phys::refuse(above))
    }

    /// Allocates an object below 4 GiB that holds `value`.
    ///
    /// # Errors
    ///
    /// As [`KmemCache::alloc_dma32_zeroed`].
    #[inline]
    pub fn alloc_dma32(&self, value: T, gfp: Gfp) -> Result<Dma32<'_, T>> {
        Dma32::new(self.alloc(value, gfp)?).map_err(|(_, above)| phys::refuse(above))
    }
}
