// SPDX-License-Identifier: GPL-2.0

//! A cache whatever its objects are: made and destroyed.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! Nothing here runs when an object is allocated or freed.

use core::ptr::NonNull;

use crate::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    slab::{
        args::Request,
        report::report, //
    }, //
};

/// The longest name of a file, and of a cache's directory in sysfs.
const NAME_MAX: usize = 255;

/// A cache, destroyed when dropped.
///
/// # Invariants
///
/// `cache` is a live cache that belongs to `self`, whose objects have the size, the
/// alignment and the constructor of the request it was made from.
pub(crate) struct RawCache {
    cache: NonNull<bindings::kmem_cache>,
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
        let (mut args, flags) = request.args();
        // SAFETY: The name is a C string, the arguments were checked, and by the
        // invariants of `Request` the constructor can be called for each object.
        let made = from_err_ptr(unsafe {
            bindings::kmem_cache_create_unique(
                name.as_char_ptr(),
                request.object_size() as c_uint,
                &mut args,
                flags,
            )
        });
        if made == Err(EEXIST) {
            report(fmt!("cache '{name}' refused: a live cache has that name"));
        }
        let cache = NonNull::new(made?).ok_or(ENOMEM)?;
        // INVARIANT: It was just made from `request`.
        Ok(Self { cache })
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

    /// Bytes of its slabs, as the kernel counts them; a slab that was made smaller for want of
    /// memory counts like the others.
    pub(crate) fn slab_bytes(&self) -> Result<usize> {
        // SAFETY: The cache is alive.
        let bytes = unsafe { bindings::kmem_cache_slab_bytes(self.cache.as_ptr()) };
        usize::try_from(bytes).map_err(|_| Error::from_errno(bytes as c_int))
    }
}

impl Drop for RawCache {
    fn drop(&mut self) {
        // SAFETY: The cache is alive, and goes away with `self`, whose drop this is.
        unsafe { bindings::kmem_cache_destroy_unused(self.cache.as_ptr()) };
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

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_names)]
mod tests {
    use super::*;
    use crate::slab::{
        cache::KmemCache,
        flags::SlabFlags, //
    };

    // KFENCE, which keeps a count of its own, does not serve caches with a zone.
    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).flags(SlabFlags::LOW).build()
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
}
