// SPDX-License-Identifier: GPL-2.0

//! Caches that live as long as their module, each an allocator of its own.
//!
//! C headers: [`include/linux/slab.h`](srctree/include/linux/slab.h),
//! [`include/linux/module.h`](srctree/include/linux/module.h)
//!
//! [`static_cache!`](crate::static_cache!) declares a type without a size that names the cache, so
//! that neither `Box<T, Cache>` nor `Vec<T, Cache>` has to carry a reference to it.
//!
//! A static cache is destroyed by a module notifier when its module goes (`MODULE_STATE_GOING`),
//! after the module's exit. Code of the module that may still run then is that of
//! `async_schedule()`, which the kernel waits for after the notifier, and of RCU callbacks: both
//! are waited for before caches are destroyed. Code that runs later yet, such as a work item that
//! was not cancelled, runs in freed memory in any module. Leaked objects keep the cache, as they
//! keep a [`KmemCache`].

use core::{
    alloc::Layout,
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr::NonNull, //
};

use crate::{
    alloc::{
        AllocError,
        Flags,
        NumaNode, //
    },
    bindings,
    prelude::*,
    slab::{
        args::CacheArgs,
        bad_args::BadArgs,
        cache::KmemCache,
        gfp::Gfp,
        node,
        raw_cache::{
            check_name,
            RawCache, //
        },
        report::report, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        global_lock, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// A cache declared with [`static_cache!`](crate::static_cache!).
///
/// # Safety
///
/// - `slot` returns one and the same slot, which belongs to this type alone.
/// - `module` is the module that the slot and all code using this type are part of.
/// - `ARGS` is for objects of type `Object`, and has passed [`validate`].
pub unsafe trait StaticCache: 'static + Sized {
    /// Type of an object.
    type Object;

    /// Name of the cache in `/sys/kernel/slab`.
    const NAME: &'static CStr;

    /// Arguments of the cache.
    const ARGS: CacheArgs;

    /// Returns the place of the cache.
    #[doc(hidden)]
    fn slot() -> &'static Slot;

    /// Returns the module that the cache belongs to.
    #[doc(hidden)]
    fn module() -> &'static ThisModule;
}

/// Place of a static cache.
///
/// # Invariants
///
/// If `hot` is not NULL it is the cache in `cache`, which is initialized. Both are set once, under
/// the lock of [`STATICS`], `hot` last and with release ordering, and cleared when no code that can
/// reach the slot runs any more.
#[doc(hidden)]
pub struct Slot {
    hot: Atomic<*mut bindings::kmem_cache>,
    cache: UnsafeCell<MaybeUninit<RawCache>>,
}

// SAFETY: A `RawCache` may be used from any task; the invariants say when it is
// written.
unsafe impl Sync for Slot {}

impl Slot {
    #[expect(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: There is no cache.
        Self {
            hot: Atomic::new(core::ptr::null_mut()),
            cache: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Returns the kernel's cache, or NULL before it is created.
    // A relaxed `Atomic` load is a call where helpers are not inlined, for each object. A volatile
    // read is what READ_ONCE() is: one load, and the address dependency makes the cache visible as
    // it was when it was published.
    #[inline(always)]
    fn hot(&self) -> *mut bindings::kmem_cache {
        // SAFETY: The field is aligned and alive as long as `self`.
        unsafe { self.hot.as_ptr().read_volatile() }
    }

    /// Returns the cache, once it is created.
    fn get(&'static self) -> Option<&'static RawCache> {
        if self.hot.load(Acquire).is_null() {
            return None;
        }
        // SAFETY: By the type invariants it is initialized, and not written while
        // code that can call this is there. The acquire pairs with the release.
        Some(unsafe { (*self.cache.get()).assume_init_ref() })
    }
}

/// A static cache that was created.
// The module is read by the notifier only, which is for kernels with modules.
#[cfg_attr(not(CONFIG_MODULES), expect(dead_code))]
struct Created {
    /// Address of the `struct module`, 0 for what is built in.
    module: usize,
    slot: &'static Slot,
}

/// All static caches.
struct Statics {
    caches: KVec<Created>,
}

global_lock! {
    // SAFETY: `follow_modules` calls `init` before anything takes the lock.
    //
    /// All static caches. Taken before any other lock of this module.
    unsafe(uninit) static STATICS: Mutex<Statics> = Statics {
        caches: KVec::new(),
    };
}

/// State of the lock of [`static@STATICS`] and of the notifier.
static STATE: Atomic<u32> = Atomic::new(UNINITIALIZED);

const UNINITIALIZED: u32 = 0;
const IN_PROGRESS: u32 = 1;
const INITIALIZED: u32 = 2;
const FAILED: u32 = 3;

/// Initializes the lock and registers the notifier, if that was not done. May sleep.
// The kernel crate has no mutex that is initialized at compile time. No lock is held meanwhile: the
// kernel calls the notifier, which takes the lock, under one that registering takes.
pub(crate) fn follow_modules() -> Result {
    match STATE.cmpxchg(UNINITIALIZED, IN_PROGRESS, Full) {
        Ok(_) => {
            // SAFETY: Called once, as the state changes from `UNINITIALIZED` once.
            unsafe { STATICS.init() };
            let registered = register_notifier();
            let state = registered.map_or(FAILED, |()| INITIALIZED);
            STATE.store(state, Release);
            registered
        }
        Err(_) => {
            while STATE.load(Acquire) == IN_PROGRESS {
                fsleep(Delta::from_micros(10));
            }
            if STATE.load(Acquire) == INITIALIZED {
                Ok(())
            } else {
                Err(ENODEV)
            }
        }
    }
}

/// Registers the notifier. Called once.
fn register_notifier() -> Result {
    #[cfg(CONFIG_MODULES)]
    // SAFETY: The block is static, and on no chain, as this is called once.
    crate::error::to_result(unsafe { bindings::register_module_notifier(NOTIFIER.as_ptr()) })?;
    Ok(())
}

/// Creates a static cache. Called by what [`static_cache!`] generates.
///
/// # Errors
///
/// [`EBUSY`] if it was created before; the errors of
/// [`Builder::build`](crate::slab::Builder::build).
#[doc(hidden)]
pub fn create<C: StaticCache>() -> Result<&'static KmemCache<C::Object>> {
    // SAFETY: The slot is part of the module and for these arguments, as the trait requires.
    unsafe { create_slot(C::slot(), C::module(), C::NAME, &C::ARGS) }?;
    cache::<C>().ok_or(ENOENT)
}

/// # Safety
///
/// `slot` is part of `module`, and is for caches created from `args`.
unsafe fn create_slot(
    slot: &'static Slot,
    module: &'static ThisModule,
    name: &'static CStr,
    args: &CacheArgs,
) -> Result {
    follow_modules()?;
    let mut statics = STATICS.lock();
    if !slot.hot().is_null() {
        pr_err!("cache '{name}' was created before\n");
        return Err(EBUSY);
    }
    statics.caches.reserve(1, GFP_KERNEL)?;
    let cache = RawCache::new(name, args)?;
    let raw = cache.as_raw().as_ptr();
    // SAFETY: `hot` is NULL, so that nothing reads the cell; the lock keeps others from writing it.
    unsafe { (*slot.cache.get()).write(cache) };
    // INVARIANT: The cache is in its place.
    slot.hot.store(raw, Release);
    // Cannot fail: room was reserved.
    let _ = statics.caches.push_within_capacity(Created {
        module: module.as_ptr() as usize,
        slot,
    });
    Ok(())
}

/// Returns the cache, once it was created. Called by what [`static_cache!`] generates.
#[doc(hidden)]
pub fn cache<C: StaticCache>() -> Option<&'static KmemCache<C::Object>> {
    let raw = C::slot().get()?;
    // SAFETY: The cache is for `C::Object`, as the trait requires; arguments that
    // can be made outside of this crate have no constructor.
    Some(unsafe { KmemCache::from_raw_cache(raw) })
}

/// Destroys the static caches of a module that goes, after code of it that may still run.
#[cfg(CONFIG_MODULES)]
pub(crate) fn destroy(module: usize) {
    let has_some = |statics: &Statics| statics.caches.iter().any(|made| made.module == module);
    if !has_some(&STATICS.lock()) {
        return;
    }
    // SAFETY: Both functions may be called wherever sleeping is allowed.
    unsafe {
        bindings::async_synchronize_full();
        bindings::rcu_barrier();
    }
    let mut statics = STATICS.lock();
    while let Some(at) = statics.caches.iter().position(|made| made.module == module) {
        let Ok(made) = statics.caches.remove(at) else {
            return;
        };
        made.slot.hot.store(core::ptr::null_mut(), Release);
        // SAFETY: The cache was created. No code that can reach the slot runs any more, and none
        // will use it again: it is part of a module that goes.
        unsafe { (*made.slot.cache.get()).assume_init_drop() };
    }
    if statics.caches.is_empty() {
        // The module of this crate may be the one that goes, and statics are not dropped.
        statics.caches = KVec::new();
    }
}

#[cfg(CONFIG_MODULES)]
#[repr(transparent)]
pub(crate) struct Notifier(UnsafeCell<bindings::notifier_block>);

#[cfg(CONFIG_MODULES)]
// SAFETY: Only the kernel's notifier chain touches it, under its own lock.
unsafe impl Sync for Notifier {}

#[cfg(CONFIG_MODULES)]
impl Notifier {
    /// The kernel's structure.
    pub(crate) fn as_ptr(&self) -> *mut bindings::notifier_block {
        self.0.get()
    }
}

// Called after every other notifier: others may still end what uses a cache, as KUnit ends a
// module's tests.
#[cfg(CONFIG_MODULES)]
pub(crate) static NOTIFIER: Notifier = Notifier(UnsafeCell::new(bindings::notifier_block {
    notifier_call: Some(notify),
    next: core::ptr::null_mut(),
    priority: c_int::MIN,
}));

/// # Safety
///
/// Called by the kernel's module notifier chain: `data` is a `struct module`.
#[cfg(CONFIG_MODULES)]
unsafe extern "C" fn notify(
    _block: *mut bindings::notifier_block,
    state: c_ulong,
    data: *mut c_void,
) -> c_int {
    if state == bindings::module_state_MODULE_STATE_GOING as c_ulong {
        destroy(data as usize);
    }
    bindings::NOTIFY_OK as c_int
}

/// Ends the compilation if there can be no such cache.
#[doc(hidden)]
#[track_caller]
pub const fn validate(name: &CStr, args: &CacheArgs) {
    if let Err(bad) = args.check() {
        panic!("{}", BadArgs::message(&bad));
    }
    if let Err(bad) = check_name(name) {
        panic!("{}", bad);
    }
}

/// [`Allocator::realloc`](crate::alloc::Allocator::realloc) of a static cache.
///
/// Sizes up to that of an object are served in place; a larger size is an error.
///
/// # Safety
///
/// The requirements of `Allocator::realloc`.
#[doc(hidden)]
#[inline]
pub unsafe fn realloc<C: StaticCache>(
    ptr: Option<NonNull<u8>>,
    layout: Layout,
    old_layout: Layout,
    flags: Flags,
    nid: NumaNode,
) -> core::result::Result<NonNull<[u8]>, AllocError> {
    let size = layout.size();
    let old_size = old_layout.size();
    // A pointer to no memory was not allocated.
    let ptr = ptr.filter(|_| old_size != 0);

    if size == 0 {
        if let Some(ptr) = ptr {
            // SAFETY: A pointer to memory of some size is an object of this cache, by the
            // requirements of `Allocator::realloc`.
            unsafe { free::<C>(ptr) };
        }
        // The address of no memory: its alignment, as `dangling_from_layout` has it.
        let dangling = NonNull::new(core::ptr::without_provenance_mut(layout.align()));
        return dangling
            .map(|ptr| NonNull::slice_from_raw_parts(ptr, 0))
            .ok_or(AllocError);
    }
    if size > C::ARGS.object_size() || layout.align() > C::ARGS.object_align() {
        return Err(AllocError);
    }

    let gfp = Gfp::from(flags);
    if let Some(ptr) = ptr {
        if gfp.is_zeroed() && size > old_size {
            // SAFETY: The object has `object_size` bytes, and the new ones are not in use yet.
            unsafe { ptr.add(old_size).write_bytes(0, size - old_size) };
        }
        return Ok(NonNull::slice_from_raw_parts(ptr, size));
    }

    if let Some(why) = gfp.why_refused() {
        refuse(C::NAME, why);
        return Err(AllocError);
    }
    let gfp = gfp.as_raw();
    let cache = C::slot().hot();
    if cache.is_null() {
        return Err(AllocError);
    }
    let ptr = if nid == NumaNode::NO_NODE {
        // SAFETY: The cache lives as long as the module whose code this is, and serves flags that
        // are allowed.
        unsafe { bindings::kmem_cache_alloc_noprof(cache, gfp) }
    } else {
        // SAFETY: The cache lives as long as the module whose code this is, and serves flags that
        // are allowed; `number` returns the number of an online node, or NUMA_NO_NODE.
        unsafe { bindings::kmem_cache_alloc_node_noprof(cache, gfp, node::number(nid)) }
    };
    let ptr = NonNull::new(ptr.cast()).ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(ptr, size))
}

