// SPDX-License-Identifier: GPL-2.0

//! An independent decoder of entries, written from the tables of the manual (DDI 0406, B3.5.1) and
//! of `IO_PGTABLE_QUIRK_ARM_MTK_EXT`, one bit position after the other.

use kernel::sizes::{
    SZ_16M,
    SZ_1M,
    SZ_4K,
    SZ_64K, //
};

/// Decodes a second-level entry, by the manual.
pub(super) fn manual_l2(raw: u32, extended: bool) -> Option<(u64, usize)> {
    match raw & 3 {
        0 => None,
        1 => Some((
            u64::from(raw >> 16) << 16 | manual_high(raw, extended),
            SZ_64K,
        )),
        _ => Some((
            u64::from(raw >> 12) << 12 | manual_high(raw, extended),
            SZ_4K,
        )),
    }
}

/// Decodes a first-level entry that is not a table, by the manual.
pub(super) fn manual_l1(raw: u32, extended: bool) -> Option<(u64, usize)> {
    match (raw & 3, raw >> 18 & 1) {
        (0, _) => None,
        (_, 0) => Some((
            u64::from(raw >> 20) << 20 | manual_high(raw, extended),
            SZ_1M,
        )),
        _ => Some((
            u64::from(raw >> 24) << 24 | manual_high(raw, extended),
            SZ_16M,
        )),
    }
}

/// Returns MediaTek's address bits, by the description of the quirk.
pub(super) fn manual_high(raw: u32, extended: bool) -> u64 {
    let bit = |position: u32| u64::from(raw >> position & 1);
    if extended {
        bit(9) * 0x1_0000_0000 + bit(4) * 0x2_0000_0000 + bit(5) * 0x4_0000_0000
    } else {
        0
    }
}
