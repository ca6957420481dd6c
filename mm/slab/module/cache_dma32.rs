// SPDX-License-Identifier: GPL-2.0

//! The file `cache_dma32` in the directory of each cache that is made here.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)
//!
//! Attributes of a cache go through functions private to the allocator. A binary attribute brings
//! its own.

use crate::{
    bindings,
    prelude::*,
    slab::{
        flags::Zone,
        sysfs::{
            find,
            Kobject, //
        }, //
    }, //
};

/// `cache_dma32` in the directory of a cache; removed when dropped.
///
/// # Invariants
///
/// The file is there, and `attr` is the attribute it was made with.
pub(crate) struct File {
    kobj: Kobject,
    attr: &'static Attribute,
}

impl File {
    /// Puts the file in the directory of a cache of our own.
    ///
    /// Returns `None` and logs a line if there is no directory or no memory: the cache works
    /// without the file.
    pub(crate) fn new(cache: &CStr, zone: Zone) -> Option<Self> {
        let attr = if zone == Zone::Dma32 { &YES } else { &NO };
        let missing = || pr_warn!("cache '{}' has no cache_dma32 in sysfs\n", cache);
        let Some(kobj) = find(cache) else {
            missing();
            return None;
        };
        // SAFETY: The reference keeps the object, and the cache is ours, so that its
        // directory does not go away under us. The attribute is static.
        let ret = unsafe { bindings::sysfs_create_bin_file(kobj.as_ptr(), &attr.0) };
        if ret != 0 {
            missing();
            return None;
        }
        // INVARIANT: It was just made.
        Some(Self { kobj, attr })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: The file exists and was made with `attr` (type invariants); the kernel waits for
        // readers.
        unsafe { bindings::sysfs_remove_bin_file(self.kobj.as_ptr(), &self.attr.0) };
    }
}

/// An attribute with a constant text.
#[repr(transparent)]
struct Attribute(bindings::bin_attribute);

// SAFETY: It is never changed.
unsafe impl Sync for Attribute {}

static YES: Attribute = Attribute::new(c"1\n");
static NO: Attribute = Attribute::new(c"0\n");

impl Attribute {
    const fn new(text: &'static CStr) -> Self {
        // SAFETY: All zeroes are a valid `bin_attribute`: pointers, numbers and
        // optional functions.
        let mut attr: bindings::bin_attribute = unsafe { core::mem::zeroed() };
        attr.attr.name = crate::str::as_char_ptr_in_const_context(c"cache_dma32");
        attr.attr.mode = 0o444;
        attr.size = text.count_bytes();
        attr.private = crate::str::as_char_ptr_in_const_context(text)
            .cast_mut()
            .cast();
        attr.read = Some(Self::read);
        Self(attr)
    }

    /// # Safety
    ///
    /// Called by sysfs: `attr` is in an [`Attribute`], `buf` has room for `count` bytes, and `off`
    /// and `count` lie within the file's size.
    unsafe extern "C" fn read(
        _file: *mut bindings::file,
        _kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        buf: *mut c_char,
        off: bindings::loff_t,
        count: usize,
    ) -> isize {
        // SAFETY: `private` of our attributes is a static C string.
        let text = unsafe { CStr::from_char_ptr((*attr).private.cast_const().cast()) }.to_bytes();
        let rest = usize::try_from(off)
            .ok()
            .and_then(|off| text.get(off..))
            .unwrap_or(&[]);
        let count = rest.len().min(count);
        // SAFETY: `buf` has room for `count` bytes, and is not the text.
        unsafe { core::ptr::copy_nonoverlapping(rest.as_ptr(), buf.cast(), count) };
        count as isize
    }
}