/// Logs why there is no object. A call through `Box` or `Vec` has no place of its own.
#[cold]
#[inline(never)]
fn refuse(cache: &CStr, why: &str) {
    report(fmt!("allocation flags refused for cache '{cache}': {why}"));
}

/// Frees an object of a static cache.
///
/// # Safety
///
/// `ptr` is an object of `C` that is not used any more.
#[inline]
unsafe fn free<C: StaticCache>(ptr: NonNull<u8>) {
    // SAFETY: There is an object, so there is a cache; the rest is required of the
    // caller.
    unsafe { bindings::kmem_cache_free(C::slot().hot(), ptr.as_ptr().cast()) };
}

/// Declares a cache that lives as long as the module that declares it.
///
/// The macro declares a type without a size that names the cache and is an
/// [`Allocator`](crate::alloc::Allocator): a `Box<T, Cache>` is an object of it, and a
/// `Vec<T, Cache>` may grow until it fills one. The type has these functions:
///
/// - `create()` creates the cache, when the module is loaded; allocating before is an error. The
///   cache is destroyed when the module has gone.
/// - `cache()` returns the `&'static` [`KmemCache`], once it was created.
/// - `new_box(value, flags)` is `Box::new`, but does not compile for a value that is larger, or
///   aligned to more, than the objects of the cache. (`Box::new` itself returns an `AllocError` at
///   run time.)
///
/// The options are the functions of [`CacheArgs`]; arguments that no cache can have are a compile
/// error. As of memory from `kmalloc()`, all of an object may be copied to and from user space,
/// which code that is generic over allocators relies on; `user_window` sets a smaller region or
/// [`UserWindow::NONE`](crate::slab::UserWindow::NONE).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, slab::SlabFlags, static_cache};
/// static_cache! {
///     /// Tables of 1 KiB that a device reads with 32-bit addresses.
///     pub struct Tables for [u32; 256] {
///         name: c"doc_static",
///         flags: SlabFlags::LOW,
///         align: 1024,
///     }
/// }
///
/// assert!(Box::<u64, Tables>::new(1, GFP_KERNEL).is_err());
/// # // An example may be run again.
/// # if Tables::cache().is_none() {
/// Tables::create()?;
/// # }
/// let table = Box::<[u32; 256], Tables>::zeroed(GFP_KERNEL)?;
/// assert_eq!(table[255], 0);
/// # Ok::<(), Error>(())
/// ```
///
/// [`CacheArgs`]: crate::slab::CacheArgs
#[macro_export]
#[allow(clippy::crate_in_macro_def)] // The crate that declares the cache is meant.
macro_rules! static_cache {
    (
        $(#[$attr:meta])*
        $vis:vis struct $cache:ident for $object:ty {
            name: $name:expr
            $(, $option:ident: $value:expr)* $(,)?
        }
    ) => {
        $(#[$attr])*
        $vis struct $cache;

        const _: () = {
            const NAME: &::kernel::str::CStr = $name;
            const ARGS: $crate::slab::CacheArgs =
                $crate::slab::CacheArgs::of::<$object>().user_copies_all()$(.$option($value))*;
            const _: () = $crate::slab::__private::validate(NAME, &ARGS);

            static SLOT: $crate::slab::__private::Slot = $crate::slab::__private::Slot::new();

            // SAFETY: The slot belongs to this type and is part of the crate's module, as all of
            // this is; the arguments are for `$object` and were validated.
            unsafe impl $crate::slab::StaticCache for $cache {
                type Object = $object;
                const NAME: &'static ::kernel::str::CStr = NAME;
                const ARGS: $crate::slab::CacheArgs = ARGS;

                #[inline(always)]
                fn slot() -> &'static $crate::slab::__private::Slot {
                    &SLOT
                }

                fn module() -> &'static $crate::ThisModule {
                    $crate::module::this_module::<crate::LocalModule>()
                }
            }

            // SAFETY: Objects of a slab cache stay valid until they are freed; a cache is not
            // destroyed under them. The functions take any object of the cache.
            unsafe impl ::kernel::alloc::Allocator for $cache {
                const MIN_ALIGN: usize = ARGS.object_align();

                #[inline]
                unsafe fn realloc(
                    ptr: ::core::option::Option<::core::ptr::NonNull<u8>>,
                    layout: ::core::alloc::Layout,
                    old_layout: ::core::alloc::Layout,
                    flags: ::kernel::alloc::Flags,
                    nid: ::kernel::alloc::NumaNode,
                ) -> ::core::result::Result<
                    ::core::ptr::NonNull<[u8]>,
                    ::kernel::alloc::AllocError,
                > {
                    // SAFETY: Pointer and layouts meet the requirements of `Allocator::realloc`.
                    unsafe {
                        $crate::slab::__private::realloc::<Self>(
                            ptr, layout, old_layout, flags, nid,
                        )
                    }
                }
            }
        };

        #[allow(dead_code)]
        impl $cache {
            /// Creates the cache. To be called once, when the module is loaded.
            $vis fn create() -> ::kernel::error::Result<&'static $crate::slab::KmemCache<$object>> {
                $crate::slab::__private::create::<Self>()
            }

            /// Returns the cache, once it was created.
            $vis fn cache() -> ::core::option::Option<&'static $crate::slab::KmemCache<$object>> {
                $crate::slab::__private::cache::<Self>()
            }

            /// Allocates a `Box` of a type that is known to fit.
            #[inline]
            $vis fn new_box<T>(
                value: T,
                flags: ::kernel::alloc::Flags,
            ) -> ::core::result::Result<
                ::kernel::alloc::Box<T, Self>,
                ::kernel::alloc::AllocError,
            > {
                const {
                    let args = <Self as $crate::slab::StaticCache>::ARGS;
                    ::core::assert!(
                        ::core::mem::size_of::<T>() <= args.object_size(),
                        "value is larger than the objects of this cache",
                    );
                    ::core::assert!(
                        ::core::mem::align_of::<T>() <= args.object_align(),
                        "value is aligned to more than the objects of this cache",
                    );
                }
                ::kernel::alloc::Box::new(value, flags)
            }
        }
    };
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_static)]
mod tests {
    use super::*;
    use crate::{
        alloc::Allocator,
        slab::{
            sysfs,
            Dma32,
            Object,
            SlabFlags,
            UserWindow, //
        },
        static_cache, //
    };

