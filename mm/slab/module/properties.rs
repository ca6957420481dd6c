// SPDX-License-Identifier: GPL-2.0

//! All caches of the system, and their properties.
//!
//! C header: [`include/linux/kobject.h`](srctree/include/linux/kobject.h)
//!
//! Flags are read from the private layout of a cache (layout.c); if that is not known, zone and
//! size are read from sysfs.

use core::mem::MaybeUninit;

use crate::{
    error::to_result,
    prelude::*,
    slab::{
        flags::{
            SlabFlags,
            Zone, //
        },
        sysfs::{
            find_attribute,
            slab_set,
            Kobject, //
        }, //
    },
    slab_module::helpers, //
};

/// Takes a reference to each cache of the system.
///
/// A cache can be read while its reference is held, even if it is destroyed meanwhile.
pub(crate) fn caches() -> Result<KVec<Kobject>> {
    let set = slab_set().ok_or(ENOENT)?;
    let mut caches = KVec::<Kobject>::new();
    loop {
        // Some more than there were: caches may be created meanwhile.
        let room = caches.capacity();
        // SAFETY: The set stays, and a `Kobject` is a pointer to an object: there is
        // room for so many.
        let count = unsafe {
            helpers::slab_rust_hold_caches(set.as_ptr(), caches.as_mut_ptr().cast(), room)
        };
        // SAFETY: So many were written.
        unsafe { caches.inc_len(count.min(room)) };
        if count <= room {
            return Ok(caches);
        }
        caches.clear();
        caches.reserve(count + count / 8, GFP_KERNEL)?;
    }
}

impl Kobject {
    /// Returns the name of the cache's directory.
    pub(crate) fn name(&self) -> &CStr {
        // SAFETY: The reference keeps the object and its name, which stays the same.
        unsafe { CStr::from_char_ptr((*self.as_ptr()).name) }
    }

    /// Writes to an attribute of the cache, as sysfs does.
    pub(crate) fn store(&self, name: &CStr, value: &[u8]) -> Result {
        let kobj = self.as_ptr();
        // SAFETY: The reference keeps the object; its type is a constant of the allocator.
        let ktype = unsafe { &*(*kobj).ktype };
        let attr = find_attribute(ktype, name).ok_or(ENOENT)?;
        // SAFETY: The operations are constants of the allocator.
        let store = unsafe { (*ktype.sysfs_ops).store }.ok_or(EIO)?;
        // SAFETY: The attribute is one of this type, the value is as long as is said, and the
        // reference keeps the cache.
        let length = unsafe { store(kobj, attr, value.as_ptr().cast(), value.len()) };
        to_result(length.min(0) as c_int)
    }
}

/// Properties of a cache.
pub(crate) struct Properties<'a> {
    /// The name that it was created with, if that can be known, or that of its directory.
    pub(crate) name: &'a CStr,
    /// The zone of its objects, if that can be known.
    pub(crate) zone: Option<Zone>,
    /// All of its flags, if they can be known.
    #[cfg_attr(not(CONFIG_KUNIT = "y"), expect(dead_code))]
    pub(crate) flags: Option<SlabFlags>,
    /// Size of an object in bytes.
    pub(crate) object_size: usize,
}

impl Kobject {
    /// Returns the properties of the cache.
    pub(crate) fn properties(&self) -> Result<Properties<'_>> {
        let mut layout = MaybeUninit::<helpers::Layout>::uninit();
        // SAFETY: The reference keeps the cache; `layout` is written if this is true.
        if unsafe { helpers::slab_rust_layout(self.as_ptr(), layout.as_mut_ptr()) } {
            // SAFETY: It was written.
            let layout = unsafe { layout.assume_init() };
            let flags = SlabFlags::from_raw(layout.flags);
            return Ok(Properties {
                // SAFETY: The name is kept with the cache.
                name: unsafe { CStr::from_char_ptr(layout.name) },
                zone: Some(Zone::of(flags)),
                flags: Some(flags),
                object_size: layout.object_size as usize,
            });
        }

        let name = self.name();
        let zone = if self.attribute(c"cache_dma").is_ok_and(|dma| dma == 1) {
            Some(Zone::Dma)
        } else {
            zone_of_shared(name)
        };
        Ok(Properties {
            name,
            zone,
            flags: None,
            object_size: self.attribute(c"object_size")?,
        })
    }
}

/// The zone in the name of a directory that may be shared, as in `:aD-0001024`.
fn zone_of_shared(name: &CStr) -> Option<Zone> {
    let rest = name.to_bytes().strip_prefix(b":")?;
    let flags = match rest.iter().position(|byte| *byte == b'-') {
        Some(end) => &rest[..end],
        None => &[],
    };
    Some(if flags.contains(&b'D') {
        Zone::Dma32
    } else if flags.contains(&b'd') {
        Zone::Dma
    } else {
        Zone::Normal
    })
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_properties)]
mod tests {
    use super::*;
    use crate::slab::{
        cache::KmemCache,
        sysfs::find, //
    };

    #[test]
    fn zones_of_shared_directories() {
        assert!(zone_of_shared(c":0000128") == Some(Zone::Normal));
        assert!(zone_of_shared(c":A-0000128") == Some(Zone::Normal));
        assert!(zone_of_shared(c":dA-0000128") == Some(Zone::Dma));
        assert!(zone_of_shared(c":aD-0000128") == Some(Zone::Dma32));
        assert!(zone_of_shared(c"kmalloc-1k").is_none());
    }

    #[test]
    fn a_cache_of_the_kernel_is_known() -> Result {
        let cache = find(c"kmalloc-1k").ok_or(ENOENT)?;
        let properties = cache.properties()?;
        assert_eq!(properties.object_size, 1024);
        assert!(properties.name == c"kmalloc-1k");
        assert!(properties.zone == Some(Zone::Normal));
        Ok(())
    }

    #[test]
    fn account_and_zone_reach_the_kernel() -> Result {
        const NAME: &CStr = c"test_layout";
        let made = |flags| -> Result<_> {
            let cache = KmemCache::<[u32; 256]>::builder(NAME)
                .flags(flags)
                .build()?;
            let found = find(NAME).ok_or(ENOENT)?;
            let properties = found.properties()?;
            assert!(properties.name == NAME);
            assert_eq!(properties.object_size, cache.object_size());
            Ok((properties.zone, properties.flags.ok_or(ENOENT)?))
        };
        for zone in Zone::ALL.into_iter().filter(|zone| zone.exists()) {
            assert!(made(zone.slab_flags())?.0 == Some(zone));
        }
        assert!(made(SlabFlags::ACCOUNT)?.1.contains(SlabFlags::ACCOUNT));
        assert!(
            SlabFlags::ACCOUNT == SlabFlags::NONE
                || !made(SlabFlags::NONE)?.1.contains(SlabFlags::ACCOUNT)
        );
        Ok(())
    }

    #[test]
    fn all_caches_are_held() -> Result {
        let all = caches()?;
        assert!(all.len() > 20);
        let mut found = 0;
        for cache in &all {
            if cache.properties()?.name == c"kmem_cache" {
                found += 1;
            }
        }
        assert_eq!(found, 1);
        Ok(())
    }
}
