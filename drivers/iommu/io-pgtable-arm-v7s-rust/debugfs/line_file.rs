// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs that are made as they are read, a line at a time.
//!
//! C headers: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)
//!
//! The kernel crate's debugfs formats a whole file into one buffer: too much for a table set with
//! millions of lines. It does not set the owner of its files either, so that a module can be
//! unloaded while one of them is open. Here an open file takes a page and the state of its reader,
//! reads return whole lines, and an open file holds the module.

#![cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]

use core::{
    mem::size_of,
    ptr, //
};

use kernel::{
    bindings,
    fmt,
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

use crate::OWNER;

/// The content of a file; a value is the state of one reader, zeroed when it begins to read.
pub(crate) trait Lines: Zeroable {
    /// The subject of the file.
    type Of: Sync + 'static;

    /// The first line, newline included.
    const HEADER: &'static str;

    /// Finds the line at `position`, or else the next behind it, and returns the position behind
    /// that; `None` if there is none.
    fn find(&mut self, of: &Self::Of, position: u64) -> Option<u64>;

    /// Writes the line that was found last.
    fn show(&self, of: &Self::Of, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A file of one word.
#[derive(Zeroable)]
pub(crate) struct Word {}

impl Lines for Word {
    type Of = &'static str;

    const HEADER: &'static str = "";

    fn find(&mut self, _word: &&'static str, position: u64) -> Option<u64> {
        (position == 0).then_some(1)
    }

    fn show(&self, word: &&'static str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{word}")
    }
}

/// The line that was found last.
struct Line<'a, L: Lines>(&'a L, &'a L::Of);

impl<L: Lines> fmt::Display for Line<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(self.1, f)
    }
}

/// The position behind the last line.
const END: i64 = i64::MAX;

/// A reader of a file. The header is at position 0 of the file, line `n` at position `n` + 1.
///
/// # Invariants
///
/// `of` is valid while the file is in its folder.
struct Reader<L: Lines> {
    of: *const L::Of,
    /// Position of the line that was found last; zero if there is none.
    at: i64,
    /// The position behind it.
    next: i64,
    lines: L,
}

impl<L: Lines> Reader<L> {
    const OPERATIONS: bindings::file_operations = bindings::file_operations {
        owner: OWNER,
        open: Some(Self::open),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::seq_release_private),
        ..pin_init::zeroed()
    };

    const SEQUENCE: bindings::seq_operations = bindings::seq_operations {
        start: Some(Self::start),
        stop: Some(Self::stop),
        next: Some(Self::next),
        show: Some(Self::show),
    };

    /// # Safety
    ///
    /// `inode` is that of a file made by [`Folder::file`] for `L`, `file` is about to be opened.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        const { assert!(align_of::<Self>() <= align_of::<u64>()) };
        let size = size_of::<Self>() as c_int;
        // SAFETY: The file is about to be opened. Zeroes are a reader that has found nothing.
        let reader = unsafe { bindings::__seq_open_private(file, &Self::SEQUENCE, size) };
        if reader.is_null() {
            return ENOMEM.to_errno();
        }
        // SAFETY: Just allocated with the size of a reader and the alignment that kmalloc has.
        // INVARIANT: That is what `Folder::file` demands.
        unsafe { (*reader.cast::<Self>()).of = (*inode).i_private.cast() };
        0
    }

    /// The reader of an open file.
    ///
    /// # Safety
    ///
    /// `seq` was opened by [`open`](Self::open); the caller is one of its operations, which exclude
    /// each other.
    unsafe fn of_file<'a>(seq: *mut bindings::seq_file) -> &'a mut Self {
        // SAFETY: `private` is the reader that `open` left there; the operations of a file exclude
        // each other.
        unsafe { &mut *(*seq).private.cast() }
    }

    /// # Safety
    ///
    /// The contract of `start` in `struct seq_operations`, for a file opened by
    /// [`open`](Self::open).
    unsafe extern "C" fn start(
        seq: *mut bindings::seq_file,
        position: *mut bindings::loff_t,
    ) -> *mut c_void {
        // SAFETY: seq_file calls this for a file that `open` opened, with a valid position.
        let (reader, position) = unsafe { (Self::of_file(seq), *position) };
        match position {
            // A reader that begins anew gets the state of now.
            0 => {
                reader.at = 0;
                // SAFETY: It is `Zeroable`.
                unsafe { ptr::write_bytes(&raw mut reader.lines, 0, 1) };
            }
            END => return ptr::null_mut(),
            _ => {}
        }
        ptr::from_mut(reader).cast()
    }

    /// # Safety
    ///
    /// The requirements of [`start`](Self::start).
    unsafe extern "C" fn next(
        seq: *mut bindings::seq_file,
        _line: *mut c_void,
        position: *mut bindings::loff_t,
    ) -> *mut c_void {
        // SAFETY: seq_file calls this for a file that `open` opened.
        let reader = unsafe { Self::of_file(seq) };
        // SAFETY: seq_file passes a valid position.
        unsafe { *position = reader.next };
        if reader.next == END {
            return ptr::null_mut();
        }
        ptr::from_mut(reader).cast()
    }

    extern "C" fn stop(_seq: *mut bindings::seq_file, _line: *mut c_void) {}

    /// # Safety
    ///
    /// The requirements of [`start`](Self::start).
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _line: *mut c_void) -> c_int {
        // SAFETY: seq_file calls this for a file that `open` opened.
        let (reader, position) = unsafe { (Self::of_file(seq), (*seq).index) };
        // SAFETY: The file is valid, and its lock is held while this runs.
        let seq = unsafe { SeqFile::from_raw(seq) };
        // SAFETY: A file is read only while it is in its folder (invariant): debugfs waits for
        // readers before it removes one.
        let of = unsafe { &*reader.of };
        if position == 0 {
            reader.next = 1;
            seq_print!(seq, "{}", L::HEADER);
        } else if reader.find(of, position) {
            seq_print!(seq, "{}", Line(&reader.lines, of));
        }
        0
    }

    /// Finds the line at `position` or behind it; returns false if there is none. A line for which
    /// the buffer had no room is asked for again, and is still the same.
    fn find(&mut self, of: &L::Of, position: i64) -> bool {
        if self.at == position {
            return true;
        }
        match self.lines.find(of, position as u64 - 1) {
            Some(next) => {
                self.at = position;
                self.next = next as i64 + 1;
                true
            }
            None => {
                self.at = 0;
                self.next = END;
                false
            }
        }
    }
}

