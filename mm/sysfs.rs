// SPDX-License-Identifier: GPL-2.0

//! The caches in `/sys/kernel/slab`, and the file `cache_dma32` in those of ours.
//!
//! C headers: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h),
//! [`include/linux/kobject.h`](srctree/include/linux/kobject.h)
//!
//! The kernel has no interface to a cache's directory, and its attributes go
//! through functions private to the allocator. A binary attribute brings its own
//! function, and finding a cache by name needs nothing private.

use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    container_of,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    flags::{
        SlabFlags,
        Zone, //
    },
    helpers, //
};

/// A reference to a kernel object.
///
/// # Invariants
///
/// `self` owns a reference to the object, which is that of a slab cache.
#[repr(transparent)]
pub(crate) struct Kobject(NonNull<bindings::kobject>);

impl Drop for Kobject {
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is a reference to give back.
        unsafe { bindings::kobject_put(self.0.as_ptr()) };
    }
}

/// A reference to a file or folder of sysfs.
///
/// # Invariants
///
/// `self` owns a reference to the node.
struct Node(NonNull<bindings::kernfs_node>);

impl Node {
    /// The entry `name` of the folder of `parent`.
    ///
    /// # Safety
    ///
    /// `parent` is an object that stays in sysfs.
    unsafe fn find(parent: *mut bindings::kobject, name: &CStr) -> Option<Self> {
        // SAFETY: By the safety requirements the folder is there.
        let node = unsafe {
            bindings::kernfs_find_and_get_ns((*parent).sd, name.as_char_ptr(), core::ptr::null())
        };
        // INVARIANT: The reference was just taken.
        NonNull::new(node).map(Self)
    }
}

