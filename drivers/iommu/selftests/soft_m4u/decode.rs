// SPDX-License-Identifier: GPL-2.0

//! The decoder of an M4U: an oracle of its own on purpose, which shares no code with the decoders
//! of v7s_stress and v7s_compare.
//!
//! Written from the ARM Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.5, and what
//! [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h) says of
//! `IO_PGTABLE_QUIRK_ARM_MTK_EXT`, and deliberately not with the codec of drivers/iommu.
//!
//! Strict: an M4U has no permissions, and bits without a meaning have to be clear, so that memory
//! that is not a table any more is detected.

use crate::bus;

/// Bits of an input address.
const INPUT_BITS: u32 = 32;

/// The mapping of an entry: input addresses from `iova`, `size` of them, to output addresses from
/// `paddr`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) iova: u64,
    pub(crate) size: u64,
    pub(crate) paddr: u64,
}

/// The target of a first-level entry: input addresses from `iova`, a mebibyte of them, are
/// looked up in the table at `table`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) iova: u64,
    pub(crate) table: u64,
}

/// A first-level entry.
pub(crate) enum First {
    Page(Page),
    Step(Step),
}

/// Reasons for no translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Miss {
    /// Nothing is mapped: no table, or an invalid entry.
    Unmapped,
    /// An entry with bits that no driver of an M4U sets.
    Malformed(u32),
    /// A table that is not in memory.
    NoMemory(u64),
    /// A cached table is no longer in use.
    Moved,
}

/// Returns address bits 32 to 34 of an entry, at the same places in all kinds of entries.
fn high(entry: u32) -> u64 {
    let bit = |from: u32, to: u32| u64::from(entry >> from & 1) << to;
    bit(9, 32) | bit(4, 33) | bit(5, 34)
}

/// Returns the page of 1 << `shift` bytes that `entry` maps at `iova`. Bits of `clear` must be
/// clear.
fn page(entry: u32, iova: u64, shift: u32, clear: u32) -> Result<Page, Miss> {
    if entry & clear != 0 {
        return Err(Miss::Malformed(entry));
    }
    Ok(Page {
        iova: iova >> shift << shift,
        size: 1 << shift,
        paddr: u64::from(entry >> shift << shift) | high(entry),
    })
}

/// Returns the first-level entry for `iova` in the table at `base`, the register.
pub(crate) fn first(base: u32, iova: u64) -> Result<First, Miss> {
    if base == 0 || iova >> INPUT_BITS != 0 {
        return Err(Miss::Unmapped);
    }
    // 16 KiB, aligned; bits 32 to 34 of the address are the lowest of the register.
    let table = u64::from(base >> 14 << 14) | u64::from(base & 7) << 32;
    let slot = table + (iova >> 20) * 4;
    let entry = bus::read_entry(slot).ok_or(Miss::NoMemory(slot))?;
    match entry & 3 {
        0 => Err(Miss::Unmapped),
        // Bits 2 and 8:6 of a table entry are domain and PXN, which M4Us do not have.
        1 if entry & 0x1c4 != 0 => Err(Miss::Malformed(entry)),
        1 => Ok(First::Step(Step {
            iova: iova >> 20 << 20,
            table: u64::from(entry >> 10 << 10) | high(entry),
        })),
        // Bits 15, 11:10 and 8:6 are permissions and domain; in the second kind, 23:20 would be
        // more of the address.
        2 if entry >> 18 & 1 == 0 => page(entry, iova, 20, 0x8dc0).map(First::Page),
        2 => page(entry, iova, 24, 0xf0_8dc0).map(First::Page),
        _ => Err(Miss::Malformed(entry)),
    }
}

/// Returns the second-level entry for `iova`.
pub(crate) fn second(step: Step, iova: u64) -> Result<Page, Miss> {
    let slot = step.table + (iova >> 12 & 0xff) * 4;
    let entry = bus::read_entry(slot).ok_or(Miss::NoMemory(slot))?;
    match entry & 3 {
        0 => Err(Miss::Unmapped),
        // Bit 15 is execute-never, and bits 8:6 have no meaning.
        1 => page(entry, iova, 16, 0x81c0),
        // Bit 0 of a small page is execute-never.
        2 => page(entry, iova, 12, 0),
        _ => Err(Miss::Malformed(entry)),
    }
}
