// SPDX-License-Identifier: GPL-2.0

//! Slab caches of one type.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};

use crate::{
    alloc::NumaNode,
    bindings,
    prelude::*,
    slab::{
        args::CacheArgs,
        builder::Builder,
        dma32::Dma32,
        gfp::Gfp,
        node,
        object::Object,
        raw_cache::RawCache, //
    }, //
};

/// A slab cache for values of `T`.
///
/// Objects borrow the cache, so that it is dropped after the last of them. To keep both in one
/// struct, put the cache in an [`Arc`] and allocate [`SharedObject`]s.
///
/// An object that is leaked ([`core::mem::forget`]) stays valid: its cache is then not destroyed,
/// and one line in the log gives its name and the number of such objects.
///
/// Creating and dropping a cache sleeps. Allocating sleeps as its flags say; freeing does not.
///
/// A type whose size or alignment no cache can have does not compile.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, slab::{Gfp, KmemCache, SlabFlags}};
/// let cache = KmemCache::<[u32; 256]>::builder(c"doc_tables")
///     .flags(SlabFlags::LOW)
///     .align(1024)
///     .build()?;
///
/// let mut table = cache.alloc_zeroed(Gfp::KERNEL)?;
/// table[0] = 1;
/// assert_eq!(table.iter().sum::<u32>(), 1);
/// # Ok::<(), Error>(())
/// ```
///
/// [`Arc`]: crate::sync::Arc
/// [`SharedObject`]: crate::slab::SharedObject
#[repr(transparent)]
pub struct KmemCache<T> {
    raw: RawCache,
    // A cache gives out values of `T` and holds none.
    _type: PhantomData<fn() -> T>,
}