impl Node {
    /// What a link leads to; none if this is no link.
    fn target(&self) -> Option<NonNull<bindings::kernfs_node>> {
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
fn slab_set() -> Option<NonNull<bindings::kset>> {
    // SAFETY: `kernel_kobj` is set early at boot and stays.
    let node = unsafe { Node::find(bindings::kernel_kobj, c"slab") }?;
    // SAFETY: A folder of sysfs belongs to the object in `priv`.
    let kobj = unsafe { (*node.0.as_ptr()).priv_ }.cast::<bindings::kobject>();
    // SAFETY: The object of this folder is in a kset, made at boot, which stays.
    NonNull::new(unsafe { container_of!(kobj, bindings::kset, kobj) })
}

/// Whether `/sys/kernel/slab` has an entry of that name.
#[cfg(CONFIG_KUNIT = "y")]
pub(crate) fn exists(name: &CStr) -> bool {
    let find = |set: NonNull<bindings::kset>| {
        // SAFETY: The set stays.
        unsafe { Node::find(&raw mut (*set.as_ptr()).kobj, name) }
    };
    slab_set().and_then(find).is_some()
}

/// Whether the directory of a cache has a file of that name.
#[cfg(CONFIG_KUNIT = "y")]
pub(crate) fn has_file(cache: &CStr, name: &CStr) -> bool {
    // SAFETY: The reference keeps the object and, with it, its directory.
    find(cache).is_some_and(|cache| unsafe { Node::find(cache.0.as_ptr(), name) }.is_some())
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

/// Takes a reference to each cache there is.
///
/// They can be read while they are held; one that is destroyed meanwhile is only
/// freed when it is let go.
pub(crate) fn caches() -> Result<KVec<Kobject>> {
    let set = slab_set().ok_or(ENOENT)?;
    let mut caches = KVec::<Kobject>::new();
    loop {
        // Some more than there were, as others are made meanwhile.
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

/// Removes a name of a cache that shares slabs.
pub(crate) fn remove_link(name: &CStr) {
    let Some(set) = slab_set() else { return };
    // SAFETY: The set stays.
    let kobj = unsafe { &raw mut (*set.as_ptr()).kobj };
    // SAFETY: As above.
    let node = unsafe { Node::find(kobj, name) };
    // A folder of that name would be that of another cache, made by somebody else.
    if node.is_some_and(|node| node.target().is_some()) {
        // SAFETY: As above.
        unsafe { bindings::sysfs_remove_link(kobj, name.as_char_ptr()) };
    }
}

/// Whether other caches share this one's slabs.
pub(crate) fn is_shared(name: &CStr) -> bool {
    attribute(name, c"aliases").is_ok_and(|others| others > 0)
}

/// Reads a number, the first, from the kernel's attribute of a cache.
pub(crate) fn attribute(cache: &CStr, name: &CStr) -> Result<u64> {
    find(cache).ok_or(ENOENT)?.attribute(name)
}

/// What a cache is.
pub(crate) struct Properties<'a> {
    /// The name it was made with, if that can be known, or that of its directory.
    pub(crate) name: &'a CStr,
    /// Where its objects lie, if that can be known.
    pub(crate) zone: Option<Zone>,
    /// All of its flags, if they can be known.
    #[cfg_attr(not(CONFIG_KUNIT = "y"), expect(dead_code))]
    pub(crate) flags: Option<SlabFlags>,
    /// Size of an object in bytes.
    pub(crate) object_size: u64,
}

impl Kobject {
    /// What the cache is.
    pub(crate) fn properties(&self) -> Result<Properties<'_>> {
        let mut layout = MaybeUninit::<helpers::Layout>::uninit();
        // SAFETY: The reference keeps the cache; `layout` is written if this is true.
        if unsafe { helpers::slab_rust_layout(self.0.as_ptr(), layout.as_mut_ptr()) } {
            // SAFETY: It was written.
            let layout = unsafe { layout.assume_init() };
            let flags = SlabFlags::from_raw(layout.flags);
            return Ok(Properties {
                // SAFETY: The name is kept with the cache.
                name: unsafe { CStr::from_char_ptr(layout.name) },
                zone: Some(Zone::of(flags)),
                flags: Some(flags),
                object_size: layout.object_size.into(),
            });
        }

        // SAFETY: The reference keeps the object and its name, which stays the same.
        let name = unsafe { CStr::from_char_ptr((*self.0.as_ptr()).name) };
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

    /// Reads a number, the first, from an attribute of the cache.
    pub(crate) fn attribute(&self, name: &CStr) -> Result<u64> {
        self.read(name, parse)?
    }

    /// Calls `f` with the text of an attribute of the cache.
    pub(crate) fn read<R>(&self, name: &CStr, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
        // Zeroed, and page-aligned by its size: `sysfs_emit` checks.
        let mut page = KBox::<[u8; PAGE_SIZE]>::zeroed(GFP_KERNEL)?;
        let kobj = self.0.as_ptr();
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

/// Finds an attribute of a type by its name.
fn find_attribute(ktype: &bindings::kobj_type, name: &CStr) -> Option<*mut bindings::attribute> {
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

/// The decimal number that a text starts with.
fn parse(text: &[u8]) -> Result<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(EINVAL);
    }
    text[..digits].iter().try_fold(0u64, |number, byte| {
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(byte - b'0')))
            .ok_or(EOVERFLOW)
    })
}

/// `cache_dma32` in the directory of a cache; removed when dropped.
///
/// # Invariants
///
/// The file is there, and `attr` is the attribute it was made with.
pub(crate) struct File {
    kobj: Kobject,
    attr: &'static Attribute,
}

// SAFETY: References to kernel objects belong to no task.
unsafe impl Send for Kobject {}

impl File {
    /// Puts the file in the directory of a cache of our own.
    ///
    /// A cache works without its directory, so this does too, as the kernel itself:
    /// one line in the log says what is missing.
    pub(crate) fn new(cache: &CStr, zone: Zone) -> Option<Self> {
        let attr = if zone == Zone::Dma32 { &YES } else { &NO };
        let missing = || pr_warn!("cache '{}' has no cache_dma32 in sysfs\n", cache);
        let Some(kobj) = find(cache) else {
            missing();
            return None;
        };
        // SAFETY: The reference keeps the object, and the cache is ours, so that its
        // directory does not go away under us. The attribute is static.
        let ret = unsafe { bindings::sysfs_create_bin_file(kobj.0.as_ptr(), &attr.0) };
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
        // SAFETY: By the type invariants; the kernel waits for readers.
        unsafe { bindings::sysfs_remove_bin_file(self.kobj.0.as_ptr(), &self.attr.0) };
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
        attr.attr.name = kernel::str::as_char_ptr_in_const_context(c"cache_dma32");
        attr.attr.mode = 0o444;
        attr.size = text.count_bytes();
        attr.private = kernel::str::as_char_ptr_in_const_context(text)
            .cast_mut()
            .cast();
        attr.read = Some(Self::read);
        Self(attr)
    }

    /// # Safety
    ///
    /// Called by sysfs: `attr` is one of ours, `buf` has room for `count` bytes, and
    /// `off` and `count` lie within the file's size.
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

#[kunit_tests(slab_sysfs)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_attributes() {
        assert!(parse(b"0\n") == Ok(0));
        assert!(parse(b"12 N0=5 N1=7\n") == Ok(12));
        assert!(parse(b"18446744073709551615\n") == Ok(u64::MAX));
        assert!(parse(b"18446744073709551616\n") == Err(EOVERFLOW));
        assert!(parse(b"99999999999999999999\n") == Err(EOVERFLOW));
        assert!(parse(b"").is_err());
        assert!(parse(b"N0=5").is_err());
    }

    #[test]
    fn zones_of_shared_directories() {
        assert!(zone_of_shared(c":0000128") == Some(Zone::Normal));
        assert!(zone_of_shared(c":A-0000128") == Some(Zone::Normal));
        assert!(zone_of_shared(c":dA-0000128") == Some(Zone::Dma));
        assert!(zone_of_shared(c":aD-0000128") == Some(Zone::Dma32));
        assert!(zone_of_shared(c"kmalloc-1k").is_none());
    }

    #[test]
    fn a_cache_of_the_kernel_is_found() -> Result {
        let cache = find(c"kmalloc-1k").ok_or(ENOENT)?;
        assert_eq!(cache.attribute(c"object_size")?, 1024);
        assert!(cache.attribute(c"no such thing") == Err(ENOENT));
        let properties = cache.properties()?;
        assert_eq!(properties.object_size, 1024);
        assert!(properties.name == c"kmalloc-1k");
        assert!(properties.zone == Some(Zone::Normal));
        assert!(find(c"no such cache").is_none());
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