    static_cache! {
        /// Objects of 128 bytes.
        struct Probe for [u64; 16] {
            name: c"test_static",
            flags: SlabFlags::LOW,
            align: 128,
        }
    }

    static_cache! {
        /// Objects of 512 bytes that are aligned to a word.
        struct Loose for [u64; 64] {
            name: c"test_static_loose",
            user_window: UserWindow::NONE,
        }
    }

    static_cache! {
        /// Never created.
        struct Absent for [u64; 16] {
            name: c"test_static_absent",
        }
    }

    /// Returns the cache, which is created once, however often a test runs.
    fn probe() -> Result<&'static KmemCache<[u64; 16]>> {
        match Probe::cache() {
            Some(cache) => Ok(cache),
            None => Probe::create(),
        }
    }

    fn in_use() -> Result<usize> {
        probe()?.shrink();
        sysfs::attribute(c"test_static", c"objects")
    }

    #[test]
    fn there_is_nothing_before_it_is_made() {
        assert!(Absent::cache().is_none());
        assert!(Box::<[u64; 16], Absent>::new([0; 16], GFP_KERNEL).is_err());
        assert!(Vec::<u64, Absent>::with_capacity(1, GFP_KERNEL).is_err());
        // A value without a size takes no object.
        assert!(Box::<(), Absent>::new((), GFP_KERNEL).is_ok());
        assert!(!sysfs::exists(c"test_static_absent"));
    }

    #[test]
    fn it_is_made_once() -> Result {
        probe()?;
        assert!(Probe::create().err() == Some(EBUSY));
        assert!(sysfs::exists(c"test_static"));
        Ok(())
    }

    // Code that is generic over allocators copies what it is given, as from kmalloc().
    #[cfg(CONFIG_HARDENED_USERCOPY)]
    #[test]
    fn user_space_may_copy_whole_objects() -> Result {
        probe()?;
        if Loose::cache().is_none() {
            Loose::create()?;
        }
        assert_eq!(sysfs::attribute(c"test_static", c"usersize")?, 128);
        assert_eq!(sysfs::attribute(c"test_static_loose", c"usersize")?, 0);
        Ok(())
    }

    #[test]
    fn boxes_are_objects() -> Result {
        probe()?;
        let before = in_use()?;
        let a = Box::<[u64; 16], Probe>::new([3; 16], GFP_KERNEL)?;
        let b = Probe::new_box(7u8, GFP_ATOMIC)?;
        let c = Box::<[u64; 16], Probe>::zeroed(GFP_KERNEL)?;
        assert_eq!((a[15], *b, c[15]), (3, 7, 0));
        assert_eq!(core::ptr::from_ref(&*a) as usize % 128, 0);
        assert_eq!(in_use()?, before + 3);
        drop((a, b, c));
        assert_eq!(in_use()?, before);
        Ok(())
    }

    #[test]
    fn boxes_that_do_not_fit_are_refused() -> Result {
        #[repr(align(256))]
        struct Aligned;
        #[repr(align(64))]
        struct Wide(#[expect(dead_code)] u64);

        probe()?;
        if Loose::cache().is_none() {
            Loose::create()?;
        }
        let before = in_use()?;
        assert!(Box::<[u64; 17], Probe>::new([0; 17], GFP_KERNEL).is_err());
        assert!(Box::<Wide, Probe>::new(Wide(0), GFP_KERNEL).is_ok());
        assert!(Box::<Wide, Loose>::new(Wide(0), GFP_KERNEL).is_err());
        assert!(Box::<Aligned, Probe>::new(Aligned, GFP_KERNEL).is_ok());
        assert!(Box::<u64, Probe>::new(0, GFP_KERNEL | __GFP_HIGHMEM).is_err());
        assert_eq!(in_use()?, before);
        Ok(())
    }

    #[test]
    fn vectors_grow_to_an_object() -> Result {
        probe()?;
        let before = in_use()?;
        let mut vec = Vec::<u64, Probe>::new();
        assert_eq!(in_use()?, before);
        for i in 0..16 {
            vec.push(i, GFP_KERNEL)?;
        }
        assert_eq!(in_use()?, before + 1);
        assert!(vec.push(16, GFP_KERNEL).is_err());
        assert_eq!(vec.len(), 16);
        assert!((0..16).eq(vec.iter().copied()));
        drop(vec);
        assert_eq!(in_use()?, before);

        assert!(Vec::<u64, Probe>::with_capacity(17, GFP_KERNEL).is_err());
        Ok(())
    }

    #[test]
    fn reallocation_keeps_the_object() -> Result {
        probe()?;
        let before = in_use()?;
        let layout = |size| Layout::from_size_align(size, 8).map_err(|_| EINVAL);
        let none = NumaNode::NO_NODE;
        let realloc = |ptr: NonNull<u8>, new, old, flags| -> Result<NonNull<[u8]>> {
            let (new, old) = (layout(new)?, layout(old)?);
            // SAFETY: Pointers and layouts are those of the allocation.
            Ok(unsafe { Probe::realloc(Some(ptr), new, old, flags, none)? })
        };
        let small = Probe::alloc(layout(16)?, GFP_KERNEL, none)?.cast::<u8>();
        // SAFETY: An object has 128 bytes.
        unsafe { small.write_bytes(0xa5, 128) };
        // SAFETY: An object has 128 bytes, and is not read after it was freed.
        let read = |at| unsafe { small.add(at).read() };

        let grown = realloc(small, 64, 16, GFP_KERNEL | __GFP_ZERO)?;
        assert!(grown.cast() == small);
        assert_eq!(grown.len(), 64);
        assert_eq!((read(15), read(16)), (0xa5, 0));
        assert_eq!((read(63), read(64)), (0, 0xa5));

        assert!(realloc(small, 129, 64, GFP_KERNEL).is_err());
        assert_eq!(read(15), 0xa5);
        assert_eq!(in_use()?, before + 1);

        assert!(realloc(small, 8, 64, GFP_KERNEL)?.cast() == small);
        let freed = realloc(small, 0, 8, GFP_KERNEL)?;
        assert_eq!(freed.len(), 0);
        assert_eq!(in_use()?, before);

        // What has no size was not allocated, so this is a new object.
        let new = realloc(freed.cast(), 8, 0, GFP_KERNEL)?;
        assert_eq!(in_use()?, before + 1);
        // SAFETY: The object was allocated above with that layout.
        unsafe { Probe::free(new.cast(), layout(8)?) };
        assert_eq!(in_use()?, before);
        Ok(())
    }

    #[cfg(CONFIG_FAILSLAB)]
    #[test]
    fn failed_allocations_are_errors() -> Result {
        use crate::slab::tests::fault;

        probe()?;
        let before = in_use()?;
        let flags = GFP_ATOMIC | __GFP_NOWARN;
        let mut vec = Vec::<u64, Probe>::new();
        let (boxed, failed) = fault::nth(1, || Box::<u64, Probe>::new(0, flags));
        assert!(failed && boxed.is_err());
        let (pushed, failed) = fault::nth(1, || vec.push(1, flags));
        assert!(failed && pushed.is_err());
        assert_eq!(in_use()?, before);
        vec.push(1, flags)?;
        assert_eq!(in_use()?, before + 1);
        Ok(())
    }

    #[test]
    fn objects_live_as_long_as_the_module() -> Result {
        let object: Object<'static, _> = probe()?.alloc([1; 16], Gfp::KERNEL)?;
        let object: Dma32<'static, _> = object.try_into()?;
        assert_eq!(object[0], 1);
        Ok(())
    }
}
