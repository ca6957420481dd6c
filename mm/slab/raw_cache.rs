// SPDX-License-Identifier: GPL-2.0

//! A cache without the type of its objects: created, shrunk and destroyed.
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
        args::CacheArgs,
        report::report, //
    }, //
};

/// The longest name of a file, and of a cache's directory in sysfs.
const NAME_MAX: usize = 255;

/// A cache, destroyed when dropped unless objects of it are still allocated.
///
/// # Invariants
///
/// The pointer is to a live cache that belongs to `self`, whose objects have the size, the
/// alignment and the constructor of the arguments it was created from.
pub(crate) struct RawCache(NonNull<bindings::kmem_cache>);

// SAFETY: A cache belongs to no task; the kernel's functions for it lock as needed.
unsafe impl Send for RawCache {}

// SAFETY: The kernel's functions for a cache may be called from several tasks at a time.
unsafe impl Sync for RawCache {}

impl RawCache {
    /// Creates a cache.
    pub(crate) fn new(name: &CStr, args: &CacheArgs) -> Result<Self> {
        if let Err(bad) = args.check() {
            report(fmt!("cache '{name}' refused: {bad}"));
            return Err(EINVAL);
        }
        if let Err(bad) = check_name(name) {
            report(fmt!("cache '{name}' refused: {bad}"));
            return Err(EINVAL);
        }
        let (mut raw_args, flags) = args.to_raw();
        // SAFETY: `name` is a C string without a slash, the arguments were checked, and by the
        // invariants of `CacheArgs` the constructor can be called for each object.
        let created = from_err_ptr(unsafe {
            bindings::kmem_cache_create_unique(
                name.as_char_ptr(),
                args.object_size() as c_uint,
                &mut raw_args,
                flags,
            )
        });
        if created.err() == Some(EEXIST) {
            report(fmt!("cache '{name}' refused: another cache has that name"));
        }
        // INVARIANT: The cache was just created from `args`, and no one else has it.
        NonNull::new(created?).map(Self).ok_or(ENOMEM)
    }

    /// Returns the kernel's cache.
    #[inline]
    pub(crate) fn as_raw(&self) -> NonNull<bindings::kmem_cache> {
        self.0
    }

    /// Returns the size of an object in bytes.
    pub(crate) fn object_size(&self) -> usize {
        // SAFETY: The cache is alive by the type invariants.
        unsafe { bindings::kmem_cache_size(self.0.as_ptr()) as usize }
    }

    /// Gives empty slabs back to the page allocator, and returns whether no slab is left.
    pub(crate) fn shrink(&self) -> bool {
        // SAFETY: The cache is alive by the type invariants.
        unsafe { bindings::kmem_cache_shrink(self.0.as_ptr()) == 0 }
    }

    /// Returns the bytes of its slabs, as the kernel counts them; a slab that was made smaller for
    /// want of memory counts like the others.
    pub(crate) fn slab_bytes(&self) -> Result<usize> {
        // SAFETY: The cache is alive by the type invariants.
        let bytes = unsafe { bindings::kmem_cache_slab_bytes(self.0.as_ptr()) };
        usize::try_from(bytes).map_err(|_| Error::from_errno(bytes as c_int))
    }
}

impl Drop for RawCache {
    fn drop(&mut self) {
        // SAFETY: The cache is alive by the type invariants, and only `self`, which goes away,
        // could allocate from it.
        unsafe { bindings::kmem_cache_destroy_unused(self.0.as_ptr()) };
    }
}

/// Checks a name; the error says what is wrong with it.
pub(crate) const fn check_name(name: &CStr) -> core::result::Result<(), &'static str> {
    let bytes = name.to_bytes();

    if bytes.is_empty() {
        return Err("cache name is empty");
    }
    if bytes.len() > NAME_MAX {
        return Err("cache name is longer than 255 bytes");
    }
    if matches!(bytes, b"." | b"..") {
        return Err("cache name is that of a directory");
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
    // The kernel gives such names, as in ":D-0001024", to caches that are shared.
    if bytes[0] == b':' {
        return Err("cache name starts with a colon, as only the kernel's own do");
    }
    Ok(())
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_names)]
mod tests {
    use super::*;
    use crate::slab::KmemCache;

    fn build(name: &CStr) -> Result<KmemCache<[u64; 5]>> {
        KmemCache::builder(name).build()
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
