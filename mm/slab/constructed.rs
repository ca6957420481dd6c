// SPDX-License-Identifier: GPL-2.0

//! Caches whose objects have a constructor.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h) (`ctor` of `struct
//! kmem_cache_args`)
//!
//! The constructor runs once for each object of a new slab. An object that is freed keeps its
//! value, which the next allocation of that object finds: what is expensive to initialize, such as
//! a lock or a list head, is initialized once.

use core::{
    convert::Infallible,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    panic::Location,
    ptr::NonNull, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        args::CacheArgs,
        builder::Builder,
        gfp::{
            self,
            Gfp, //
        },
        object::Object,
        raw_cache::RawCache, //
    }, //
};

/// A type with a constructor for the objects of a cache.
///
/// Values move between tasks, hence `Send`. They are never dropped, as slabs are freed without a
/// call: a type that needs to be dropped does not compile.
pub trait Construct: Send + Sized {
    /// Returns the initializer of an object that was never used.
    ///
    /// The initializer runs when a slab is allocated, in the context of that allocation: it may not
    /// sleep.
    fn construct() -> impl PinInit<Self, Infallible>;
}

/// A cache whose objects are constructed values of `T`.
///
/// An object keeps the value of its last owner for the next one, so that both have to see it as the
/// same type: neither the cache nor its objects coerce to those of a type with a shorter lifetime.
///
/// `__GFP_ZERO` is refused, as it would undo what the constructor did.
///
/// # Examples
///
/// ```
/// # use core::convert::Infallible;
/// # use kernel::{prelude::*, slab::{Construct, ConstructedCache, Gfp}};
/// struct Request {
///     serial: u64,
///     buffer: [u8; 56],
/// }
///
/// impl Construct for Request {
///     fn construct() -> impl PinInit<Self, Infallible> {
///         init!(Self { serial: 7, buffer: [0; 56] })
///     }
/// }
///
/// let cache = ConstructedCache::<Request>::builder(c"doc_requests").build()?;
/// let mut request = cache.alloc(Gfp::KERNEL)?;
/// assert_eq!(request.serial, 7);
/// request.serial += 1;
/// # Ok::<(), Error>(())
/// ```
pub struct ConstructedCache<T: Construct> {
    raw: RawCache,
    _invariant: PhantomData<fn(T) -> T>,
}

/// An owned object of a [`ConstructedCache`]; dropping it frees it, and the object keeps its value.
pub struct Constructed<'c, T: Construct> {
    object: Pin<Object<'c, T>>,
    _invariant: PhantomData<fn(T) -> T>,
}

impl<T: Construct> Constructed<'_, T> {
    /// Returns a pinned mutable reference to the value.
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

/// Stops the compilation if values of `T` need to be dropped.
pub(crate) const fn assert_not_dropped<T: Construct>() {
    assert!(
        !core::mem::needs_drop::<T>(),
        "objects with a constructor are never dropped, and this type has to be",
    );
}

/// Constructs a value.
///
/// # Safety
///
/// `value` is valid for writes of a `T`, which stays there.
pub(crate) unsafe fn construct<T: Construct>(value: *mut T) {
    // SAFETY: `value` is valid for writes, and the value stays there (function requirement).
    match unsafe { pin_init::raw_try_init(value, T::construct()) } {
        Ok(()) => (),
        Err(never) => match never {},
    }
}

/// # Safety
///
/// `object` has the size and alignment of a `T`, and belongs to the caller.
unsafe extern "C" fn ctor<T: Construct>(object: *mut c_void) {
    // SAFETY: The memory is as large and aligned as a `T` by the safety requirements, and objects
    // do not move.
    unsafe { construct::<T>(object.cast()) }
}

impl<T: Construct> ConstructedCache<T> {
    /// Returns a builder of a cache.
    pub fn builder(name: &CStr) -> Builder<'_, Self> {
        let args = const {
            assert_not_dropped::<T>();
            // SAFETY: `ctor` may be called with memory of the size and alignment of `T`.
            unsafe { CacheArgs::of::<T>().ctor(ctor::<T>) }.assert_layout()
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
    /// [`EINVAL`] and one line in the log for flags that [`Gfp::allowed`] refuses and for
    /// `__GFP_ZERO`; [`ENOMEM`].
    #[inline]
    #[track_caller]
    pub fn alloc(&self, gfp: Gfp) -> Result<Constructed<'_, T>> {
        let ptr = alloc::<T>(&self.raw, gfp)?;
        // SAFETY: The object was just allocated from this cache. The constructor made it a `T`, its
        // owners since can only have left another `T`, and it was never dropped, as `T` does not
        // need to be.
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

/// Allocates an object of a cache with a constructor.
#[inline]
#[track_caller]
pub(crate) fn alloc<T>(cache: &RawCache, gfp: Gfp) -> Result<NonNull<T>> {
    if gfp.is_zeroed() {
        let caller = Location::caller();
        return Err(gfp::refuse(
            gfp,
            "__GFP_ZERO in a cache with a constructor",
            caller,
        ));
    }
    let gfp = gfp.allowed()?;
    // SAFETY: The cache is alive, and serves flags that are allowed.
    let ptr = unsafe { bindings::kmem_cache_alloc_noprof(cache.as_raw().as_ptr(), gfp) };
    NonNull::new(ptr.cast()).ok_or(ENOMEM)
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_constructed)]
mod tests {
    use super::*;
    use crate::slab::{
        sysfs,
        SlabFlags,
        UserWindow, //
    };

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
