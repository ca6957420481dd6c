// SPDX-License-Identifier: GPL-2.0

//! Table walk in software.
//!
//! Written from the ARM Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.5, and what
//! [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h) says of
//! `IO_PGTABLE_QUIRK_ARM_MTK_EXT`, not with the codec of the format.
//!
//! An oracle of its own on purpose: it shares no code with the decoders of v7s_compare and
//! soft_m4u.

/// Returns the output address of a walk from the first-level table at `l1`, with entries
/// that `read` finds at physical addresses; zero if it faults. `extended` says whether leaves hold
/// address bits 32 to 34.
pub(crate) fn walk(iova: usize, l1: u64, extended: bool, read: impl Fn(u64) -> u32) -> u64 {
    let first = read(l1 + (iova >> 20) as u64 * 4);
    let (entry, shift) = match first & 3 {
        0 => return 0,
        1 => {
            let table = u64::from(first & !0x3ff);
            let second = read(table + (iova >> 12 & 0xff) as u64 * 4);
            match second & 3 {
                0 => return 0,
                1 => (second, 16),
                _ => (second, 12),
            }
        }
        _ if first >> 18 & 1 == 0 => (first, 20),
        _ => (first, 24),
    };
    let bit = |from: u32, to: u32| u64::from(entry >> from & 1) << to;
    let high = if extended {
        bit(9, 32) | bit(4, 33) | bit(5, 34)
    } else {
        0
    };
    high | u64::from(entry >> shift << shift) | (iova & ((1 << shift) - 1)) as u64
}
