// SPDX-License-Identifier: GPL-2.0

//! Second-level tables that were taken out of use, but that a walker may still remember.
//!
//! A table is retired when a section takes its place, or when it is unmapped with all it maps. A
//! walker that remembers where the table was reads it until the driver has invalidated the
//! walker's caches, and takes for entries whatever the memory is used for by then. A driver with a
//! `tlb_flush_walk` callback invalidates when called. A driver without one does so when it sees fit
//! (mtk_iommu: when the mapping or unmapping that the retirement is part of has ended), and does
//! not say when that is.
//!
//! Under such a driver, retired tables are kept, with the entries they have. A late walker finds
//! there what it may have in its TLB as well until the driver invalidates that: the mappings that
//! were unmapped, to memory that is not given back before. The kernel's C frees such a table at
//! once, with the same entries in it, and then lets others write to it.
//!
//! A set that needs a table takes one of its retired ones, and empties it before an entry refers to
//! it. A late walker then finds nothing, or the new mappings: memory that the same walker may reach
//! anyway. The rest is freed with the set, so that a set never has more tables than it once needed
//! at a time.

use crate::format::{
    entry::{
        self,
        INVALID, //
    },
    slots::Slot, //
};

/// The retired tables of a set, as a stack.
///
/// # Invariants
///
/// `top` is the entry of the last of `count` tables, [`INVALID`] if `count` is zero. The first slot
/// of each table but the lowest holds the entry of the one below, with its type bits cleared.
pub(crate) struct Retired {
    top: u32,
    count: usize,
}

impl Retired {
    /// Makes an empty stack.
    pub(crate) fn new() -> Self {
        // INVARIANT: No tables, and no entry.
        Self {
            top: INVALID,
            count: 0,
        }
    }

    /// Returns the number of tables.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds the table that `table_entry` referred to, whose first slot is `first`.
    pub(crate) fn push(&mut self, table_entry: u32, first: &Slot) {
        if self.count > 0 {
            first.store(entry::hide_table(self.top));
        }
        // INVARIANT: The first slot refers to the table below.
        self.top = table_entry;
        self.count += 1;
    }

    /// Takes the last table and returns its entry; `first_of` returns the first slot of a table.
    pub(crate) fn pop<'a>(&mut self, first_of: impl FnOnce(u32) -> &'a Slot) -> Option<u32> {
        // INVARIANT: The table below becomes the last; the lowest refers to none.
        self.count = self.count.checked_sub(1)?;
        let table_entry = self.top;
        let first = first_of(table_entry);
        self.top = if self.count > 0 {
            entry::show_table(first.load())
        } else {
            INVALID
        };
        first.store(INVALID);
        Some(table_entry)
    }
}
