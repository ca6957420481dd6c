// SPDX-License-Identifier: GPL-2.0

//! Lower bounds: loops over bare arrays that check and write entries, check and clear them, or
//! follow two of them, without checks of arguments and without a first level.
//!
//! Plain memory accesses, which the compiler may pair, and unrolled loops over four words of two
//! entries each.

/// Returns the entry of a small page at `paddr` with the usual attributes.
pub(crate) const ENTRY: u32 = 0xc72;

/// A first-level entry that refers to a table.
pub(crate) const L1_ENTRY: u32 = 1;

/// First-level entries of a table set for 4 GiB.
pub(crate) const L1_ENTRIES: usize = 4096;
/// Second-level entries of a table.
pub(crate) const L2_ENTRIES: usize = 256;

/// Words of two entries that a loop takes at once.
const BLOCK: usize = 8;

/// Checks that `run` is empty and fills it with ascending entries.
#[inline(never)]
pub(crate) fn map(run: &mut [u64], first: u32, step: u32) -> bool {
    let mut word = u64::from(first + step) << 32 | u64::from(first);
    let step = u64::from(step) << 33 | u64::from(step) << 1;
    let (blocks, rest) = run.split_at_mut(run.len() / BLOCK * BLOCK);
    for block in blocks.chunks_exact_mut(BLOCK) {
        if block.iter().fold(0, |acc, word| acc | word) != 0 {
            return false;
        }
        for (i, slot) in block.iter_mut().enumerate() {
            *slot = word.wrapping_add(step.wrapping_mul(i as u64));
        }
        word = word.wrapping_add(step.wrapping_mul(BLOCK as u64));
    }
    for slot in rest {
        if *slot != 0 {
            return false;
        }
        *slot = word;
        word = word.wrapping_add(step);
    }
    true
}

/// Checks that all entries of `run` are small pages and clears them.
#[inline(never)]
pub(crate) fn unmap(run: &mut [u64]) -> bool {
    const SMALL: u64 = 0x2_0000_0002;
    let (blocks, rest) = run.split_at_mut(run.len() / BLOCK * BLOCK);
    for block in blocks.chunks_exact_mut(BLOCK) {
        if block.iter().fold(SMALL, |acc, word| acc & word) != SMALL {
            return false;
        }
        block.fill(0);
    }
    for slot in rest {
        if *slot & SMALL != SMALL {
            return false;
        }
        *slot = 0;
    }
    true
}

/// [`map`] for a single entry.
#[inline(never)]
pub(crate) fn map_one(slot: &mut u64, entry: u32) -> bool {
    if *slot != 0 {
        return false;
    }
    *slot = entry.into();
    true
}

/// [`unmap`] for a single entry.
#[inline(never)]
pub(crate) fn unmap_one(slot: &mut u64) -> bool {
    if *slot & 2 == 0 {
        return false;
    }
    *slot = 0;
    true
}

/// Follows two levels: `l1` and `l2` stand for the tables, whose addresses cost nothing here.
#[inline(never)]
pub(crate) fn translate(l1: &[u32; L1_ENTRIES], l2: &[u32; L2_ENTRIES], iova: u32) -> u64 {
    if l1[(iova >> 20) as usize] & 3 != 1 {
        return 0;
    }
    let entry = l2[(iova >> 12 & 0xff) as usize];
    if entry & 2 == 0 {
        return 0;
    }
    u64::from(entry & 0xffff_f000 | iova & 0xfff)
}
