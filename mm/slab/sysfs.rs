// SPDX-License-Identifier: GPL-2.0

//! The caches in `/sys/kernel/slab`, and what their attributes say.
//!
//! C headers: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h),
//! [`include/linux/kobject.h`](srctree/include/linux/kobject.h)
//!
//! The kernel has no interface to a cache's directory, but finding one by its name, and reading
//! attributes the way sysfs does, needs nothing private.

use core::ptr::NonNull;

use crate::{
    bindings,
    container_of,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*, //
};

/// A reference to a kernel object.
///
/// # Invariants
///
/// `self` owns a reference to the object, which is that of a slab cache.
#[repr(transparent)]
pub(crate) struct Kobject(NonNull<bindings::kobject>);

// SAFETY: References to kernel objects belong to no task.
unsafe impl Send for Kobject {}

impl Kobject {
    /// Returns the kernel's object.
    pub(crate) fn as_ptr(&self) -> *mut bindings::kobject {
        self.0.as_ptr()
    }
}

impl Drop for Kobject {
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is a reference to give back.
        unsafe { bindings::kobject_put(self.as_ptr()) };
    }
}

/// A reference to a file or directory of sysfs.
///
/// # Invariants
///
/// `self` owns a reference to the node.
pub(crate) struct Node(NonNull<bindings::kernfs_node>);

impl Node {
    /// Finds the entry `name` of the directory of `parent`.
    ///
    /// # Safety
    ///
    /// `parent` is an object that stays in sysfs.
    pub(crate) unsafe fn find(parent: *mut bindings::kobject, name: &CStr) -> Option<Self> {
        // SAFETY: `parent` stays in sysfs by the safety requirements, and has a directory there.
        let node = unsafe {
            bindings::kernfs_find_and_get_ns((*parent).sd, name.as_char_ptr(), core::ptr::null())
        };
        // INVARIANT: The reference was just taken.
        NonNull::new(node).map(Self)
    }
}

impl Node {
    /// Returns the target of a link; none if this is no link.
    pub(crate) fn target(&self) -> Option<NonNull<bindings::kernfs_node>> {
        let node = self.0.as_ptr();
        // SAFETY: By the type invariants the node is there.
        let flags = c_uint::from(unsafe { (*node).flags });
        if flags & bindings::kernfs_node_type_KERNFS_LINK == 0 {
            return None;
        }
        // SAFETY: A link has a target.
        NonNull::new(unsafe { (*node).__bindgen_anon_1.symlink.target_kn })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is a reference to give back.
        unsafe { bindings::kernfs_put(self.0.as_ptr()) };
    }
}

/// The set that all caches are in, `/sys/kernel/slab`.
pub(crate) fn slab_set() -> Option<NonNull<bindings::kset>> {
    // SAFETY: `kernel_kobj` is set early at boot and stays.
    let node = unsafe { Node::find(bindings::kernel_kobj, c"slab") }?;
    // SAFETY: A folder of sysfs belongs to the object in `priv`.
    let kobj = unsafe { (*node.0.as_ptr()).priv_ }.cast::<bindings::kobject>();
    // SAFETY: The object of this folder is in a kset, made at boot, which stays.
    NonNull::new(unsafe { container_of!(kobj, bindings::kset, kobj) })
}

/// Returns whether `/sys/kernel/slab` has an entry of that name.
#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
pub(crate) fn exists(name: &CStr) -> bool {
    let find = |set: NonNull<bindings::kset>| {
        // SAFETY: The set stays.
        unsafe { Node::find(&raw mut (*set.as_ptr()).kobj, name) }
    };
    slab_set().and_then(find).is_some()
}

/// Finds a cache by its name, or by another name of it.
pub(crate) fn find(name: &CStr) -> Option<Kobject> {
    let set = slab_set()?;
    // SAFETY: The set stays.
    let node = unsafe { Node::find(&raw mut (*set.as_ptr()).kobj, name) }?;
    let name = match node.target() {
        // SAFETY: The link, held by `node`, keeps its target, whose name stays.
        Some(target) => unsafe { (*target.as_ptr()).name },
        None => name.as_char_ptr(),
    };
    // SAFETY: The set stays, and `name` is a C string.
    let kobj = unsafe { bindings::kset_find_obj(set.as_ptr(), name) };
    // INVARIANT: `kset_find_obj` took a reference.
    NonNull::new(kobj).map(Kobject)
}

