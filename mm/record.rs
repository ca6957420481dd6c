// SPDX-License-Identifier: GPL-2.0

//! What is known of the caches that were made here: whose name is taken, whose objects leaked.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! The kernel lets two caches have one name, and has no function that counts the objects of one.
//! A module finds both in sysfs.

use core::ptr::NonNull;

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    str::CString,
    sync::{
        global_lock,
        Arc, //
    }, //
};

use crate::{
    dma32_file,
    flags::Zone,
    properties,
    raw::{
        wait_for_frees,
        RawCache, //
    },
    report::report,
    request::Request,
    sysfs, //
};

// Without it the kernel does not count the slabs of a cache, and would destroy one
// under its leaked objects without noticing.
#[cfg(not(CONFIG_SLUB_DEBUG))]
compile_error!("slab_rust needs a kernel with CONFIG_SLUB_DEBUG=y, which counts a cache's objects");

/// What is known of a live cache that was made here.
struct Entry {
    id: u64,
    name: Arc<CString>,
    zone: Zone,
    merged: bool,
    rcu: bool,
    /// `cache_dma32`; none if the cache asked to be merged.
    file: Option<dma32_file::File>,
}

struct Registry {
    next_id: u64,
    caches: KVec<Entry>,
}

impl Registry {
    fn has(&self, name: &CStr) -> bool {
        self.caches.iter().any(|entry| **entry.name == *name)
    }
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

/// Calls `f` with name and zone of each live cache that was made here, and whether
/// it asked to be merged.
pub(crate) fn for_each<E>(
    mut f: impl FnMut(&CStr, Zone, bool) -> core::result::Result<(), E>,
) -> core::result::Result<(), E> {
    CACHES
        .lock()
        .caches
        .iter()
        .try_for_each(|entry| f(&entry.name, entry.zone, entry.merged))
}

global_lock! {
    // SAFETY: `init` is called when the module is loaded, before any of its symbols
    // can be used.
    //
    /// The live caches that were made here. Held while one is made, so that no two
    /// get one name.
    unsafe(uninit) static CACHES: Mutex<Registry> = Registry {
        next_id: 0,
        caches: KVec::new(),
    };
}

global_lock! {
    // SAFETY: As above.
    //
    /// Held while a cache that asked to be merged is destroyed.
    unsafe(uninit) static DESTROYING: Mutex<()> = ();
}

/// # Safety
///
/// To be called once, before any cache is made.
pub(crate) unsafe fn init() {
    // SAFETY: By the safety requirements.
    unsafe { CACHES.init() };
    // SAFETY: By the safety requirements.
    unsafe { DESTROYING.init() };
}

/// A live cache in the registry.
pub(crate) struct Record {
    id: u64,
}

impl Record {
    /// Has a cache made, whose name no other has. [`EEXIST`] if one does.
    pub(crate) fn new(
        name: &CStr,
        request: &Request,
        make: impl FnOnce() -> Result<NonNull<bindings::kmem_cache>>,
    ) -> Result<(NonNull<bindings::kmem_cache>, Self)> {
        let owned_name = Arc::new(CString::try_from(name)?, GFP_KERNEL)?;

        let mut registry = CACHES.lock();
        if registry.has(name) || is_taken(name)? {
            report(fmt!("cache '{name}' refused: a live cache has that name"));
            return Err(EEXIST);
        }

        registry.caches.reserve(1, GFP_KERNEL)?;
        let cache = make()?;
        let merged = request.is_mergeable();
        let zone = Zone::of(request.slab_flags());
        let file = if merged {
            None
        } else {
            dma32_file::File::new(name, zone)
        };

        let id = registry.next_id;
        registry.next_id += 1;
        let entry = Entry {
            id,
            name: owned_name,
            zone,
            merged,
            rcu: request.is_typesafe_by_rcu(),
            file,
        };
        // Cannot fail: there is room for it.
        let _ = registry.caches.push_within_capacity(entry);
        Ok((cache, Self { id }))
    }

