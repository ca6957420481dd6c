// SPDX-License-Identifier: GPL-2.0

//! Caches whose objects are initialized before they are allocated, and stay so.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! The constructor runs once for each object of a new slab. An object that is freed
//! keeps its value, and the next one who allocates it finds it as it was left: what
//! is dear to make, such as a lock or a list head, is made once.

use core::{
    convert::Infallible,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        args::{
            Request,
            UserWindow, //
        },
        flags::SlabFlags,
        gfp::{
            self,
            Gfp, //
        },
        object::Object,
        raw_cache::RawCache, //
    }, //
};

/// A type whose values wait in a cache, ready to be used.
///
/// Values travel between tasks, hence `Send`. They are never dropped, as the slab
/// goes away without a call: a type that has something to drop does not compile.
pub trait Construct: Send + Sized {
    /// The value of an object that was never used.
    ///
    /// The initializer runs when a slab is allocated, in the context and with the
    /// restrictions of that allocation: it may not sleep.
    fn construct() -> impl PinInit<Self, Infallible>;
}

/// A cache of ready values of `T`.
///
/// What one owner leaves in an object the next one finds, so both have to see it as
/// one and the same type: neither the cache nor its objects can be taken for those of
/// a type that lives shorter.
///
/// It is never merged, and knows no zeroed allocation: a request with `__GFP_ZERO` is
/// refused, as it would undo what the constructor did.
pub struct ConstructedCache<T: Construct> {
    raw: RawCache,
    _invariant: PhantomData<fn(T) -> T>,
}

/// An owned object of a [`ConstructedCache`]; dropping it frees it, with the value it
/// has then.
pub struct Constructed<'c, T: Construct> {
    object: Pin<Object<'c, T>>,
    _invariant: PhantomData<fn(T) -> T>,
}

impl<T: Construct> Constructed<'_, T> {
    /// The value, to be changed where it is.
    #[inline]
    pub fn as_mut(&mut self) -> Pin<&mut T> {
        self.object.as_mut()
    }
}

impl<T: Construct> Deref for Constructed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Construct + Unpin> DerefMut for Constructed<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

/// What a cache of ready values is to be; made by [`ConstructedCache::builder`].
#[must_use]
pub struct ConstructedBuilder<'a, T: Construct> {
    name: &'a CStr,
    request: Request,
    _type: PhantomData<fn() -> T>,
}

/// The request for a cache whose constructor is that of `T`.
pub(crate) const fn request<T: Construct>() -> Request {
    const {
        assert!(
            !core::mem::needs_drop::<T>(),
            "objects with a constructor are never dropped, and this type has to be",
        );
    }
    // SAFETY: The memory is as large and aligned as a `T`, and nobody else's.
    unsafe { Request::of::<T>().ctor(construct::<T>) }
}

/// # Safety
///
/// `object` has the size and alignment of a `T`, and belongs to the caller.
unsafe extern "C" fn construct<T: Construct>(object: *mut c_void) {
    // SAFETY: By the safety requirements. What it makes stays where it is.
    match unsafe { pin_init::raw_try_init(object.cast(), T::construct()) } {
        Ok(()) => (),
        Err(never) => match never {},
    }
}

impl<T: Construct> ConstructedBuilder<'_, T> {
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

    /// With a region that may be copied to and from user space.
    pub fn user_window(mut self, window: UserWindow) -> Self {
        self.request = self.request.user_window(window);
        self
    }

    /// Makes the cache. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`](crate::slab::Builder::build).
    pub fn build(self) -> Result<ConstructedCache<T>> {
        Ok(ConstructedCache {
            raw: RawCache::new(self.name, &self.request)?,
            _invariant: PhantomData,
        })
    }
}