/// Reads a number, the first, from the kernel's attribute of a cache.
pub(crate) fn attribute(cache: &CStr, name: &CStr) -> Result<usize> {
    find(cache).ok_or(ENOENT)?.attribute(name)
}

impl Kobject {
    /// Reads a number, the first, from an attribute of the cache.
    pub(crate) fn attribute(&self, name: &CStr) -> Result<usize> {
        self.read(name, parse)?
    }

    /// Calls `f` with the text of an attribute of the cache.
    pub(crate) fn read<R>(&self, name: &CStr, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
        // Zeroed, and page-aligned by its size: `sysfs_emit` checks.
        let mut page = KBox::<[u8; PAGE_SIZE]>::zeroed(GFP_KERNEL)?;
        let kobj = self.as_ptr();
        // SAFETY: The reference keeps the object, its type is the allocator's, a
        // constant.
        let ktype = unsafe { &*(*kobj).ktype };
        let attr = find_attribute(ktype, name).ok_or(ENOENT)?;
        // SAFETY: The type is a constant of the allocator's.
        let show = unsafe { (*ktype.sysfs_ops).show }.ok_or(EIO)?;
        // SAFETY: The attribute is one of this type, the buffer is a page, and the
        // reference keeps the cache; the allocator's functions lock what they read.
        let length = unsafe { show(kobj, attr, page.as_mut_ptr().cast()) };
        to_result(length.min(0) as c_int)?;
        Ok(f(page.get(..length as usize).ok_or(EIO)?))
    }
}

/// Finds an attribute of a type by its name.
pub(crate) fn find_attribute(
    ktype: &bindings::kobj_type,
    name: &CStr,
) -> Option<*mut bindings::attribute> {
    let mut groups = ktype.default_groups;
    // SAFETY: An array of pointers to groups, which ends with NULL; each has an array
    // of pointers to attributes, which does too, and a name each.
    unsafe {
        while !(*groups).is_null() {
            let mut attrs = (**groups).__bindgen_anon_2.attrs;
            while !attrs.is_null() && !(*attrs).is_null() {
                if CStr::from_char_ptr((**attrs).name) == name {
                    return Some(*attrs);
                }
                attrs = attrs.add(1);
            }
            groups = groups.add(1);
        }
    }
    None
}

/// The decimal number that a text starts with: no more than an `unsigned long`, in the kernel too.
fn parse(text: &[u8]) -> Result<usize> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(EINVAL);
    }
    text[..digits].iter().try_fold(0usize, |number, byte| {
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(usize::from(byte - b'0')))
            .ok_or(EOVERFLOW)
    })
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_sysfs)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_attributes() {
        assert!(parse(b"0\n") == Ok(0));
        assert!(parse(b"12 N0=5 N1=7\n") == Ok(12));
        let (most, more) = if usize::BITS == 64 {
            ("18446744073709551615\n", "18446744073709551616\n")
        } else {
            ("4294967295\n", "4294967296\n")
        };
        assert!(parse(most.as_bytes()) == Ok(usize::MAX));
        assert!(parse(more.as_bytes()) == Err(EOVERFLOW));
        assert!(parse(b"99999999999999999999\n") == Err(EOVERFLOW));
        assert!(parse(b"").is_err());
        assert!(parse(b"N0=5").is_err());
    }

    #[test]
    fn a_cache_of_the_kernel_is_found() -> Result {
        let cache = find(c"kmalloc-1k").ok_or(ENOENT)?;
        assert_eq!(cache.attribute(c"object_size")?, 1024);
        assert!(cache.attribute(c"no such thing") == Err(ENOENT));
        assert!(find(c"no such cache").is_none());
        Ok(())
    }
}