    /// Bytes of the slabs of `_cache`, whose record this is.
    pub(crate) fn slab_bytes(&self, _cache: NonNull<bindings::kmem_cache>) -> Result<usize> {
        let name = self.entry(|entry| entry.name.clone()).ok_or(ENOENT)?;
        let cache = sysfs::find(&name).ok_or(ENOENT)?;
        let (slabs, order) = (cache.attribute(c"slabs")?, cache.attribute(c"order")?);
        Ok((slabs * PAGE_SIZE) << order)
    }

    /// Destroys the cache whose record this is, or says how many of its objects keep that from
    /// being done.
    ///
    /// # Safety
    ///
    /// Nobody uses the cache afterwards.
    pub(crate) unsafe fn destroy(&self, cache: &RawCache) {
        let known = |entry: &mut Entry| {
            let file = entry.file.take();
            (entry.name.clone(), entry.merged, entry.rcu, file)
        };
        let Some((name, merged, rcu, file)) = self.entry(known) else {
            return;
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
        unsafe { end(cache, &name, merged) };
        let mut registry = CACHES.lock();
        registry.caches.retain(|entry| entry.id != self.id);
        if registry.caches.is_empty() {
            // The module may go, and nobody drops a static then.
            registry.caches = KVec::new();
        }
    }

    /// Calls `f` with what is known of this cache.
    fn entry<R>(&self, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut registry = CACHES.lock();
        let mut caches = registry.caches.iter_mut();
        caches.find(|entry| entry.id == self.id).map(f)
    }
}

/// Destroys a cache unless objects of its own are in use.
///
/// # Safety
///
/// Nobody uses the cache afterwards.
unsafe fn end(cache: &RawCache, name: &CStr, merged: bool) {
    // Only one of those that share slabs can be the last.
    let _guard = merged.then(|| DESTROYING.lock());

    // What per-CPU sheaves hold goes back too, so only objects in use are left.
    let empty = cache.shrink();
    let others = merged && sysfs::is_shared(name);
    if !empty && !others {
        match sysfs::attribute(name, c"objects") {
            Ok(count) => pr_err!(
                "cache '{}' stays behind: {} of its objects leaked\n",
                name,
                count
            ),
            Err(_) => pr_err!("cache '{}' stays behind: objects of it leaked\n", name),
        }
        return;
    }
    // SAFETY: The cache is alive, and by the function's requirements it may go. Objects it may
    // have left are those of caches that share its slabs.
    unsafe { bindings::kmem_cache_destroy(cache.as_raw().as_ptr()) };
    if merged {
        // The kernel leaves the name behind.
        sysfs::remove_link(name);
    }
}

#[kunit_tests(slab_record)]
mod tests {
    use super::*;
    use crate::{
        cache::KmemCache,
        flags::SlabFlags,
        gfp::Gfp, //
    };

    // KFENCE, which keeps a count of its own, does not serve caches with a zone.
    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).flags(SlabFlags::LOW).build()
    }

    #[test]
    fn names_are_taken_while_a_cache_lives() -> Result {
        const NAME: &CStr = c"test_name";
        let cache = build(NAME)?;
        assert!(build(NAME).err() == Some(EEXIST));
        assert!(KmemCache::<u64>::builder(NAME).mergeable().build().err() == Some(EEXIST));
        drop(cache);
        drop(build(NAME)?);

        let cache = KmemCache::<u64>::builder(NAME).mergeable().build()?;
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
        .map(crate::Object::into_raw);
        drop(cache.alloc([4; 5], Gfp::KERNEL)?);
        assert!(sysfs::has_file(NAME, c"cache_dma32"));
        drop(cache);

        // What the file shows is part of this module, which may go.
        assert!(!sysfs::has_file(NAME, c"cache_dma32"));
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