impl<T: Construct> ConstructedCache<T> {
    /// Starts the description of a cache.
    pub fn builder(name: &CStr) -> ConstructedBuilder<'_, T> {
        ConstructedBuilder {
            name,
            request: request::<T>(),
            _type: PhantomData,
        }
    }

    /// Allocates an object, as the constructor or its last owner left it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `gfp` names a zone or `__GFP_ZERO` (one line in the log),
    /// [`ENOMEM`].
    #[inline]
    pub fn alloc(&self, gfp: Gfp) -> Result<Constructed<'_, T>> {
        let ptr = alloc::<T>(&self.raw, gfp)?;
        // SAFETY: It was just allocated from this cache. The constructor made it a
        // `T`, its owners since can only have left another, and it was not dropped:
        // there is nothing to drop.
        let object = unsafe { Object::new(ptr, self.raw.as_raw()) };
        Ok(Constructed {
            object: Object::into_pin(object),
            _invariant: PhantomData,
        })
    }

    /// Gives slabs without objects back to the page allocator. Sleeps.
    ///
    /// Returns whether no slab is left.
    pub fn shrink(&self) -> bool {
        self.raw.shrink()
    }
}

/// Allocates an object of a cache that was made from [`request`].
#[inline]
pub(crate) fn alloc<T>(cache: &RawCache, gfp: Gfp) -> Result<NonNull<T>> {
    if gfp.is_zeroed() {
        return Err(gfp::refuse_zero());
    }
    let gfp = gfp.allowed()?;
    // SAFETY: The cache is alive, and the flags are ones it serves.
    let ptr = unsafe { bindings::kmem_cache_alloc_noprof(cache.as_raw().as_ptr(), gfp) };
    NonNull::new(ptr.cast()).ok_or(ENOMEM)
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_construct)]
mod tests {
    use super::*;
    use crate::slab::sysfs;

    const MAGIC: u64 = 0x5ab5_5ab5;

    struct Ready {
        magic: u64,
        uses: u64,
    }

    impl Construct for Ready {
        fn construct() -> impl PinInit<Self, Infallible> {
            init!(Self {
                magic: MAGIC,
                uses: 0,
            })
        }
    }

    #[test]
    fn objects_are_ready() -> Result {
        let cache = ConstructedCache::<Ready>::builder(c"test_ready").build()?;
        let mut objects = KVec::new();
        for _ in 0..300 {
            let object = cache.alloc(Gfp::KERNEL)?;
            assert_eq!((object.magic, object.uses), (MAGIC, 0));
            objects.push(object, GFP_KERNEL)?;
        }
        Ok(())
    }

    #[test]
    fn objects_keep_their_value() -> Result {
        let cache = ConstructedCache::<Ready>::builder(c"test_keep").build()?;
        let mut uses = 0;
        for _ in 0..100 {
            let mut object = cache.alloc(Gfp::KERNEL)?;
            assert_eq!(object.magic, MAGIC);
            uses = uses.max(object.uses);
            object.uses += 1;
        }
        // One after the other they got an object that had been used, unless KASAN
        // keeps such objects back.
        assert!(uses > 0 || cfg!(CONFIG_KASAN_GENERIC));
        Ok(())
    }

    #[test]
    fn debugging_keeps_values_too() -> Result {
        let cache = ConstructedCache::<Ready>::builder(c"test_keep_debug")
            .flags(SlabFlags::POISON | SlabFlags::RED_ZONE | SlabFlags::CONSISTENCY_CHECKS)
            .align(64)
            .user_window(UserWindow { offset: 8, size: 8 })
            .build()?;
        for _ in 0..100 {
            let object = cache.alloc(Gfp::KERNEL)?;
            assert_eq!(object.magic, MAGIC);
            assert_eq!(core::ptr::from_ref(&*object) as usize % 64, 0);
        }
        assert!(cache.shrink());
        Ok(())
    }

    #[test]
    fn zeroing_is_refused() -> Result {
        const NAME: &CStr = c"test_no_zero";
        let cache = ConstructedCache::<Ready>::builder(NAME).build()?;
        assert!(cache
            .alloc(Gfp::KERNEL.zeroed())
            .is_err_and(|e| e == EINVAL));
        let zone = Gfp::from_raw(bindings::GFP_KERNEL | 1 << bindings::___GFP_DMA_BIT);
        assert!(cache.alloc(zone).is_err_and(|e| e == EINVAL));
        assert_eq!(sysfs::attribute(NAME, c"slabs")?, 0);
        Ok(())
    }
}