/// A folder in debugfs, removed with its files when dropped. If debugfs cannot create it, it logs
/// that, and there are no files.
///
/// # Invariants
///
/// The pointer was returned by `debugfs_create_dir()`, a folder or an error, and was not removed.
pub(crate) struct Folder(#[cfg(CONFIG_DEBUG_FS)] *mut bindings::dentry);

// SAFETY: debugfs may be used from any thread.
unsafe impl Send for Folder {}
// SAFETY: debugfs may be used from several threads at a time.
unsafe impl Sync for Folder {}

#[cfg(CONFIG_DEBUG_FS)]
impl Folder {
    /// Makes a folder in the root of debugfs; may sleep.
    pub(crate) fn new(name: &CStr) -> Self {
        // SAFETY: debugfs takes null for its root, and copies the name.
        // INVARIANT: Just made.
        Self(unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), ptr::null_mut()) })
    }

    /// Makes a file whose subject is `of`; may sleep.
    ///
    /// # Safety
    ///
    /// `of` outlives the folder.
    pub(crate) unsafe fn file<L: Lines>(&self, name: &CStr, of: &L::Of) {
        const READ_ONLY: bindings::umode_t = 0o400;
        // SAFETY: The folder is what debugfs gave (invariant). These operations are made for files
        // about an `L::Of`, which is there as long as the file.
        unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                READ_ONLY,
                self.0,
                ptr::from_ref(of).cast_mut().cast(),
                ptr::null(),
                &Reader::<L>::OPERATIONS,
            )
        };
    }
}

#[cfg(CONFIG_DEBUG_FS)]
impl Drop for Folder {
    fn drop(&mut self) {
        // SAFETY: It was not removed (invariant); errors are fine.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

#[cfg(not(CONFIG_DEBUG_FS))]
impl Folder {
    pub(crate) fn new(_name: &CStr) -> Self {
        Self()
    }

    /// # Safety
    ///
    /// No requirements without debugfs.
    pub(crate) unsafe fn file<L: Lines>(&self, _name: &CStr, _of: &L::Of) {}
}