impl<T> KmemCache<T> {
    /// Returns a builder of a cache; `name` is its name in `/sys/kernel/slab` and
    /// `/proc/slabinfo`.
    pub fn builder(name: &CStr) -> Builder<'_, Self> {
        let args = const { CacheArgs::of::<T>().assert_layout() };
        Builder::new(name, args, |raw| Self {
            raw,
            _type: PhantomData,
        })
    }

    /// # Safety
    ///
    /// The objects of `raw` are large and aligned enough for a `T`, and `raw` has no constructor.
    pub(crate) unsafe fn from_raw_cache(raw: &RawCache) -> &Self {
        // SAFETY: `Self` is transparent over `RawCache`; the size and alignment of the objects are
        // required of the caller.
        unsafe { &*core::ptr::from_ref(raw).cast() }
    }

    /// Returns the cache without the type of its objects.
    pub(crate) fn as_raw_cache(&self) -> &RawCache {
        &self.raw
    }

    /// Returns the kernel's cache.
    #[inline]
    pub fn as_raw(&self) -> NonNull<bindings::kmem_cache> {
        self.raw.as_raw()
    }

    /// Returns the size of an object in bytes, as the kernel has it.
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
    /// [`EINVAL`] and one line in the log for flags that [`Gfp::allowed`] refuses; [`ENOMEM`].
    #[inline]
    #[track_caller]
    pub fn alloc_uninit(&self, gfp: Gfp) -> Result<Object<'_, MaybeUninit<T>>> {
        let gfp = gfp.allowed()?;
        // SAFETY: The cache is alive, and serves flags that are allowed.
        let ptr = unsafe { bindings::kmem_cache_alloc_noprof(self.as_raw().as_ptr(), gfp) };
        let ptr = NonNull::new(ptr.cast::<MaybeUninit<T>>()).ok_or(ENOMEM)?;
        // SAFETY: The object was just allocated from this cache, whose objects have the size and
        // alignment of `T`; `MaybeUninit` needs no initialization.
        Ok(unsafe { Object::new(ptr, self.as_raw()) })
    }

    /// Allocates an object on a NUMA node, if that has memory left, without initializing it.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`].
    #[track_caller]
    fn alloc_node_uninit(&self, gfp: Gfp, node: NumaNode) -> Result<Object<'_, MaybeUninit<T>>> {
        let gfp = gfp.allowed()?;
        // SAFETY: The cache is alive and serves flags that are allowed; `number` returns the number
        // of an online node, or NUMA_NO_NODE.
        let ptr = unsafe {
            bindings::kmem_cache_alloc_node_noprof(self.as_raw().as_ptr(), gfp, node::number(node))
        };
        let ptr = NonNull::new(ptr.cast::<MaybeUninit<T>>()).ok_or(ENOMEM)?;
        // SAFETY: The object was just allocated from this cache, whose objects have the size and
        // alignment of `T`; `MaybeUninit` needs no initialization.
        Ok(unsafe { Object::new(ptr, self.as_raw()) })
    }

    /// Allocates an object on a NUMA node, if that has memory left, that holds `value`.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`]; `value` is dropped.
    #[track_caller]
    pub fn alloc_node(&self, value: T, gfp: Gfp, node: NumaNode) -> Result<Object<'_, T>> {
        Ok(Object::write(self.alloc_node_uninit(gfp, node)?, value))
    }

    /// Allocates an object that holds `value`.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`]; `value` is dropped.
    #[inline]
    #[track_caller]
    pub fn alloc(&self, value: T, gfp: Gfp) -> Result<Object<'_, T>> {
        Ok(Object::write(self.alloc_uninit(gfp)?, value))
    }

    /// Allocates an object of zeroes, like `kmem_cache_zalloc()`.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`].
    #[inline]
    #[track_caller]
    pub fn alloc_zeroed(&self, gfp: Gfp) -> Result<Object<'_, T>>
    where
        T: Zeroable,
    {
        let object = self.alloc_uninit(gfp.zeroed())?;
        // SAFETY: The memory is zeroed, which is a valid `T` as it is `Zeroable`.
        Ok(unsafe { Object::assume_init(object) })
    }

    /// Allocates an object and initializes it in place.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`] and of `init`.
    #[inline]
    #[track_caller]
    pub fn alloc_init<E>(&self, init: impl Init<T, E>, gfp: Gfp) -> Result<Object<'_, T>>
    where
        Error: From<E>,
    {
        let object = self.alloc_uninit(gfp)?;
        // SAFETY: The memory is owned by `object`, large and aligned enough for a `T`, and freed
        // with it, uninitialized, if this fails.
        unsafe { init.__init(Object::as_ptr(&object).cast()) }?;
        // SAFETY: `init` succeeded.
        Ok(unsafe { Object::assume_init(object) })
    }

    /// Allocates an object and initializes it in place, where it is pinned.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`] and of `init`.
    #[inline]
    #[track_caller]
    pub fn alloc_pin_init<E>(
        &self,
        init: impl PinInit<T, E>,
        gfp: Gfp,
    ) -> Result<Pin<Object<'_, T>>>
    where
        Error: From<E>,
    {
        let object = self.alloc_uninit(gfp)?;
        // SAFETY: The memory is owned by `object`, large and aligned enough for a `T`, and freed
        // with it, uninitialized, if this fails. The object is pinned below.
        unsafe { pin_init::raw_try_init(Object::as_ptr(&object).cast(), init) }?;
        // SAFETY: `init` succeeded.
        Ok(Object::into_pin(unsafe { Object::assume_init(object) }))
    }

    /// Allocates an object of zeroes below 4 GiB.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_uninit`]; [`ERANGE`] and one line in the log if the object
    /// lies elsewhere, which it can in a cache without [`SlabFlags::DMA32`].
    ///
    /// [`SlabFlags::DMA32`]: crate::slab::SlabFlags::DMA32
    #[inline]
    #[track_caller]
    pub fn alloc_dma32_zeroed(&self, gfp: Gfp) -> Result<Dma32<'_, T>>
    where
        T: Zeroable,
    {
        self.alloc_zeroed(gfp)?.try_into()
    }

    /// Allocates an object below 4 GiB that holds `value`.
    ///
    /// # Errors
    ///
    /// The errors of [`KmemCache::alloc_dma32_zeroed`].
    #[inline]
    #[track_caller]
    pub fn alloc_dma32(&self, value: T, gfp: Gfp) -> Result<Dma32<'_, T>> {
        self.alloc(value, gfp)?.try_into()
    }
}

impl<'c, T> Object<'c, T> {
    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`Object::into_raw`] on an object of `cache`, and no other call took it
    /// back since.
    #[inline]
    pub unsafe fn from_raw(cache: &'c KmemCache<T>, ptr: NonNull<T>) -> Self {
        // SAFETY: The object met the invariants when `into_raw` gave up its ownership; nothing has
        // owned it since, and `cache` is borrowed for `'c`.
        unsafe { Self::new(ptr, cache.as_raw()) }
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_cache)]
mod tests {
    use super::*;
    use crate::slab::{
        args::METADATA,
        sysfs,
        Batch,
        SlabFlags, //
    };
    use core::cell::Cell;

    type Table = [u32; 256];

    /// Reads an attribute of a cache.
    fn kernel(cache: &CStr, name: &CStr) -> Result<usize> {
        sysfs::attribute(cache, name)
    }

    /// Returns the number of objects of a cache that are in use.
    fn in_use<T>(cache: &KmemCache<T>, name: &CStr) -> Result<usize> {
        cache.shrink();
        kernel(name, c"objects")
    }

