// SPDX-License-Identifier: GPL-2.0

//! All possible entries: every combination of mapping flags, page size and quirks, and every bit of
//! the address.

use kernel::{
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    device::PlatformDevice,
    flush::Gather,
    ktap::Verdict,
    operation::{
        Operation,
        What, //
    },
    pair::{
        Pair,
        Reports, //
    },
    setup::Setup,
    text::Text, //
};

/// Combinations of the defined mapping flags: the lowest six bits.
const FLAGS: u32 = 1 << 6;

/// Undefined flags; the highest makes a negative number in C.
const OTHERS: [u32; 3] = [1 << 6, 1 << 30, 1 << 31];

/// Compares all entries for a set of quirks. Returns their number.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn run(
    quirks: usize,
    dev: &PlatformDevice,
    reports: &mut Reports,
    count: &mut usize,
) -> Verdict {
    let setup = Setup::full(quirks, true);
    let mut pair = Pair::new(&setup, dev)?;
    for prot in Iterator::chain(0..FLAGS, OTHERS.map(|other| other | 3)) {
        for size in [SZ_4K, SZ_64K, SZ_1M, SZ_16M] {
            for paddr in addresses(setup.memory(), size) {
                *count += 1;
                // The input address moves over the whole space, so that every first-level entry is
                // used.
                let iova = (*count).wrapping_mul(0x9e37_79b9) % setup.space() / size * size;
                once(&mut pair, reports, iova, paddr, size, prot)?;
            }
        }
    }
    pair.same_all_tables()?;
    pair.free()
}

/// Output addresses for pages of a size: none and all of the bits below 32 with each combination of
/// those above, and each of them alone with one combination or another.
fn addresses(memory: u64, size: usize) -> impl Iterator<Item = u64> {
    let highs = memory >> 32;
    let all = (1 << 32) - size as u64;
    let whole = [0, all]
        .into_iter()
        .flat_map(move |low| (0..highs).map(move |high| high << 32 | low));
    let single =
        (size.trailing_zeros()..32).map(move |bit| (u64::from(bit) & (highs - 1)) << 32 | 1 << bit);
    Iterator::chain(whole, single)
}

/// Maps and unmaps a page.
#[inline(never)] // For a stack frame of its own.
fn once(
    pair: &mut Pair,
    reports: &mut Reports,
    iova: usize,
    paddr: u64,
    size: usize,
    prot: u32,
) -> Verdict {
    let mut op = Operation {
        what: What::Map { paddr, prot },
        iova,
        size,
        count: 1,
        asked: false,
    };
    let tell = |op, why| Text::of(fmt!("{}: {}", op, why));
    let map = pair.apply(&mut op, reports).map_err(|why| tell(op, why))?;
    if map.pages > 0 {
        op.what = What::Unmap {
            gather: Gather::None,
        };
        pair.apply(&mut op, reports).map_err(|why| tell(op, why))?;
    }
    Ok(())
}
