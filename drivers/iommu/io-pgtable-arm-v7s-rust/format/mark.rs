// SPDX-License-Identifier: GPL-2.0

//! One byte for each first-level entry: facts about the second-level table that it refers to.
//!
//! A walker that does not snoop sees a table only after the cache line of its first-level entry was
//! cleaned. Two callers may map in one MiB at the same time; the one that finds the other's table
//! must not return before that clean has ended, or its driver could tell the walker of a mapping
//! whose first-level entry is still in a cache. Without a mark it has to clean again. With one:
//!
//! - a caller sets the mark after its clean, which ends with a barrier that waits for it;
//! - a caller that finds the mark set orders it before the doorbell of its driver by the barrier
//!   that ends each mapping ([`publish`](crate::format::barrier::publish)).
//!
//! Documentation/iommu/litmus/v7s-clean.litmus checks this with the kernel's memory model. The mark
//! is cleared before the entry is overwritten, by a caller that has all input addresses of the
//! entry to itself.

use crate::format::shared::Shared;

/// No table, or one whose entry may still be in a cache.
const NONE: i8 = 0;
/// The walker can see the entry.
const SEEN: i8 = 1;
/// The walker can see the entry, and the table stays when all of it is unmapped.
const POPULATED: i8 = 2;

/// The mark of one first-level entry; zero for one that refers to no table.
#[repr(transparent)]
pub(crate) struct Mark(Shared<i8>);

impl Mark {
    /// Returns true if the walker can see the entry.
    #[inline(always)]
    pub(crate) fn is_seen(&self) -> bool {
        self.0.load() != NONE
    }

    /// Returns true if the table stays when all of it is unmapped.
    #[inline(always)]
    pub(crate) fn is_populated(&self) -> bool {
        self.0.load() == POPULATED
    }

    /// Sets the mark: the clean of the entry has ended.
    pub(crate) fn set_seen(&self) {
        // A table that was populated meanwhile stays so.
        let _ = self.0.compare_exchange(NONE, SEEN);
    }

    /// Sets the mark: the clean of the entry has ended, and the table stays.
    pub(crate) fn set_populated(&self) {
        self.0.store(POPULATED);
    }

    /// Clears the mark, before the entry is overwritten.
    pub(crate) fn clear(&self) {
        self.0.store(NONE);
    }
}