    /// Adds one to a cell when it is dropped.
    struct Counts<'a>(&'a Cell<u32>, [u64; 4]);

    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn objects_hold_values() -> Result {
        let cache = KmemCache::<[u64; 4]>::builder(c"test_values").build()?;
        let mut a = cache.alloc([1, 2, 3, 4], Gfp::KERNEL)?;
        let b = cache.alloc([5; 4], Gfp::ATOMIC)?;
        a[0] = 9;
        let c = cache.alloc_node([6; 4], Gfp::KERNEL, NumaNode::NO_NODE)?;
        assert_eq!(*c, [6; 4]);
        assert_eq!(*a, [9, 2, 3, 4]);
        assert_eq!(*b, [5; 4]);
        assert!(Object::as_ptr(&a) != Object::as_ptr(&b));
        Ok(())
    }

    #[test]
    fn dropping_an_object_frees_it() -> Result {
        let drops = Cell::new(0);
        let cache = KmemCache::builder(c"test_drop").build()?;
        let a = cache.alloc(Counts(&drops, [0; 4]), Gfp::KERNEL)?;
        let b = cache.alloc(Counts(&drops, [0; 4]), Gfp::KERNEL)?;
        assert_eq!(in_use(&cache, c"test_drop")?, 2);
        drop(a);
        assert_eq!(drops.get(), 1);
        assert_eq!(in_use(&cache, c"test_drop")?, 1);
        drop(b);
        assert_eq!(drops.get(), 2);
        assert!(cache.shrink());
        assert_eq!(kernel(c"test_drop", c"slabs")?, 0);
        Ok(())
    }

    #[test]
    fn raw_objects_are_taken_back() -> Result {
        let drops = Cell::new(0);
        let cache = KmemCache::builder(c"test_raw").build()?;
        let raw = Object::into_raw(cache.alloc(Counts(&drops, [7; 4]), Gfp::KERNEL)?);
        assert_eq!(drops.get(), 0);
        assert_eq!(in_use(&cache, c"test_raw")?, 1);
        // SAFETY: It comes from `into_raw` on an object of this cache.
        let object = unsafe { Object::from_raw(&cache, raw) };
        assert_eq!(object.1, [7; 4]);
        drop(object);
        assert_eq!(drops.get(), 1);
        assert_eq!(in_use(&cache, c"test_raw")?, 0);
        Ok(())
    }

    #[test]
    fn failed_initialization_frees() -> Result {
        let cache = KmemCache::<[u64; 4]>::builder(c"test_init").build()?;
        let fails = || {
            // SAFETY: Nothing is initialized and an error returned.
            unsafe { pin_init::init_from_closure::<[u64; 4], Error>(|_| Err(EAGAIN)) }
        };
        assert!(cache
            .alloc_init(fails(), Gfp::KERNEL)
            .is_err_and(|e| e == EAGAIN));
        assert!(cache
            .alloc_pin_init(fails(), Gfp::KERNEL)
            .is_err_and(|e| e == EAGAIN));
        assert_eq!(in_use(&cache, c"test_init")?, 0);

        let object = cache.alloc_init(pin_init::init_zeroed(), Gfp::KERNEL)?;
        assert_eq!(*object, [0; 4]);
        let object = cache.alloc_pin_init(pin_init::init_zeroed(), Gfp::KERNEL)?;
        assert_eq!(*object, [0; 4]);
        Ok(())
    }

    #[test]
    fn zeroed_objects_are_zero() -> Result {
        const N: usize = 32;
        let cache = KmemCache::<Table>::builder(c"test_zero").build()?;
        let dirty = cache.alloc_bulk::<N>(|_| [0xffff_ffff; 256], Gfp::KERNEL)?;
        drop(dirty);
        for _ in 0..N {
            let object = cache.alloc_zeroed(Gfp::KERNEL)?;
            assert!(object.iter().all(|entry| *entry == 0));
            // The next one may find it.
            Object::write(cache.alloc_uninit(Gfp::KERNEL)?, [0xffff_ffff; 256]);
        }
        Ok(())
    }

    #[test]
    fn objects_are_aligned() -> Result {
        let cache = KmemCache::<[u64; 9]>::builder(c"test_align")
            .align(256)
            .build()?;
        assert_eq!(kernel(c"test_align", c"align")?, 256);
        let objects = cache.alloc_bulk::<32>(|_| [0; 9], Gfp::KERNEL)?;
        for object in objects.iter() {
            assert_eq!(core::ptr::from_ref(object) as usize % 256, 0);
        }

        #[repr(align(128))]
        struct Aligned(#[expect(dead_code)] u64);
        let cache = KmemCache::<Aligned>::builder(c"test_align_type")
            .align(16)
            .build()?;
        let objects = cache.alloc_bulk::<32>(|_| Aligned(0), Gfp::KERNEL)?;
        for object in objects.iter() {
            assert_eq!(core::ptr::from_ref(object) as usize % 128, 0);
        }
        Ok(())
    }

    #[test]
    fn flags_reach_the_kernel() -> Result {
        const NAME: &CStr = c"test_flags";
        for (flags, attribute) in [
            #[cfg(CONFIG_ZONE_DMA)]
            (SlabFlags::DMA, c"cache_dma"),
            (SlabFlags::HWCACHE_ALIGN, c"hwcache_align"),
            (SlabFlags::RECLAIM_ACCOUNT, c"reclaim_account"),
            (SlabFlags::CONSISTENCY_CHECKS, c"sanity_checks"),
            (SlabFlags::RED_ZONE, c"red_zone"),
            (SlabFlags::POISON, c"poison"),
        ] {
            let cache = KmemCache::<Table>::builder(NAME).flags(flags).build()?;
            assert_eq!(kernel(NAME, attribute)?, 1);
            drop(cache);
            // A kernel may be told to debug all caches.
            let cache = KmemCache::<Table>::builder(NAME).build()?;
            assert_eq!(kernel(NAME, attribute)?, kernel(c"kmalloc-1k", attribute)?);
            drop(cache);
        }
        Ok(())
    }

    #[test]
    fn zones_in_allocation_flags_are_refused() -> Result {
        let cache = KmemCache::<Table>::builder(c"test_gfp")
            .flags(SlabFlags::LOW)
            .build()?;
        let gfp = Gfp::from_raw(bindings::GFP_KERNEL | 1 << bindings::___GFP_DMA32_BIT);
        assert!(cache.alloc_zeroed(gfp).is_err_and(|e| e == EINVAL));
        assert!(cache.alloc([0; 256], gfp).is_err_and(|e| e == EINVAL));
        assert!(cache
            .alloc_node([0; 256], gfp, NumaNode::NO_NODE)
            .is_err_and(|e| e == EINVAL));
        assert!(cache
            .alloc_bulk::<2>(|_| [0; 256], gfp)
            .is_err_and(|e| e == EINVAL));
        assert_eq!(kernel(c"test_gfp", c"slabs")?, 0);
        Ok(())
    }

    #[test]
    fn bad_caches_are_refused() -> Result {
        const NAME: &CStr = c"test_bad";
        let flags = |flags| KmemCache::<Table>::builder(NAME).flags(flags).build().err();
        assert!(flags(SlabFlags::DMA | SlabFlags::DMA32) == Some(EINVAL));
        for bit in [
            bindings::_slab_flag_bits__SLAB_PANIC,
            bindings::_slab_flag_bits__SLAB_KMALLOC,
            bindings::_slab_flag_bits__SLAB_TYPESAFE_BY_RCU,
            bindings::_slab_flag_bits__SLAB_TRACE,
            bindings::_slab_flag_bits__SLAB_FLAGS_LAST_BIT,
            31,
        ] {
            assert!(flags(SlabFlags::from_raw(1 << bit)) == Some(EINVAL));
        }
        assert!(KmemCache::<Table>::builder(NAME).align(24).build().err() == Some(EINVAL));
        assert!(KmemCache::<Table>::builder(NAME).align(0).build().err() == Some(EINVAL));
        assert!(
            KmemCache::<Table>::builder(NAME)
                .align(1 << (usize::BITS - 1))
                .build()
                .err()
                == Some(EINVAL)
        );
        assert!(!sysfs::exists(NAME));
        Ok(())
    }

    // The kernel's command line may ask for all of this debugging for any cache.
    #[test]
    fn the_largest_cache_survives_debugging() -> Result {
        const NAME: &CStr = c"test_large";
        const SIZE: usize = bindings::KMALLOC_MAX_SIZE as usize - METADATA - 64;
        let cache = KmemCache::<[u8; SIZE]>::builder(NAME)
            .flags(SlabFlags::RED_ZONE | SlabFlags::POISON | SlabFlags::STORE_USER)
            .flags(SlabFlags::CONSISTENCY_CHECKS)
            .build()?;
        assert_eq!(cache.object_size(), SIZE);
        let object = cache.alloc_uninit(Gfp::KERNEL)?;
        assert_eq!(in_use(&cache, NAME)?, 1);
        drop(object);
        Ok(())
    }

    // In a guest with memory above 4 GiB, an allocation without the zone gets there.
    #[test]
    fn dma32_objects_lie_below_4g() -> Result {
        const NAME: &CStr = c"test_dma32";
        const N: usize = 32;
        let cache = KmemCache::<Table>::builder(NAME)
            .flags(SlabFlags::LOW)
            .build()?;
        let tables = cache.alloc_bulk::<N>(|_| [0; 256], Gfp::KERNEL)?;
        for object in Batch::into_objects(tables) {
            let phys = Object::phys(&object);
            let object = Dma32::new(object).map_err(|_| ERANGE)?;
            assert_eq!(u64::from(Dma32::phys(&object).get()), phys);
        }
        let table = cache.alloc_dma32([3; 256], Gfp::KERNEL)?;
        assert_eq!(table[255], 3);
        let table = cache.alloc_dma32_zeroed(Gfp::KERNEL)?;
        assert_eq!(table[255], 0);
        Ok(())
    }

    #[test]
    fn physical_addresses_are_the_linear_map_s() -> Result {
        let cache = KmemCache::<Table>::builder(c"test_phys")
            .align(1024)
            .build()?;
        let a = cache.alloc([0; 256], Gfp::KERNEL)?;
        let b = cache.alloc([0; 256], Gfp::KERNEL)?;
        // Without the tags that KASAN has in the top byte of addresses.
        let distance = |x: u64, y: u64| x.wrapping_sub(y) << 8;
        assert_eq!(
            distance(Object::phys(&a), Object::phys(&b)),
            distance(Object::as_ptr(&a) as u64, Object::as_ptr(&b) as u64)
        );
        assert_eq!(Object::phys(&a) % 1024, 0);
        Ok(())
    }

    #[cfg(CONFIG_NUMA)]
    #[test]
    fn node_hints_are_followed() -> Result {
        const NAME: &CStr = c"test_node";
        let cache = KmemCache::<[u64; 1024]>::builder(NAME).build()?;
        for number in 0..4 {
            let node = NumaNode::new(number)?;
            let there = node::number(node) == number;
            let object = cache.alloc_node_uninit(Gfp::KERNEL, node)?;
            let text = crate::str::CString::try_from_fmt(fmt!(" N{number}="))?;
            cache.shrink();
            let on_node = sysfs::find(NAME)
                .ok_or(ENOENT)?
                .read(c"objects", |objects| {
                    objects
                        .windows(text.count_bytes())
                        .any(|part| part == text.to_bytes())
                })?;
            // A node that the machine has not is no preference.
            assert_eq!(on_node, there);
            drop(object);
        }
        Ok(())
    }

    #[cfg(CONFIG_FAILSLAB)]
    #[test]
    fn failed_allocations_leave_nothing() -> Result {
        use crate::slab::tests::fault;

        const NAME: &CStr = c"test_fault";
        let drops = Cell::new(0);
        let value = || Counts(&drops, [0; 4]);
        let cache = KmemCache::builder(NAME).build()?;

        let (object, failed) = fault::nth(1, || cache.alloc(value(), fault::GFP));
        assert!(failed && object.is_err_and(|e| e == ENOMEM));
        assert_eq!(drops.get(), 1);
        let (object, failed) = fault::nth(1, || {
            cache.alloc_node(value(), fault::GFP, NumaNode::NO_NODE)
        });
        assert!(failed && object.is_err_and(|e| e == ENOMEM));
        assert_eq!(drops.get(), 2);
        let (batch, failed) = fault::nth(1, || cache.alloc_bulk::<4>(|_| value(), fault::GFP));
        assert!(failed && batch.is_err_and(|e| e == ENOMEM));
        assert_eq!(drops.get(), 2);
        assert_eq!(in_use(&cache, NAME)?, 0);

        // The next request works.
        drop(cache.alloc(value(), fault::GFP)?);
        assert_eq!(drops.get(), 3);
        Ok(())
    }

    #[cfg(CONFIG_HARDENED_USERCOPY)]
    #[test]
    fn user_window_reaches_the_kernel() -> Result {
        const NAME: &CStr = c"test_user";
        let window = crate::slab::UserWindow {
            offset: 8,
            size: 24,
        };
        let cache = KmemCache::<[u64; 8]>::builder(NAME)
            .user_window(window)
            .build()?;
        assert_eq!(kernel(NAME, c"usersize")?, 24);
        drop(cache);
        let cache = KmemCache::<[u64; 8]>::builder(NAME).build()?;
        assert_eq!(kernel(NAME, c"usersize")?, 0);
        drop(cache);
        Ok(())
    }
}
