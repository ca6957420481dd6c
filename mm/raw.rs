// SPDX-License-Identifier: GPL-2.0

//! A cache whatever its objects are: made, shown, counted and destroyed.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! Nothing here runs when an object is allocated or freed.

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
    flags::Zone,
    report::report,
    request::Request,
    sysfs, //
};

// Without it the kernel does not count the slabs of a cache, and would destroy one
// under its leaked objects without noticing.
#[cfg(not(CONFIG_SLUB_DEBUG))]
compile_error!("slab_rust needs a kernel with CONFIG_SLUB_DEBUG=y, which counts a cache's objects");

/// The longest name of a file, and of a cache's directory in sysfs.
const NAME_MAX: usize = 255;

/// What is known of a live cache that was made here.
struct Entry {
    id: u64,
    name: Arc<CString>,
    zone: Zone,
    merged: bool,
    rcu: bool,
    /// `cache_dma32`; none if the cache asked to be merged.
    file: Option<sysfs::File>,
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
    for cache in sysfs::caches()? {
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

/// A cache, destroyed when dropped.
///
/// # Invariants
///
/// `cache` is a live cache that belongs to `self`, whose objects have the size, the
/// alignment and the constructor of the request it was made from.
pub(crate) struct RawCache {
    cache: NonNull<bindings::kmem_cache>,
    id: u64,
}

// SAFETY: A cache belongs to no task; the kernel's functions for it lock as needed.
unsafe impl Send for RawCache {}

// SAFETY: As above.
unsafe impl Sync for RawCache {}

impl RawCache {
    /// Makes a cache.
    pub(crate) fn new(name: &CStr, request: &Request) -> Result<Self> {
        if let Err(refusal) = request.check() {
            report(fmt!("cache '{name}' refused: {refusal}"));
            return Err(EINVAL);
        }
        if let Err(why) = check_name(name) {
            report(fmt!("cache '{name}' refused: {why}"));
            return Err(EINVAL);
        }
        let owned_name = Arc::new(CString::try_from(name)?, GFP_KERNEL)?;

        let mut registry = CACHES.lock();
        if registry.has(name) || is_taken(name)? {
            report(fmt!("cache '{name}' refused: a live cache has that name"));
            return Err(EEXIST);
        }

        registry.caches.reserve(1, GFP_KERNEL)?;
        let (mut args, flags) = request.args();
        // SAFETY: The name is a C string, the arguments were checked, and by the
        // invariants of `Request` the constructor can be called for each object.
        let cache = unsafe {
            bindings::__kmem_cache_create_args(
                name.as_char_ptr(),
                request.object_size() as c_uint,
                &mut args,
                flags,
            )
        };
        let cache = NonNull::new(cache).ok_or(ENOMEM)?;
        let merged = request.is_mergeable();
        let zone = Zone::of(request.slab_flags());
        let file = if merged {
            None
        } else {
            sysfs::File::new(name, zone)
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
        // INVARIANT: It was just made from `request`.
        Ok(Self { cache, id })
    }

    /// The kernel's cache.
    #[inline]
    pub(crate) fn as_raw(&self) -> NonNull<bindings::kmem_cache> {
        self.cache
    }

    /// Size of an object in bytes.
    pub(crate) fn object_size(&self) -> usize {
        // SAFETY: The cache is alive.
        unsafe { bindings::kmem_cache_size(self.cache.as_ptr()) as usize }
    }

    /// Gives empty slabs back; whether none is left.
    pub(crate) fn shrink(&self) -> bool {
        // SAFETY: The cache is alive.
        unsafe { bindings::kmem_cache_shrink(self.cache.as_ptr()) == 0 }
    }
}

impl RawCache {
    /// Bytes of its slabs, as the kernel counts them; a slab that was made smaller for want of
    /// memory counts like the others.
    pub(crate) fn slab_bytes(&self) -> Result<usize> {
        let name = self.entry(|entry| entry.name.clone()).ok_or(ENOENT)?;
        let cache = sysfs::find(&name).ok_or(ENOENT)?;
        let (slabs, order) = (cache.attribute(c"slabs")?, cache.attribute(c"order")?);
        Ok((slabs as usize * PAGE_SIZE) << order)
    }

    /// Calls `f` with what is known of this cache.
    fn entry<R>(&self, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut registry = CACHES.lock();
        let mut caches = registry.caches.iter_mut();
        caches.find(|entry| entry.id == self.id).map(f)
    }

    /// Destroys the cache, or says how many of its objects keep that from being done.
    fn destroy(&self, name: &CStr, merged: bool) {
        // Only one of those that share slabs can be the last.
        let _guard = merged.then(|| DESTROYING.lock());

        if self.entry(|entry| entry.rcu) == Some(true) {
            wait_for_frees();
        }
        // What per-CPU sheaves hold goes back too, so only objects in use are left.
        let empty = self.shrink();
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
        // SAFETY: The cache is alive and goes away with `self`, whose drop this is.
        // Objects it may have left are those of caches that share its slabs.
        unsafe { bindings::kmem_cache_destroy(self.cache.as_ptr()) };
        if merged {
            // The kernel leaves the name behind.
            sysfs::remove_link(name);
        }
    }
}

impl Drop for RawCache {
    fn drop(&mut self) {
        let known = |entry: &mut Entry| (entry.name.clone(), entry.merged, entry.file.take());
        let Some((name, merged, file)) = self.entry(known) else {
            return;
        };

        // No reader is in our file any more when this returns.
        drop(file);
        // The name stays taken until the cache is gone. The registry is not locked
        // until then: to destroy a cache is to wait for CPU hotplug, which may wait for
        // one to be made.
        self.destroy(&name, merged);
        let mut registry = CACHES.lock();
        registry.caches.retain(|entry| entry.id != self.id);
        if registry.caches.is_empty() {
            // The module may go, and nobody drops a static then.
            registry.caches = KVec::new();
        }
    }
}

/// Waits for freed objects of caches under RCU: with `CONFIG_SLUB_RCU_DEBUG` they are
/// freed after a grace period. Sleeps.
pub(crate) fn wait_for_frees() {
    if cfg!(CONFIG_SLUB_RCU_DEBUG) {
        // SAFETY: It has no preconditions but that it may sleep.
        unsafe { bindings::rcu_barrier() };
    }
}

/// Says what is wrong with a name.
pub(crate) const fn check_name(name: &CStr) -> core::result::Result<(), &'static str> {
    let bytes = name.to_bytes();

    if bytes.is_empty() {
        return Err("cache name is empty");
    }
    if bytes.len() > NAME_MAX {
        return Err("cache name is longer than 255 bytes");
    }
    if matches!(bytes, b"." | b"..") {
        return Err("cache name means a folder");
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'/' => return Err("cache name holds a slash"),
            // It becomes a column of /proc/slabinfo.
            0..=b' ' | 0x7f => return Err("cache name holds a blank or a control character"),
            _ => i += 1,
        }
    }
    // The kernel makes such names, as in ":D-0001024", for slabs that are shared.
    if bytes[0] == b':' {
        return Err("cache name starts with a colon, as only the kernel's own do");
    }
    Ok(())
}

#[kunit_tests(slab_names)]
mod tests {
    use super::*;
    use crate::{
        cache::KmemCache,
        flags::SlabFlags,
        gfp::Gfp, //
    };

    // KFENCE, which keeps a count of its own, does not serve caches with a zone.
    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).flags(SlabFlags::DMA32).build()
    }

    #[test]
    fn bad_names_are_refused() -> Result {
        for name in [
            c"",
            c".",
            c"..",
            c"a/b",
            c"/",
            c"two words",
            c"line\n",
            c":D-0001024",
        ] {
            assert!(build(name).err() == Some(EINVAL));
        }
        let mut long = KVec::from_elem(b'x', 255, GFP_KERNEL)?;
        long.push(0, GFP_KERNEL)?;
        let longest = CStr::from_bytes_with_nul(&long).map_err(|_| EINVAL)?;
        drop(build(longest)?);
        long.pop();
        long.push(b'x', GFP_KERNEL)?;
        long.push(0, GFP_KERNEL)?;
        let longer = CStr::from_bytes_with_nul(&long).map_err(|_| EINVAL)?;
        assert!(build(longer).err() == Some(EINVAL));
        Ok(())
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
