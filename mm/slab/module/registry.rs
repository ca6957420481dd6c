// SPDX-License-Identifier: GPL-2.0

//! The caches that were created by this crate: their names, and the objects that leaked.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! The kernel lets two caches have one name, and has no function that counts the objects of one.
//! In the kernel tree [`in_kernel`] is a part of mm/slab_common.c, under the slab's own lock. A
//! module finds the same in sysfs.

use core::ptr::NonNull;

use kernel::bindings;

use crate::{
    page::PAGE_SIZE,
    prelude::*,
    slab::{
        flags::{
            SlabFlags,
            Zone, //
        },
        sysfs, //
    },
    slab_module::{
        cache_dma32,
        kfence,
        properties, //
    },
    str::CString,
    sync::{
        global_lock,
        Arc, //
    }, //
};

// Without it the kernel does not count the slabs of a cache, and would destroy one
// under its leaked objects without noticing.
#[cfg(not(CONFIG_SLUB_DEBUG))]
compile_error!("slab_rust needs a kernel with CONFIG_SLUB_DEBUG=y, which counts a cache's objects");

/// Functions that the kernel tree has in C, in mm/slab_common.c and mm/slub.c.
///
/// Their documentation here is all that the files of `mm/slab` rely on.
pub(crate) mod in_kernel {
    use super::*;

    /// `struct kmem_cache *kmem_cache_create_unique(const char *name, unsigned int size,
    /// struct kmem_cache_args *args, slab_flags_t flags)`
    ///
    /// Creates a cache under a name that no cache has, as `__kmem_cache_create_args()` does
    /// otherwise; no other call of this function can make one of that name meanwhile. Out of tree,
    /// names of caches that were merged into others are taken, too. Sleeps. Returns
    ///
    /// - the cache, which belongs to the caller alone: it is not an alias of another;
    /// - `ERR_PTR(-EEXIST)` if a live cache, or one that stays behind with objects, has the name;
    /// - `ERR_PTR(-ENOMEM)`.
    ///
    /// Says nothing in the log of a name that is taken.
    ///
    /// # Safety
    ///
    /// `name` is a C string, which need not outlive the call, with no slash. The arguments are such
    /// that `__kmem_cache_create_args()` does not complain, with `SLAB_NO_MERGE` among the flags; a
    /// constructor, if any, may be called for each object.
    pub(crate) unsafe extern "C" fn kmem_cache_create_unique(
        name: *const c_char,
        size: c_uint,
        args: *mut bindings::kmem_cache_args,
        flags: bindings::slab_flags_t,
    ) -> *mut bindings::kmem_cache {
        // SAFETY: `name` is a C string by the safety requirements.
        let name = unsafe { CStr::from_char_ptr(name) };
        let made = create(name, SlabFlags::from_raw(flags), || {
            // SAFETY: The arguments are good for a cache, by the safety requirements.
            let cache = unsafe {
                bindings::__kmem_cache_create_args(name.as_char_ptr(), size, args, flags)
            };
            NonNull::new(cache).ok_or(ENOMEM)
        });
        match made {
            Ok(cache) => cache.as_ptr(),
            Err(error) => error.to_ptr(),
        }
    }

    /// `bool kmem_cache_destroy_unused(struct kmem_cache *s)`
    ///
    /// Destroys a cache if none of its objects is allocated, after those that are being freed by
    /// `kfree_rcu()` are. Sleeps. Returns true if it did.
    ///
    /// Otherwise the cache stays as it is, with its name, for its objects, says so in the log in
    /// one line of level `KERN_ERR`, `cache '<name>' stays behind: <number> of its objects leaked`,
    /// and returns false. The number counts allocated objects only, wherever they lie: in slabs or
    /// in KFENCE's pool. Objects that wait in per-CPU sheaves are not allocated.
    ///
    /// # Safety
    ///
    /// `cache` was made by [`kmem_cache_create_unique`], and is not used afterwards, except to
    /// access the objects that are still allocated.
    pub(crate) unsafe extern "C" fn kmem_cache_destroy_unused(
        cache: *mut bindings::kmem_cache,
    ) -> bool {
        // SAFETY: `cache` is not used afterwards, except for its leaked objects (function
        // requirement).
        unsafe { destroy(cache) }
    }

    /// `ssize_t kmem_cache_slab_bytes(struct kmem_cache *s)`
    ///
    /// Returns the bytes of the slabs of a cache; a slab that was made smaller for want of memory
    /// counts like the others. May sleep. Returns a negative errno if that is not known.
    ///
    /// # Safety
    ///
    /// `cache` was made by [`kmem_cache_create_unique`], and is alive.
    pub(crate) unsafe extern "C" fn kmem_cache_slab_bytes(
        cache: *mut bindings::kmem_cache,
    ) -> isize {
        match slab_bytes(cache) {
            Ok(bytes) => bytes as isize,
            Err(error) => error.to_errno() as isize,
        }
    }
}

