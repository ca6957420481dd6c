// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs that show all live table sets: `sets` their configuration and memory, `runs`
//! their mappings, `entries` the content of their tables.
//!
//! Mappings may change while a file is read: see [`snapshot`].
//! Documentation/ABI/testing/debugfs-io_pgtable_arm_v7s_rust describes the files.

pub(crate) mod entries;
pub(crate) mod line_file;
pub(crate) mod runs;
pub(crate) mod set_lines;
pub(crate) mod sets;
pub(crate) mod snapshot;

use entries::Entries;
use line_file::Folder;
use runs::Runs;
use set_lines::OfSets;
use sets::Sets;

/// Makes the files in `folder`.
pub(crate) fn init(folder: &Folder) {
    // SAFETY: The subject of the files is a constant.
    unsafe {
        folder.file::<OfSets<Sets>>(c"sets", &());
        folder.file::<OfSets<Runs>>(c"runs", &());
        folder.file::<OfSets<Entries>>(c"entries", &());
    }
}
