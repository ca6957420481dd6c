// SPDX-License-Identifier: GPL-2.0

//! Symbolic links in `/sys/kernel/slab`: the other names of caches that share slabs.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/mount.h`](srctree/include/linux/mount.h)
//!
//! The kernel keeps no list of them. They are read as from user space, from a mount of sysfs that
//! lasts as long as the reading.

use core::ptr::NonNull;

use crate::{
    bindings,
    container_of,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    slab::sysfs::{
        slab_set,
        Kobject,
        Node, //
    },
    str::CString, //
};

/// A symbolic link in `/sys/kernel/slab`.
pub(crate) struct Link {
    name: CString,
    node: Node,
}

impl Link {
    /// Returns the name of the link.
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    /// Returns whether the link leads to the directory of `cache`.
    pub(crate) fn leads_to(&self, cache: &Kobject) -> bool {
        // SAFETY: The reference keeps the object.
        let dir = unsafe { (*cache.as_ptr()).sd };
        self.node.target().is_some_and(|node| node.as_ptr() == dir)
    }
}

/// Returns all links.
///
/// # Errors
///
/// Errors of mounting and reading sysfs.
pub(crate) fn links() -> Result<KVec<Link>> {
    let set = slab_set().ok_or(ENOENT)?;
    // SAFETY: The set stays for as long as the system runs.
    let kobj = unsafe { &raw mut (*set.as_ptr()).kobj };
    let mut links = KVec::new();
    for name in names()? {
        // SAFETY: The directory of the set stays for as long as the system runs.
        let Some(node) = (unsafe { Node::find(kobj, &name) }) else {
            continue;
        };
        if node.target().is_some() {
            links.push(Link { name, node }, GFP_KERNEL)?;
        }
    }
    Ok(links)
}

/// A mount of sysfs of its own.
///
/// # Invariants
///
/// The pointer is to a mount that belongs to `self`.
struct Sysfs(NonNull<bindings::vfsmount>);

impl Sysfs {
    fn mount() -> Result<Self> {
        // SAFETY: The name is a C string.
        let kind = unsafe { bindings::get_fs_type(c"sysfs".as_char_ptr()) };
        if kind.is_null() {
            return Err(ENODEV);
        }
        // SAFETY: The type was just looked up. It is built in, so that its reference counts
        // nothing.
        let mount = from_err_ptr(unsafe { bindings::kern_mount(kind) });
        // INVARIANT: The mount was just made.
        NonNull::new(mount?).map(Self).ok_or(ENODEV)
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        // SAFETY: The mount belongs to `self` by the type invariants.
        unsafe { bindings::kern_unmount(self.0.as_ptr()) };
    }
}

/// Names that a directory is asked for.
#[repr(C)]
struct Listing {
    context: bindings::dir_context,
    names: KVec<CString>,
    result: Result,
}

/// Returns the names of the links in the directory.
fn names() -> Result<KVec<CString>> {
    let sysfs = Sysfs::mount()?;
    let root = bindings::path {
        mnt: sysfs.0.as_ptr(),
        // SAFETY: By the type invariants the mount is alive.
        dentry: unsafe { (*sysfs.0.as_ptr()).mnt_root },
    };
    let flags = (bindings::O_RDONLY | bindings::O_DIRECTORY) as c_int;
    // SAFETY: The path is that of a live mount, and the name a C string.
    let dir = from_err_ptr(unsafe {
        bindings::file_open_root(&root, c"kernel/slab".as_char_ptr(), flags, 0)
    })?;
    let mut listing = Listing {
        context: bindings::dir_context {
            actor: Some(add),
            // Any number.
            count: c_int::MAX,
            ..Default::default()
        },
        names: KVec::new(),
        result: Ok(()),
    };
    // SAFETY: The file was just opened, and `add` is called with the context in `listing`.
    let ret = unsafe { bindings::iterate_dir(dir, &mut listing.context) };
    // SAFETY: The file was opened above, and is not used any more.
    unsafe { bindings::fput(dir) };
    to_result(ret)?;
    listing.result?;
    Ok(listing.names)
}

/// # Safety
///
/// Called by `iterate_dir()` with the context of a [`Listing`] that nothing else uses, and a name
/// of `length` bytes.
unsafe extern "C" fn add(
    context: *mut bindings::dir_context,
    name: *const c_char,
    length: c_int,
    _offset: bindings::loff_t,
    _inode: u64,
    kind: c_uint,
) -> bool {
    if kind != bindings::DT_LNK {
        return true;
    }
    // SAFETY: The context is that of a listing which nothing else uses, by the safety requirements.
    let listing = unsafe { &mut *container_of!(context, Listing, context) };
    // SAFETY: `name` has `length` bytes by the safety requirements.
    let bytes = unsafe { core::slice::from_raw_parts(name.cast::<u8>(), length as usize) };
    listing.result = push(&mut listing.names, bytes);
    listing.result.is_ok()
}

fn push(names: &mut KVec<CString>, bytes: &[u8]) -> Result {
    let mut name = KVec::with_capacity(bytes.len() + 1, GFP_KERNEL)?;
    name.extend_from_slice(bytes, GFP_KERNEL)?;
    name.push(0, GFP_KERNEL)?;
    let name = CStr::from_bytes_with_nul(&name).map_err(|_| EINVAL)?;
    names.push(CString::try_from(name)?, GFP_KERNEL)?;
    Ok(())
}
