// SPDX-License-Identifier: GPL-2.0

//! Tables as a walker reads them: from the base register on, in physical memory, with a decoder
//! that is neither implementation's.
//!
//! An oracle of its own on purpose: it shares no code with the decoders of v7s_stress and soft_m4u.

use core::{
    ops::Range,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use io_pgtable_arm_v7s_rust::quirk;

use crate::{
    memory::entries_at,
    setup::Setup, //
};

/// The type of an entry, and its values in the first level; in the second level, the value of a
/// table is a large page.
const TYPE: u32 = 3;
const TABLE: u32 = 1;
const SUPERSECTION: u32 = 1 << 18;
/// Entries in a second-level table.
pub(crate) const L2_ENTRIES: usize = 256;

/// The index of an address in the first-level table.
pub(crate) fn l1_index(iova: usize) -> usize {
    iova / SZ_1M
}

/// The index of an address in its second-level table.
pub(crate) fn l2_index(iova: usize) -> usize {
    iova / SZ_4K % L2_ENTRIES
}

pub(crate) fn is_table(entry: u32) -> bool {
    entry & TYPE == TABLE
}

/// Returns true if a first-level entry is part of a supersection.
pub(crate) fn is_supersection(entry: u32) -> bool {
    !is_table(entry) && entry & SUPERSECTION != 0
}

/// Returns true if a second-level entry is part of a large page.
pub(crate) fn is_large(entry: u32) -> bool {
    entry & TYPE == TABLE
}

/// Bits 32 to 34 of an address, where MediaTek puts them.
fn high_bits(entry: u32) -> u64 {
    [(9, 32), (4, 33), (5, 34)]
        .iter()
        .fold(0, |high, (from, to)| {
            high | u64::from(entry >> from & 1) << to
        })
}
const HIGH_BITS: u32 = 1 << 9 | 1 << 5 | 1 << 4;

/// A walker.
///
/// # Invariants
///
/// `l1` is a table of `entries` entries that lives as long as the value is used.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    l1: NonNull<u32>,
    entries: usize,
    /// True if addresses of tables, and of pages, have bits 32 to 34.
    high_tables: bool,
    high_pages: bool,
}

/// An entry that differs between two walkers.
pub(crate) struct Unequal {
    pub(crate) iova: usize,
    pub(crate) level: u32,
    pub(crate) rust: u32,
    pub(crate) c: u32,
}

impl Walk {
    /// Starts at a base register. None if its address is not in memory.
    ///
    /// # Safety
    ///
    /// If the register holds the address of a table for `setup`, it lives as long as the result is
    /// used.
    pub(crate) unsafe fn new(setup: &Setup, ttbr: u32) -> Option<Self> {
        /// The bits of the register in place of the lowest address bits; MediaTek has bits 32 to
        /// 34.
        const ATTRIBUTES: u32 = SZ_4K as u32 - 1;

        let high_pages = setup.has(quirk::ARM_MTK_EXT);
        let high = if high_pages {
            u64::from(ttbr & 7) << 32
        } else {
            0
        };
        // INVARIANT: The caller passes the register of a live set; smaller tables have a page, too.
        Some(Self {
            l1: entries_at(u64::from(ttbr & !ATTRIBUTES) | high)?,
            entries: setup.l1_entries(),
            high_tables: setup.has(quirk::ARM_MTK_TTBR_EXT),
            high_pages,
        })
    }

    /// Returns the first-level entry with a number; zero behind the table.
    pub(crate) fn l1(self, index: usize) -> u32 {
        if index >= self.entries {
            return 0;
        }
        // SAFETY: The table is live and has that many entries (invariant).
        unsafe { self.l1.add(index).read_volatile() }
    }

    /// Returns the memory behind the first-level table in its page.
    pub(crate) fn behind_l1(self) -> impl Iterator<Item = u32> {
        (self.entries..SZ_4K / size_of::<u32>()).map(move |index| {
            // SAFETY: A table has whole pages (invariant).
            unsafe { self.l1.add(index).read_volatile() }
        })
    }

    /// Returns the second-level table that a first-level entry refers to; none if there is no
    /// memory.
    fn l2_table(self, table: u32) -> Option<NonNull<u32>> {
        const ATTRIBUTES: u32 = 0x3ff;

        let high = if self.high_tables {
            high_bits(table)
        } else {
            0
        };
        entries_at(u64::from(table & !ATTRIBUTES) | high)
    }

    /// Returns an entry of the second-level table that a first-level entry refers to.
    pub(crate) fn l2(self, table: u32, index: usize) -> u32 {
        self.l2_table(table).map_or(0, |l2| {
            // SAFETY: There is memory for all of a table.
            unsafe { l2.add(index % L2_ENTRIES).read_volatile() }
        })
    }

    /// Returns true if a table maps nothing.
    pub(crate) fn is_empty(self, table: u32) -> bool {
        (0..L2_ENTRIES).all(|index| self.l2(table, index) == 0)
    }

    /// Returns the output address for an input address, zero if there is none.
    pub(crate) fn translate(self, iova: usize) -> u64 {
        let l1 = self.l1(l1_index(iova));
        let (entry, base) = if is_table(l1) {
            let l2 = self.l2(l1, l2_index(iova));
            (
                l2,
                if is_large(l2) {
                    0xffff_0000
                } else {
                    0xffff_f000u32
                },
            )
        } else if is_supersection(l1) {
            (l1, 0xff00_0000)
        } else {
            (l1, 0xfff0_0000)
        };
        if entry & TYPE == 0 {
            return 0;
        }
        let high = if self.high_pages { high_bits(entry) } else { 0 };
        u64::from(entry & base) | high | (iova as u64 & u64::from(!base))
    }

    /// Returns the first entry that differs from the tables of another walker, among a range of
    /// first-level entries and the tables that they refer to.
    pub(crate) fn compare(self, c: Self, slots: Range<usize>) -> Option<Unequal> {
        slots
            .take_while(|slot| *slot < self.entries)
            .find_map(|slot| self.compare_slot(c, slot))
    }

    fn compare_slot(self, c_walk: Self, slot: usize) -> Option<Unequal> {
        let (rust, c) = (self.l1(slot), c_walk.l1(slot));
        // Wraps where a kernel has no such addresses and hence no such entries.
        let iova = slot.wrapping_mul(SZ_1M);
        let table = is_table(rust) && is_table(c);
        // All of a table entry except the address of the table.
        let attributes = match (table, self.high_tables) {
            (false, _) => !0,
            (true, false) => 0x3ff,
            (true, true) => 0x3ff & !HIGH_BITS,
        };
        if (rust ^ c) & attributes != 0 {
            return Some(Unequal {
                iova,
                level: 1,
                rust,
                c,
            });
        }
        if !table {
            return None;
        }
        let tables = (self.l2_table(rust), c_walk.l2_table(c));
        let (Some(rust_l2), Some(c_l2)) = tables else {
            return Some(Unequal {
                iova,
                level: 1,
                rust,
                c,
            });
        };
        (0..L2_ENTRIES).find_map(|index| {
            // SAFETY: There is memory for all of both tables.
            let (rust, c) = unsafe {
                (
                    rust_l2.add(index).read_volatile(),
                    c_l2.add(index).read_volatile(),
                )
            };
            let iova = iova.wrapping_add(index * SZ_4K);
            (rust != c).then_some(Unequal {
                iova,
                level: 2,
                rust,
                c,
            })
        })
    }

    /// First-level entries.
    pub(crate) fn entries(self) -> usize {
        self.entries
    }
}
