// SPDX-License-Identifier: GPL-2.0

//! The caches that were made by way of this crate: whose name is taken, whose objects leaked.
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
        raw_cache::wait_for_frees,
        sysfs, //
    },
    slab_module::{
        cache_dma32,
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
/// What is said of them here is all that the files of `mm/slab` rely on.
pub(crate) mod in_kernel {
    use super::*;

    /// `struct kmem_cache *kmem_cache_create_unique(const char *name, unsigned int size,
    /// struct kmem_cache_args *args, slab_flags_t flags)`
    ///
    /// Creates a cache of a name that nothing in `/sys/kernel/slab` has, as
    /// `__kmem_cache_create_args()` does otherwise; nobody can make another of that name meanwhile.
    /// Sleeps. Returns
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
        // SAFETY: By the safety requirements.
        let name = unsafe { CStr::from_char_ptr(name) };
        let made = create(name, SlabFlags::from_raw(flags), || {
            // SAFETY: By the safety requirements.
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
    /// Destroys a cache if none of its objects is allocated, after those that are being freed
    /// (`kfree_rcu()`, `SLAB_TYPESAFE_BY_RCU`) are. Sleeps. Returns true if it did.
    ///
    /// Otherwise the cache stays as it is, with its name, for its objects, says so in the log in one
    /// line of level `KERN_ERR`, `cache '<name>' stays behind: <number> of its objects leaked`, and
    /// returns false. The number counts allocated objects only, wherever they lie: in slabs or in
    /// KFENCE's pool. Objects that wait in per-CPU sheaves are not allocated.
    ///
    /// # Safety
    ///
    /// `cache` was made by [`kmem_cache_create_unique`], and nobody makes use of it afterwards but to
    /// access the objects that are still allocated.
    pub(crate) unsafe extern "C" fn kmem_cache_destroy_unused(
        cache: *mut bindings::kmem_cache,
    ) -> bool {
        // SAFETY: By the safety requirements.
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

/// What is known of a live cache that was made here.
struct Entry {
    /// Address of the cache, 0 once it is being destroyed.
    cache: usize,
    name: Arc<CString>,
    zone: Zone,
    rcu: bool,
    /// `cache_dma32`; none if it could not be made.
    file: Option<cache_dma32::File>,
}

/// Whether a cache that is not in the registry has a name: in sysfs, or where its
/// directory has another name, as the one it was made with.
fn is_taken(name: &CStr) -> Result<bool> {
    // A name whose slabs are gone was left behind, and the kernel replaces it.
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

/// The zone of a live cache that was made here.
pub(crate) fn zone_of(name: &CStr) -> Option<Zone> {
    let caches = CACHES.lock();
    let entry = caches.iter().find(|entry| **entry.name == *name)?;
    Some(entry.zone)
}

global_lock! {
    // SAFETY: `init` is called when the module is loaded, before any of its symbols
    // can be used.
    //
    /// The live caches that were made here. Held while one is made, so that no two
    /// get one name.
    unsafe(uninit) static CACHES: Mutex<KVec<Entry>> = KVec::new();
}

/// # Safety
///
/// To be called once, before any cache is made.
pub(crate) unsafe fn init() {
    // SAFETY: By the safety requirements.
    unsafe { CACHES.init() };
}

/// Has a cache made, whose name no other has. [`EEXIST`] if one does.
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
    let zone = Zone::of(flags);
    let entry = Entry {
        cache: cache.as_ptr() as usize,
        name: owned_name,
        zone,
        rcu: flags.contains(SlabFlags::TYPESAFE_BY_RCU),
        file: cache_dma32::File::new(name, zone),
    };
    // Cannot fail: there is room for it.
    let _ = caches.push_within_capacity(entry);
    Ok(cache)
}

/// Calls `f` with what is known of a live cache.
fn with<R>(cache: *mut bindings::kmem_cache, f: impl FnOnce(&mut Entry) -> R) -> Result<R> {
    let mut caches = CACHES.lock();
    let entry = caches
        .iter_mut()
        .find(|entry| entry.cache == cache as usize);
    entry.map(f).ok_or(ENOENT)
}

/// Bytes of the slabs of a cache.
fn slab_bytes(cache: *mut bindings::kmem_cache) -> Result<usize> {
    let name = with(cache, |entry| entry.name.clone())?;
    let cache = sysfs::find(&name).ok_or(ENOENT)?;
    let (slabs, order) = (cache.attribute(c"slabs")?, cache.attribute(c"order")?);
    Ok((slabs * PAGE_SIZE) << order)
}

/// Destroys a cache, or says how many of its objects keep that from being done.
///
/// # Safety
///
/// The cache is alive, and nobody uses it afterwards.
unsafe fn destroy(cache: *mut bindings::kmem_cache) -> bool {
    let known = |entry: &mut Entry| {
        // The next cache may have the address before this entry goes.
        entry.cache = 0;
        (entry.name.clone(), entry.rcu, entry.file.take())
    };
    let Ok((name, rcu, file)) = with(cache, known) else {
        return false;
    };
    // No reader is in our file any more when this returns.
    drop(file);
    if rcu {
        wait_for_frees();
    }
    // The name stays taken until the cache is gone. The registry is not locked
    // until then: to destroy a cache is to wait for CPU hotplug, which may wait for
    // one to be made.
    //
    // SAFETY: By the function's requirements.
    let destroyed = unsafe { end(cache, &name) };
    let mut caches = CACHES.lock();
    caches.retain(|entry| !Arc::ptr_eq(&entry.name, &name));
    if caches.is_empty() {
        // The module may go, and nobody drops a static then.
        *caches = KVec::new();
    }
    destroyed
}

/// Destroys a cache unless objects of its own are in use.
///
/// # Safety
///
/// The cache is alive, and nobody uses it afterwards.
unsafe fn end(cache: *mut bindings::kmem_cache, name: &CStr) -> bool {
    // What per-CPU sheaves hold goes back too, so only objects in use are left.
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
    // SAFETY: The cache is alive, and by the function's requirements it may go.
    unsafe { bindings::kmem_cache_destroy(cache) };
    true
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_record)]
mod tests {
    use super::*;
    use crate::slab::{
        cache::KmemCache,
        flags::SlabFlags,
        gfp::Gfp, //
    };

    /// Whether the directory of a cache has the file.
    fn has_file(cache: &CStr) -> bool {
        // SAFETY: The reference keeps the object and, with it, its directory.
        let find =
            |cache: sysfs::Kobject| unsafe { sysfs::Node::find(cache.as_ptr(), c"cache_dma32") };
        sysfs::find(cache).and_then(find).is_some()
    }

    // KFENCE, which keeps a count of its own, does not serve caches with a zone.
    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).flags(SlabFlags::LOW).build()
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
            // SAFETY: As in C; a size of 408 bytes and no flags are fine.
            NonNull::new(unsafe {
                bindings::__kmem_cache_create_args(name.as_char_ptr(), 408, &mut args, 0)
            })
            .ok_or(ENOMEM)
        };
        let first = foreign(c"test_foreign_a")?;
        let second = foreign(c"test_foreign_b")?;
        assert!(build(c"test_foreign_a").err() == Some(EEXIST));
        assert!(build(c"test_foreign_b").err() == Some(EEXIST));
        // SAFETY: They were just made, and nothing was allocated.
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
        .map(crate::slab::Object::into_raw);
        drop(cache.alloc([4; 5], Gfp::KERNEL)?);
        assert!(has_file(NAME));
        drop(cache);

        // What the file shows is part of this module, which may go.
        assert!(!has_file(NAME));
        assert_eq!(sysfs::attribute(NAME, c"objects")?, 3);
        for (object, value) in leaked.iter().zip(1..) {
            // SAFETY: They were leaked, so nobody else uses them.
            assert_eq!(unsafe { *object.as_ref() }, [value; 5]);
        }
        assert!(build(NAME).err() == Some(EEXIST));

        // SAFETY: The cache stayed, and with the last of its objects nobody uses it.
        unsafe {
            for object in leaked {
                bindings::kmem_cache_free(raw.as_ptr(), object.as_ptr().cast());
            }
            bindings::kmem_cache_destroy(raw.as_ptr());
        }
        Ok(())
    }
}