/// A live cache that was created by this crate.
struct Entry {
    /// Address of the cache, 0 once it is being destroyed.
    cache: usize,
    name: Arc<CString>,
    zone: Zone,
    /// `cache_dma32`; none if it could not be made.
    file: Option<cache_dma32::File>,
}

/// Returns whether a cache that is not in the registry has a name: in sysfs or, where the name of
/// its directory differs, as the one that it was created with.
fn is_taken(name: &CStr) -> Result<bool> {
    // A link whose slabs are gone was left behind, and the kernel replaces it.
    if sysfs::find(name).is_some() {
        return Ok(true);
    }
    for cache in properties::caches()? {
        if cache.properties()?.name == name {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the zone of a live cache that was created by this crate.
pub(crate) fn zone_of(name: &CStr) -> Option<Zone> {
    let caches = CACHES.lock();
    let entry = caches.iter().find(|entry| **entry.name == *name)?;
    Some(entry.zone)
}

global_lock! {
    // SAFETY: `init` is called when the module is loaded, before any of its symbols
    // can be used.
    //
    /// The live caches that were created by this crate. Locked while one is created, so that no two
    /// get the same name.
    unsafe(uninit) static CACHES: Mutex<KVec<Entry>> = KVec::new();
}

/// The registry, as long as the module is loaded.
pub(crate) struct Registry(());

impl Registry {
    /// # Safety
    ///
    /// To be called once, before any cache is made.
    pub(crate) unsafe fn new() -> Self {
        // SAFETY: This is called once, before anything takes the lock, by the safety requirements.
        unsafe { CACHES.init() };
        Self(())
    }
}

impl Drop for Registry {
    /// Forgets caches that were leaked. They stay, without the files whose text is part of this
    /// module.
    fn drop(&mut self) {
        let left = core::mem::replace(&mut *CACHES.lock(), KVec::new());
        for entry in &left {
            let name: &CStr = &entry.name;
            pr_err!("cache '{name}' stays behind: it was leaked\n");
        }
    }
}

/// Creates a cache by `make` unless another one has the name, which is [`EEXIST`].
fn create(
    name: &CStr,
    flags: SlabFlags,
    make: impl FnOnce() -> Result<NonNull<bindings::kmem_cache>>,
) -> Result<NonNull<bindings::kmem_cache>> {
    let owned_name = Arc::new(CString::try_from(name)?, GFP_KERNEL)?;

    let mut caches = CACHES.lock();
    if caches.iter().any(|entry| **entry.name == *name) || is_taken(name)? {
        return Err(EEXIST);
    }
    caches.reserve(1, GFP_KERNEL)?;
    let cache = make()?;
    if let Err(error) = kfence::skip(name) {
        // SAFETY: The cache was just created, and nothing was allocated.
        unsafe { bindings::kmem_cache_destroy(cache.as_ptr()) };
        return Err(error);
    }
    let zone = Zone::of(flags);
    let entry = Entry {
        cache: cache.as_ptr() as usize,
        name: owned_name,
        zone,
        file: cache_dma32::File::new(name, zone),
    };
    // Cannot fail: there is room for it.
    let _ = caches.push_within_capacity(entry);
    Ok(cache)
}

/// Calls `f` with the entry of a live cache.
fn with<R>(cache: *mut bindings::kmem_cache, f: impl FnOnce(&mut Entry) -> R) -> Result<R> {
    let mut caches = CACHES.lock();
    let entry = caches
        .iter_mut()
        .find(|entry| entry.cache == cache as usize);
    entry.map(f).ok_or(ENOENT)
}

/// Returns the bytes of the slabs of a cache.
fn slab_bytes(cache: *mut bindings::kmem_cache) -> Result<usize> {
    let name = with(cache, |entry| entry.name.clone())?;
    let cache = sysfs::find(&name).ok_or(ENOENT)?;
    let (slabs, order) = (cache.attribute(c"slabs")?, cache.attribute(c"order")?);
    Ok((slabs * PAGE_SIZE) << order)
}

/// Destroys a cache, or logs how many of its objects are still allocated.
///
/// # Safety
///
/// The cache is alive, and not used afterwards.
unsafe fn destroy(cache: *mut bindings::kmem_cache) -> bool {
    let known = |entry: &mut Entry| {
        // The next cache may have the address before this entry goes.
        entry.cache = 0;
        (entry.name.clone(), entry.file.take())
    };
    let Ok((name, file)) = with(cache, known) else {
        return false;
    };
    // When this returns no reader is in the file any more.
    drop(file);
    // The name stays taken until the cache is gone. The registry is not locked until then:
    // destroying a cache waits for CPU hotplug, which may wait for one that is created.
    //
    // SAFETY: The cache is alive and not used any more, by the safety requirements.
    let destroyed = unsafe { end(cache, &name) };
    let mut caches = CACHES.lock();
    caches.retain(|entry| !Arc::ptr_eq(&entry.name, &name));
    if caches.is_empty() {
        // The module may be unloaded, and statics are not dropped.
        *caches = KVec::new();
    }
    destroyed
}

/// Destroys a cache unless objects of it are allocated.
///
/// # Safety
///
/// The cache is alive, and not used afterwards.
unsafe fn end(cache: *mut bindings::kmem_cache, name: &CStr) -> bool {
    // Objects in per-CPU sheaves are freed too, so that only allocated ones are left.
    //
    // SAFETY: The cache is alive.
    let empty = unsafe { bindings::kmem_cache_shrink(cache) } == 0;
    if !empty {
        match sysfs::attribute(name, c"objects") {
            Ok(count) => pr_err!("cache '{name}' stays behind: {count} of its objects leaked\n"),
            Err(_) => pr_err!("cache '{name}' stays behind: objects of it leaked\n"),
        }
        return false;
    }
    // SAFETY: The cache is alive, has no objects, and is not used any more, by the safety
    // requirements.
    unsafe { bindings::kmem_cache_destroy(cache) };
    true
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_record)]
mod tests {
    use super::*;
    use crate::slab::{
        Gfp,
        KmemCache,
        Object, //
    };

    /// Returns whether the directory of a cache has the file.
    fn has_file(cache: &CStr) -> bool {
        let Some(cache) = sysfs::find(cache) else {
            return false;
        };
        // SAFETY: `cache` is a reference, which keeps the object and, with it, its directory.
        unsafe { sysfs::Node::find(cache.as_ptr(), c"cache_dma32") }.is_some()
    }

    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).build()
    }

    #[test]
    fn names_are_taken_while_a_cache_lives() -> Result {
        const NAME: &CStr = c"test_name";
        let cache = build(NAME)?;
        assert!(build(NAME).err() == Some(EEXIST));
        drop(cache);
        drop(build(NAME)?);
        Ok(())
    }

    #[test]
    fn names_of_the_kernel_are_taken() {
        for name in [c"kmalloc-1k", c"kmem_cache", c"kmem_cache_node", c"dentry"] {
            assert!(build(name).err() == Some(EEXIST));
        }
    }

    #[test]
    fn names_of_others_are_taken_while_their_slabs_live() -> Result {
        let foreign = |name: &CStr| -> Result<NonNull<bindings::kmem_cache>> {
            let mut args = bindings::kmem_cache_args::default();
            // SAFETY: The name is a C string, and these arguments are good for a cache.
            NonNull::new(unsafe {
                bindings::__kmem_cache_create_args(name.as_char_ptr(), 408, &mut args, 0)
            })
            .ok_or(ENOMEM)
        };
        let first = foreign(c"test_foreign_a")?;
        let second = foreign(c"test_foreign_b")?;
        assert!(build(c"test_foreign_a").err() == Some(EEXIST));
        assert!(build(c"test_foreign_b").err() == Some(EEXIST));
        // SAFETY: Both were just created, and nothing was allocated.
        unsafe {
            bindings::kmem_cache_destroy(first.as_ptr());
            bindings::kmem_cache_destroy(second.as_ptr());
        }
        // The kernel leaves their names behind.
        drop(build(c"test_foreign_a")?);
        drop(build(c"test_foreign_b")?);
        Ok(())
    }

    #[test]
    fn leaked_objects_keep_their_cache() -> Result {
        const NAME: &CStr = c"test_leak";
        let cache = build(NAME)?;
        let raw = cache.as_raw();
        let leaked = [
            cache.alloc([1; 5], Gfp::KERNEL)?,
            cache.alloc([2; 5], Gfp::KERNEL)?,
            cache.alloc([3; 5], Gfp::KERNEL)?,
        ]
        .map(Object::into_raw);
        drop(cache.alloc([4; 5], Gfp::KERNEL)?);
        assert!(has_file(NAME));
        drop(cache);

        // The text of the file is part of this module, which may be unloaded.
        assert!(!has_file(NAME));
        assert_eq!(sysfs::attribute(NAME, c"objects")?, 3);
        for (object, value) in leaked.iter().zip(1..) {
            // SAFETY: The objects were leaked, so that nothing else uses them.
            assert_eq!(unsafe { *object.as_ref() }, [value; 5]);
        }
        assert!(build(NAME).err() == Some(EEXIST));

        // SAFETY: The cache stayed; it is not used after the last of its objects was freed.
        unsafe {
            for object in leaked {
                bindings::kmem_cache_free(raw.as_ptr(), object.as_ptr().cast());
            }
            bindings::kmem_cache_destroy(raw.as_ptr());
        }
        Ok(())
    }
}
