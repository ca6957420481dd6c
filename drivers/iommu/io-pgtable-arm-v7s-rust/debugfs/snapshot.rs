// SPDX-License-Identifier: GPL-2.0

//! Copies of tables that other CPUs may be changing, under the lock of
//! [`readers`](crate::memory::readers).

use kernel::prelude::*;

use crate::{
    format::{
        entry::{
            self,
            INVALID,
            L2_ENTRIES, //
        },
        slots::Slot, //
    },
    table_set::IoPgtableArmV7s, //
};

/// A copy of the entries for 1 MiB of input addresses, from one moment as far as first-level entry
/// and table go: entries of a table are copied one after the other.
#[derive(Zeroable)]
pub(crate) struct Snapshot {
    /// The first-level entry.
    pub(crate) l1: u32,
    /// The content of the table that it refers to; empty if it refers to none.
    pub(crate) l2: [u32; L2_ENTRIES],
}

impl IoPgtableArmV7s {
    /// Copies the entries for the `mib`th MiB of input addresses, invalid ones beyond the last.
    pub(crate) fn snapshot(&self, mib: usize, to: &mut Snapshot) {
        let copy = || {
            let raw = self.l1().get(mib).map_or(INVALID, Slot::load);
            to.l1 = raw;
            if entry::is_table(raw) {
                // SAFETY: Read from this set under the lock of readers; a caller takes that lock
                // before it frees the table.
                let l2 = unsafe { self.l2(raw) };
                for (to, slot) in to.l2.iter_mut().zip(l2) {
                    *to = slot.load();
                }
            }
        };
        self.readers().with(copy);
    }
}

/// The copy of the MiB that a reader is at. All lines about one MiB come from one copy, even if
/// they take several reads.
#[derive(Zeroable)]
pub(crate) struct Copied {
    /// The number of the MiB plus one; zero for none.
    number: usize,
    entries: Snapshot,
}

impl Copied {
    /// Returns the copy of a MiB; makes it if the last copy is of another MiB.
    pub(crate) fn get(&mut self, set: &IoPgtableArmV7s, mib: usize) -> &Snapshot {
        if self.number != mib + 1 {
            set.snapshot(mib, &mut self.entries);
            self.number = mib + 1;
        }
        &self.entries
    }
}
