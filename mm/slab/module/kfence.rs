// SPDX-License-Identifier: GPL-2.0

//! Caches without KFENCE.
//!
//! C header: [`include/linux/kfence.h`](srctree/include/linux/kfence.h)
//!
//! Objects of KFENCE lie in no slab: `kmem_cache_shrink()` says that a cache is empty while some
//! are allocated, and destroying it then ends them, so that a leaked object would not stay valid. A
//! module cannot count them, but it can keep KFENCE away from a cache, by the file `skip_kfence`.

use crate::{
    prelude::*,
    slab::sysfs, //
};

/// Keeps KFENCE away from a cache that was just created.
///
/// # Errors
///
/// [`ENOMEM`] if the cache has no directory, which the kernel does without when memory is short.
pub(crate) fn skip(cache: &CStr) -> Result {
    if cfg!(CONFIG_KFENCE) {
        let cache = sysfs::find(cache).ok_or(ENOMEM)?;
        cache.store(c"skip_kfence", b"1")?;
    }
    Ok(())
}
