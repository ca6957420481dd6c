// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/slab_rust/caches`: which caches live in which zone, and how
//! much they hold.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)
//!
//! One line for each cache of the system, whoever made it. The counts are the
//! kernel's, those of `objects` and `slabs` in the cache's directory; objects that
//! per-CPU sheaves keep for the next allocation count as objects, as they do there.
//! Caches that share slabs are one cache, listed under the name of the first.

use core::{
    fmt::Display,
    ptr, //
};

use crate::{
    bindings,
    fmt,
    module::this_module,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    slab::flags::Zone,
    slab_module::{
        properties,
        registry, //
    }, //
};

/// The folder and its file; removed when dropped.
///
/// Where they cannot be made, debugfs has said so, and they are missed by nobody but who looks.
///
/// # Invariants
///
/// The pointer is what debugfs gave for a folder that was not removed: a folder or an error.
pub(crate) struct List(*mut bindings::dentry);

// SAFETY: debugfs may be used from any thread.
unsafe impl Send for List {}
// SAFETY: As above.
unsafe impl Sync for List {}

// The kernel crate's files do not name their owner: a module could go while one is open, and
// closing it would use what the module has left behind.
const OPERATIONS: bindings::file_operations = bindings::file_operations {
    owner: this_module::<crate::LocalModule>().as_ptr(),
    open: Some(open),
    read: Some(bindings::seq_read),
    llseek: Some(bindings::seq_lseek),
    release: Some(bindings::single_release),
    ..pin_init::zeroed()
};

impl List {
    pub(crate) fn new() -> Self {
        const READ_ONLY: bindings::umode_t = 0o444;
        // SAFETY: Names are copied, and the operations are for files without data of their own.
        // INVARIANT: Just made.
        unsafe {
            let dir = bindings::debugfs_create_dir(c"slab_rust".as_char_ptr(), ptr::null_mut());
            bindings::debugfs_create_file_full(
                c"caches".as_char_ptr(),
                READ_ONLY,
                dir,
                ptr::null_mut(),
                ptr::null(),
                &OPERATIONS,
            );
            Self(dir)
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: It was not removed (invariant); errors are fine.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// # Safety
///
/// The contract of `open` in `struct file_operations`.
unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: The file is about to be opened.
    unsafe { bindings::single_open(file, Some(show), ptr::null_mut()) }
}

/// # Safety
///
/// Called by seq_file for a file that [`open`] opened.
unsafe extern "C" fn show(seq: *mut bindings::seq_file, _data: *mut c_void) -> c_int {
    // SAFETY: By the function's requirements, and nobody else has the file while this runs.
    let seq = unsafe { SeqFile::from_raw(seq) };
    seq_print!(seq, "{}", Caches);
    0
}

/// What the file shows.
struct Caches;

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caches = properties::caches().map_err(|_| fmt::Error)?;

        Line {
            name: c"name",
            zone: "zone",
            object_size: "object_size",
            objects: "objects",
            slabs: "slabs",
        }
        .write(f)?;
        f.write_str("\n")?;

        for cache in &caches {
            let properties = cache.properties().map_err(|_| fmt::Error)?;
            let zone = properties
                .zone
                .or_else(|| registry::zone_of(properties.name));
            Line {
                name: properties.name,
                zone: zone.map_or("unknown", Zone::name),
                object_size: properties.object_size,
                objects: cache.attribute(c"objects").map_err(|_| fmt::Error)?,
                slabs: cache.attribute(c"slabs").map_err(|_| fmt::Error)?,
            }
            .write(f)?;
            f.write_str("\n")?;
        }
        Ok(())
    }
}

/// Columns, separated by blanks.
struct Line<'a, S, N> {
    name: &'a CStr,
    zone: &'a str,
    object_size: S,
    objects: N,
    slabs: N,
}

impl<S: Display, N: Display> Line<'_, S, N> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.name, 28)?;
        core::write!(
            f,
            " {:<7} {:>11} {:>8} {:>7}",
            self.zone,
            self.object_size,
            self.objects,
            self.slabs
        )
    }
}

/// A name in a column; what would break the columns is shown as `?`.
fn write_name(f: &mut fmt::Formatter<'_>, name: &CStr, width: usize) -> fmt::Result {
    let bytes = name.to_bytes();
    for byte in bytes {
        let shown = if byte.is_ascii_graphic() { *byte } else { b'?' };
        core::fmt::Write::write_char(f, shown.into())?;
    }
    for _ in bytes.len()..width {
        f.write_str(" ")?;
    }
    Ok(())
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_list)]
mod tests {
    use super::*;
    use crate::{
        slab::{
            cache::KmemCache,
            gfp::Gfp,
            SlabFlags, //
        },
        str::CString, //
    };

    /// The file.
    fn text() -> Result<CString> {
        CString::try_from_fmt(fmt!("{Caches}"))
    }

    /// The columns of one line.
    fn line(name: &str) -> Result<KVec<CString>> {
        let text = text()?;
        let text = text.to_str().map_err(|_| EINVAL)?;
        let mut columns = KVec::new();
        for line in text.lines() {
            if line.split_whitespace().next() == Some(name) {
                for column in line.split_whitespace().skip(1) {
                    columns.push(CString::try_from_fmt(fmt!("{column}"))?, GFP_KERNEL)?;
                }
            }
        }
        Ok(columns)
    }

    /// Whether the line of a cache has these columns.
    fn is(name: &str, columns: &[&str]) -> Result<bool> {
        let line = line(name)?;
        let same = |(a, b): (&CString, &&str)| a.to_bytes() == b.as_bytes();
        Ok(line.len() == columns.len() && line.iter().zip(columns).all(same))
    }

    #[test]
    fn a_cache_has_a_line_while_it_lives() -> Result {
        assert!(line("test_list")?.is_empty());
        let cache = KmemCache::<[u64; 128]>::builder(c"test_list")
            .flags(SlabFlags::LOW | SlabFlags::CONSISTENCY_CHECKS)
            .build()?;
        assert!(is("test_list", &[Zone::LOW.name(), "1024", "0", "0"])?);
        // Without sheaves, which debugging does without, objects are those in use.
        let object = cache.alloc([0; 128], Gfp::KERNEL)?;
        assert!(is("test_list", &[Zone::LOW.name(), "1024", "1", "1"])?);
        drop(object);
        drop(cache);
        assert!(line("test_list")?.is_empty());
        Ok(())
    }

    #[test]
    fn zones_are_told_apart() -> Result {
        for zone in Zone::ALL.into_iter().filter(|zone| zone.exists()) {
            let cache = KmemCache::<[u64; 2]>::builder(c"test_list_zone")
                .flags(zone.slab_flags())
                .build()?;
            assert!(is("test_list_zone", &[zone.name(), "16", "0", "0"])?);
            drop(cache);
        }
        Ok(())
    }

    #[test]
    fn names_do_not_break_columns() -> Result {
        let cache = KmemCache::<[u64; 2]>::builder(c"test_list_\xc3\xa9").build()?;
        assert!(is("test_list_??", &["normal", "16", "0", "0"])?);
        drop(cache);
        Ok(())
    }
}
