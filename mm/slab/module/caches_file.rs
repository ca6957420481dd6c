// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/debug/slab_rust/caches`: the slab caches of the system, their zones and sizes.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)
//!
//! One line for each cache of the system. The counts are those of `objects` and `slabs` in the
//! directory of the cache; objects in per-CPU sheaves count as objects, as they do there. Caches
//! that share slabs are one cache, listed under the name of the first; the last column has all
//! other names in `/sys/kernel/slab` that lead to it.

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
    slab::{
        sysfs::Kobject,
        Zone, //
    },
    slab_module::{
        links::{
            self,
            Link, //
        },
        properties,
        registry, //
    }, //
};

/// The directory and its file; removed when dropped. If debugfs cannot create them, it logs that,
/// and the module works without.
///
/// # Invariants
///
/// The pointer is what `debugfs_create_dir()` returned, a directory or an error, and was not
/// removed.
pub(crate) struct List(*mut bindings::dentry);

// SAFETY: debugfs may be called from any thread.
unsafe impl Send for List {}
// SAFETY: A shared list gives out nothing.
unsafe impl Sync for List {}

/// Operations of the file.
#[repr(transparent)]
struct Operations(bindings::file_operations);

// SAFETY: The operations are never changed.
unsafe impl Sync for Operations {}

// The files of the kernel crate's debugfs do not name their owner: a module could be unloaded while
// one is open, and closing it would use memory of the module.
static OPERATIONS: Operations = Operations(bindings::file_operations {
    owner: this_module::<crate::LocalModule>().as_ptr(),
    open: Some(open),
    read: Some(bindings::seq_read),
    llseek: Some(bindings::seq_lseek),
    release: Some(bindings::single_release),
    ..pin_init::zeroed()
});

impl List {
    pub(crate) fn new() -> Self {
        const READ_ONLY: bindings::umode_t = 0o444;
        // SAFETY: Names are copied, and the operations are static and need no data.
        // INVARIANT: The directory was just created, or is an error.
        unsafe {
            let dir = bindings::debugfs_create_dir(c"slab_rust".as_char_ptr(), ptr::null_mut());
            bindings::debugfs_create_file_full(
                c"caches".as_char_ptr(),
                READ_ONLY,
                dir,
                ptr::null_mut(),
                ptr::null(),
                &OPERATIONS.0,
            );
            Self(dir)
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: The directory was not removed, by the type invariants; errors are ignored.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// # Safety
///
/// The contract of `open` in `struct file_operations`.
unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: The file is being opened, by the safety requirements.
    unsafe { bindings::single_open(file, Some(show), ptr::null_mut()) }
}

/// # Safety
///
/// Called by seq_file for a file that [`open`] opened.
unsafe extern "C" fn show(seq: *mut bindings::seq_file, _data: *mut c_void) -> c_int {
    // SAFETY: `seq` is that of an open file, by the safety requirements; seq_file keeps other
    // readers of it out while this runs.
    let seq = unsafe { SeqFile::from_raw(seq) };
    seq_print!(seq, "{}", Caches);
    0
}

/// The text of the file.
struct Caches;

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caches = properties::caches().map_err(|_| fmt::Error)?;
        let links = links::links().map_err(|_| fmt::Error)?;

        Line {
            name: c"name",
            zone: "zone",
            object_size: "object_size",
            objects: "objects",
            slabs: "slabs",
        }
        .write(f)?;
        f.write_str(" other_names\n")?;

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
            write_other_names(f, cache, properties.name, &links)?;
            f.write_str("\n")?;
        }
        Ok(())
    }
}

/// Writes the names of the directory of a cache in `/sys/kernel/slab` and of the links to it,
/// except `shown`.
fn write_other_names(
    f: &mut fmt::Formatter<'_>,
    cache: &Kobject,
    shown: &CStr,
    links: &[Link],
) -> fmt::Result {
    let links = links.iter().filter(|link| link.leads_to(cache));
    let names = Iterator::chain(core::iter::once(cache.name()), links.map(Link::name));
    let mut separator = " ";
    for name in names.filter(|name| *name != shown) {
        f.write_str(core::mem::replace(&mut separator, ","))?;
        write_name(f, name, b",")?;
    }
    if separator == " " {
        f.write_str(" -")?;
    }
    Ok(())
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
        write_name(f, self.name, b"")?;
        let padding = 29usize.saturating_sub(self.name.count_bytes());
        core::write!(
            f,
            "{:padding$} {:<7} {:>11} {:>8} {:>7}",
            "",
            self.zone,
            self.object_size,
            self.objects,
            self.slabs
        )
    }
}

/// Writes a name; bytes that would break the columns, and `separator`, are shown as `?`.
fn write_name(f: &mut fmt::Formatter<'_>, name: &CStr, separator: &[u8]) -> fmt::Result {
    for byte in name.to_bytes() {
        let breaks = !byte.is_ascii_graphic() || separator.contains(byte);
        let shown = if breaks { b'?' } else { *byte };
        core::fmt::Write::write_char(f, shown.into())?;
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

    /// Returns whether the line of a cache has these columns.
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
        assert!(is("test_list", &[Zone::LOW.name(), "1024", "0", "0", "-"])?);
        // Without sheaves, which debugging does without, objects are those in use.
        let object = cache.alloc([0; 128], Gfp::KERNEL)?;
        assert!(is("test_list", &[Zone::LOW.name(), "1024", "1", "1", "-"])?);
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
            assert!(is("test_list_zone", &[zone.name(), "16", "0", "0", "-"])?);
            drop(cache);
        }
        Ok(())
    }

    #[test]
    fn names_do_not_break_columns() -> Result {
        let cache = KmemCache::<[u64; 2]>::builder(c"test_list_\xc3\xa9").build()?;
        assert!(is("test_list_??", &["normal", "16", "0", "0", "-"])?);
        drop(cache);
        Ok(())
    }

    // A merged cache is found by each of its names.
    #[test]
    fn other_names_are_shown() -> Result {
        let make = |name: &CStr| {
            let mut args = bindings::kmem_cache_args::default();
            // SAFETY: The name is a C string, and these arguments are good for a cache.
            unsafe { bindings::__kmem_cache_create_args(name.as_char_ptr(), 424, &mut args, 0) }
        };
        let made = [c"test_list_a", c"test_list_b", c"test_list_c"].map(make);
        let text = text()?;
        let text = text.to_str().map_err(|_| EINVAL)?;
        let lines = |name: &str| {
            let has = |line: &&str| {
                let mut columns = line.split_whitespace();
                let first = columns.next() == Some(name);
                let mut others = columns.last().unwrap_or("").split(',');
                first || others.any(|other| other == name)
            };
            text.lines().filter(has).count()
        };
        let found = ["test_list_a", "test_list_b", "test_list_c"].map(lines);
        for cache in made {
            // SAFETY: Each was just created, if not merged with another, and has no objects.
            unsafe { bindings::kmem_cache_destroy(cache) };
        }
        assert_eq!(found, [1; 3]);
        Ok(())
    }
}
