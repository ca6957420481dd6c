// SPDX-License-Identifier: GPL-2.0

//! The table walk of an M4U, written from the ARM Architecture Reference Manual ARMv7-A/R (DDI
//! 0406), B3.5, and from the description of `IO_PGTABLE_QUIRK_ARM_MTK_EXT` in the kernel. It shares
//! no code with the modules that write the tables.
//!
//! An entry is either invalid or has exactly the bits that a driver of this hardware sets: no
//! permissions, shared, not global, non-secure in the first level, tables below 4 GiB. Anything
//! else is [`Miss::Malformed`], so that a half-written entry, or memory that is not a table any
//! more, is detected.

use std::sync::atomic::Ordering;

use crate::ram::Ram;

/// Bits of an input address.
const INPUT_BITS: u32 = 32;

/// A translation: `size` bytes from input address `iova` are at physical address `paddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub iova: u64,
    pub size: u64,
    pub paddr: u64,
}

/// Reasons for no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No table base, an address beyond the tables, or an invalid entry.
    Unmapped,
    /// A malformed entry, at this physical address.
    Malformed { at: u64, entry: u32 },
    /// A table that is not in memory, or not below 4 GiB.
    Misplaced { table: u64 },
}

/// A kind of entry: `must` bits are set, `may` bits can be, all others are clear.
struct Kind {
    must: u32,
    may: u32,
    shift: u32,
}

/// Bits 32 to 34 of the address of a page.
const HIGH: u32 = 1 << 9 | 1 << 4 | 1 << 5;
/// Cacheable and bufferable.
const CB: u32 = 3 << 2;

/// TEX[0] is bit 12; bit 10 is shared, bit 11 not global.
const LARGE: Kind = Kind {
    must: 1 | 3 << 10,
    may: 1 << 12 | HIGH | CB,
    shift: 16,
};
/// TEX[0] is bit 6.
const SMALL: Kind = Kind {
    must: 2 | 3 << 10,
    may: 1 << 6 | HIGH | CB,
    shift: 12,
};
/// TEX[0] is bit 12; bit 16 is shared, bit 17 not global, bit 19 non-secure.
const SECTION: Kind = Kind {
    must: 2 | 3 << 16 | 1 << 19,
    may: 1 << 12 | HIGH | CB,
    shift: 20,
};
/// A section but for bit 18 and bits 23:20, which belong to the address of a section.
const SUPERSECTION: Kind = Kind {
    must: 2 | 1 << 18 | 3 << 16 | 1 << 19,
    may: 1 << 12 | HIGH | CB,
    shift: 24,
};
/// A first-level entry that points to a table: bit 3 is non-secure.
const TABLE: Kind = Kind {
    must: 1 | 1 << 3,
    may: 0,
    shift: 10,
};

impl Kind {
    fn fits(&self, entry: u32) -> bool {
        let attributes = entry & ((1u32 << self.shift) - 1);
        attributes & self.must == self.must && attributes & !(self.must | self.may) == 0
    }

    fn page(&self, entry: u32, iova: u64) -> Page {
        let bit = |from: u32, to: u32| u64::from(entry >> from & 1) << to;
        let low = u64::from(entry >> self.shift << self.shift);
        Page {
            iova: iova >> self.shift << self.shift,
            size: 1 << self.shift,
            paddr: low | bit(9, 32) | bit(4, 33) | bit(5, 34),
        }
    }
}

/// Reads entry `index` of the table at `table`.
fn read(ram: &Ram, table: u64, index: u64) -> Result<(u64, u32), Miss> {
    let at = table + index * 4;
    let word = ram.word(at).ok_or(Miss::Misplaced { table })?;
    Ok((at, word.load(Ordering::Acquire)))
}

/// Translates `iova` by the tables that `ttbr`, the register, points to.
pub fn walk(ram: &Ram, ttbr: u32, iova: u64) -> Result<Page, Miss> {
    if ttbr == 0 || iova >> INPUT_BITS != 0 {
        return Err(Miss::Unmapped);
    }
    let table = u64::from(ttbr >> 14 << 14);
    // Address bits above 31 would be here.
    if ttbr & 7 != 0 {
        return Err(Miss::Misplaced {
            table: table | u64::from(ttbr & 7) << 32,
        });
    }
    let (at, entry) = read(ram, table, iova >> 20)?;
    match entry & 3 {
        0 => Err(Miss::Unmapped),
        1 if TABLE.fits(entry) => second(ram, u64::from(entry >> 10 << 10), iova),
        2 if entry & 1 << 18 != 0 => finish(&SUPERSECTION, at, entry, iova),
        2 => finish(&SECTION, at, entry, iova),
        _ => Err(Miss::Malformed { at, entry }),
    }
}

