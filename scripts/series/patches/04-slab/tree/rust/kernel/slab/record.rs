// SPDX-License-Identifier: GPL-2.0

//! What is known of a cache beside what the allocator knows.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use core::ptr::NonNull;

use crate::{
    bindings,
    prelude::*,
    str::CString, //
};

use super::{
    raw::{
        wait_for_frees,
        RawCache, //
    },
    request::Request, //
};

/// A cache's record.
pub(crate) struct Record {
    name: CString,
    merged: bool,
    rcu: bool,
}

impl Record {
    /// Has a cache made.
    pub(crate) fn new(
        name: &CStr,
        request: &Request,
        make: impl FnOnce() -> Result<NonNull<bindings::kmem_cache>>,
    ) -> Result<(NonNull<bindings::kmem_cache>, Self)> {
        let record = Self {
            name: CString::try_from(name)?,
            merged: request.is_mergeable(),
            rcu: request.is_typesafe_by_rcu(),
        };
        Ok((make()?, record))
    }

    /// Bytes of the slabs of `cache`, whose record this is.
    pub(crate) fn slab_bytes(&self, cache: NonNull<bindings::kmem_cache>) -> Result<usize> {
        // SAFETY: The cache is alive, as its record is.
        Ok(unsafe { bindings::kmem_cache_usage(cache.as_ptr(), core::ptr::null_mut()) })
    }

    /// Destroys the cache whose record this is, or says how many of its objects keep that from
    /// being done.
    ///
    /// # Safety
    ///
    /// Nobody uses the cache afterwards.
    pub(crate) unsafe fn destroy(&self, cache: &RawCache) {
        if self.rcu {
            wait_for_frees();
        }
        let raw = cache.as_raw().as_ptr();
        // What per-CPU sheaves hold goes back too, so only objects in use are left. Those of a
        // cache that may share its slabs may be others', and the kernel knows when it is the last.
        if !cache.shrink() && !self.merged {
            let mut count = 0;
            // SAFETY: The cache is alive.
            unsafe { bindings::kmem_cache_usage(raw, &mut count) };
            pr_err!(
                "cache '{}' stays behind: {} of its objects leaked\n",
                &*self.name,
                count
            );
            return;
        }
        // SAFETY: The cache is alive, and by the function's requirements it may go.
        unsafe { bindings::kmem_cache_destroy(raw) };
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[macros::kunit_tests(slab_record)]
mod tests {
    use super::*;
    use crate::slab::{
        Gfp,
        KmemCache,
        Object,
        SlabFlags, //
    };

    // KFENCE, which keeps a count of its own, does not serve caches with a zone.
    #[test]
    fn leaked_objects_keep_their_cache() -> Result {
        let cache = KmemCache::<[u64; 5]>::builder(c"test_leak")
            .flags(SlabFlags::HWCACHE_ALIGN)
            .build()?;
        let raw = cache.as_raw();
        let leaked = [
            cache.alloc([1; 5], Gfp::KERNEL)?,
            cache.alloc([2; 5], Gfp::KERNEL)?,
        ]
        .map(Object::into_raw);
        drop(cache);

        let mut count = 0;
        // SAFETY: The cache stayed.
        unsafe { bindings::kmem_cache_usage(raw.as_ptr(), &mut count) };
        assert_eq!(count, 2);
        for (object, value) in leaked.iter().zip(1..) {
            // SAFETY: They were leaked, so nobody else uses them.
            assert_eq!(unsafe { *object.as_ref() }, [value; 5]);
        }
        // SAFETY: As above, and with the last of its objects nobody uses the cache.
        unsafe {
            for object in leaked {
                bindings::kmem_cache_free(raw.as_ptr(), object.as_ptr().cast());
            }
            bindings::kmem_cache_destroy(raw.as_ptr());
        }
        Ok(())
    }
}