fn second(ram: &Ram, table: u64, iova: u64) -> Result<Page, Miss> {
    let (at, entry) = read(ram, table, iova >> 12 & 0xff)?;
    match entry & 3 {
        0 => Err(Miss::Unmapped),
        1 => finish(&LARGE, at, entry, iova),
        2 => finish(&SMALL, at, entry, iova),
        _ => Err(Miss::Malformed { at, entry }),
    }
}

fn finish(kind: &Kind, at: u64, entry: u32, iova: u64) -> Result<Page, Miss> {
    if kind.fits(entry) {
        Ok(kind.page(entry, iova))
    } else {
        Err(Miss::Malformed { at, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::BASE;

    const L1: u64 = BASE;
    const L2: u64 = BASE + 0x4000;
    /// First-level entry 1 is for this address, and second-level entry 3 of its table.
    const IOVA: u64 = 0x10_3456;

    fn ram() -> Ram {
        Ram::new(0x8000).unwrap()
    }

    fn write(ram: &Ram, at: u64, entry: u32) {
        ram.word(at).unwrap().store(entry, Ordering::Relaxed);
    }

    /// Walks with one first-level entry.
    fn first(entry: u32) -> Result<Page, Miss> {
        let ram = ram();
        write(&ram, L1 + 4, entry);
        walk(&ram, L1 as u32, IOVA)
    }

    /// Walks with one second-level entry.
    fn leaf(entry: u32) -> Result<Page, Miss> {
        let ram = ram();
        write(&ram, L1 + 4, L2 as u32 | 9);
        write(&ram, L2 + 3 * 4, entry);
        walk(&ram, L1 as u32, IOVA)
    }

    fn page(iova: u64, size: u64, paddr: u64) -> Result<Page, Miss> {
        Ok(Page { iova, size, paddr })
    }

    #[test]
    fn pages_of_all_sizes() {
        assert_eq!(leaf(0x1234_5c4e), page(0x10_3000, 0x1000, 0x1234_5000));
        assert_eq!(leaf(0x1234_1c0d), page(0x10_0000, 0x1_0000, 0x1234_0000));
        assert_eq!(
            first(0x123b_1c0e - 0xc00),
            page(0x10_0000, 0x10_0000, 0x1230_0000)
        );
        assert_eq!(first(0x120f_100e), page(0, 0x100_0000, 0x1200_0000));
    }

    #[test]
    fn addresses_of_35_bits() {
        assert_eq!(leaf(0x1234_5e4e), page(0x10_3000, 0x1000, 0x1_1234_5000));
        assert_eq!(leaf(0x1234_5c5e), page(0x10_3000, 0x1000, 0x2_1234_5000));
        assert_eq!(leaf(0x1234_5c6e), page(0x10_3000, 0x1000, 0x4_1234_5000));
    }

    #[test]
    fn invalid_entries() {
        for entry in [0, 0x1234_5000, !3] {
            assert_eq!(first(entry), Err(Miss::Unmapped));
            assert_eq!(leaf(entry), Err(Miss::Unmapped));
        }
        assert_eq!(walk(&ram(), 0, IOVA), Err(Miss::Unmapped));
        assert_eq!(walk(&ram(), L1 as u32, 1 << 32), Err(Miss::Unmapped));
    }

    #[test]
    fn a_wrong_bit_is_malformed() {
        let malformed = |result| matches!(result, Err(Miss::Malformed { .. }));
        // Execute-never, not shared, AP, TEX[1].
        for entry in [
            0x1234_5c4f & !2,
            0x1234_584e,
            0x1234_5c5e | 1 << 8,
            0x1234_5c4e | 1 << 7,
        ] {
            assert!(malformed(leaf(entry)), "{entry:#x}");
        }
        // Bit 23 of the address of a supersection, a secure section, a reserved type, domain of a
        // table, a secure table.
        for entry in [
            0x128f_100e,
            0x1233_100e,
            0x123b_100f,
            L2 as u32 | 0x29,
            L2 as u32 | 1,
        ] {
            assert!(malformed(first(entry)), "{entry:#x}");
        }
    }

    #[test]
    fn tables_are_in_memory_below_4_gib() {
        assert_eq!(first(0x9), Err(Miss::Misplaced { table: 0 }));
        let table = L1 | 1 << 32;
        assert_eq!(
            walk(&ram(), L1 as u32 | 1, IOVA),
            Err(Miss::Misplaced { table })
        );
    }
}
