// SPDX-License-Identifier: GPL-2.0

//! Runs of slots: exactly the slots of a run are read and written, for any beginning and length.

use kernel::prelude::*;

use crate::format::{
    entry::{
        LargePage,
        Leaf,
        Section,
        Small,
        SmallPage,
        Supersection,
        Test,
        Vacant,
        Valid, //
        L2_ENTRIES,
    },
    slots::{
        all,
        clear,
        clear_leading,
        clear_table,
        fill_vacant,
        L2Slots,
        Slot, //
    }, //
};

/// Beginnings of runs: all places in a word and in a block of words, and the next one.
const STARTS: usize = 18;

/// Lengths of runs: all up to more than two blocks.
const LENGTHS: usize = 41;

fn table() -> Result<KBox<L2Slots>> {
    // SAFETY: Zeroes are vacant slots.
    KBox::new(unsafe { core::mem::zeroed() }, GFP_KERNEL)
}

/// All runs to be tried, as beginning and length: those above, and all of the table but for nothing
/// or one slot on either side.
fn runs() -> impl Iterator<Item = (usize, usize)> {
    let short = (0..STARTS).flat_map(|start| (0..LENGTHS).map(move |length| (start, length)));
    let long = [(0, 0), (0, 1), (1, 0), (1, 1)];
    Iterator::chain(
        short,
        long.map(|(before, behind)| (before, L2_ENTRIES - before - behind)),
    )
}

/// Returns a different value for each slot.
fn before(i: usize) -> u32 {
    0xdead_0000 | i as u32
}

fn set(table: &[Slot; L2_ENTRIES], value: impl Fn(usize) -> u32) {
    for (i, slot) in table.iter().enumerate() {
        slot.store(value(i));
    }
}

/// Expects its value in each slot of a run, and what was there before in each other one.
fn only(table: &[Slot; L2_ENTRIES], (start, length): (usize, usize), value: impl Fn(usize) -> u32) {
    for (i, slot) in table.iter().enumerate() {
        let expected = match i.checked_sub(start) {
            Some(at) if at < length => value(at),
            _ => before(i),
        };
        assert_eq!(
            slot.load(),
            expected,
            "slot {i}, run of {length} from {start}"
        );
    }
}

/// Sets each slot to a value of its own, and the slots of a run to `value`.
fn prepare(
    table: &[Slot; L2_ENTRIES],
    (start, length): (usize, usize),
    value: impl Fn(usize) -> u32,
) {
    set(table, before);
    for (i, slot) in table[start..start + length].iter().enumerate() {
        slot.store(value(i));
    }
}

/// Fills all runs with entries for pages of size `L`.
fn fills<L: Leaf>(first: u32, runs: impl Iterator<Item = (usize, usize)>) -> Result {
    let table = &table()?.0;
    for (start, length) in runs {
        prepare(table, (start, length), |_| 0);
        let filled = fill_vacant::<L>(&table[start..start + length], first);
        let value = |at: usize| first.wrapping_add((at / L::ENTRIES * L::SIZE) as u32);
        assert_eq!(filled, length, "slots filled from {start}");
        only(table, (start, length), value);
    }
    Ok(())
}

/// Expects filling to stop before the first page that is not vacant, whichever slot is in use.
fn fill_stops<L: Leaf>(first: u32, runs: impl Iterator<Item = (usize, usize)>) -> Result {
    let table = &table()?.0;
    for (start, length) in runs {
        set(table, before);
        let run = &table[start..start + length];
        for occupied in 0..length {
            for (i, slot) in run.iter().enumerate() {
                slot.store(u32::from(i == occupied));
            }
            let filled = fill_vacant::<L>(run, first);
            let expected = occupied / L::ENTRIES * L::ENTRIES;
            assert_eq!(filled, expected, "from {start}, {occupied} is taken");
            for (i, slot) in run.iter().enumerate() {
                let value = if i < expected {
                    first.wrapping_add((i / L::ENTRIES * L::SIZE) as u32)
                } else {
                    u32::from(i == occupied)
                };
                assert_eq!(slot.load(), value, "slot {i} with {occupied} taken");
            }
        }
        only(table, (start, length), |i| run[i].load());
    }
    Ok(())
}

/// Expects, in all runs and at all places, that a test finds the first entry that fails it, and
/// that those before it are cleared in whole pages of size `L`. Entries outside of the run pass, so
/// that a run that is followed too far is found as well.
fn clears<T: Test, L: Leaf>(
    passing: impl Fn(usize) -> u32,
    failing: u32,
    runs: impl Iterator<Item = (usize, usize)>,
) -> Result {
    let table = &table()?.0;
    for (start, length) in runs {
        set(table, &passing);
        let run = &table[start..start + length];
        // One step more: no entry fails.
        for at in 0..=length {
            // Entries behind the first one do not matter.
            let fails = |i| i == at || at + 2 < length && i == length - 1;
            let value = |i| if fails(i) { failing } else { passing(i) };
            for (i, slot) in run.iter().enumerate() {
                slot.store(value(i));
            }
            let cleared = clear_leading::<T, L>(run);
            let expected = at / L::ENTRIES * L::ENTRIES;
            assert_eq!(
                cleared, expected,
                "{length} from {start}, {at} is {failing:#x}"
            );
            for (i, slot) in run.iter().enumerate() {
                let value = if i < expected { 0 } else { value(i) };
                assert_eq!(slot.load(), value, "slot {i} with {at} failing");
            }
        }
        for (i, slot) in table.iter().enumerate() {
            let outside = i < start || i >= start + length;
            assert!(!outside || slot.load() == passing(i), "slot {i} outside");
        }
    }
    Ok(())
}

/// Runs of whole pages of sixteen entries, which are naturally aligned.
fn aligned() -> impl Iterator<Item = (usize, usize)> {
    (0..16).flat_map(|start| (0..=16 - start).map(move |pages| (start * 16, pages * 16)))
}

#[test]
fn clear_clears_the_run() -> Result {
    let table = &table()?.0;
    for (start, length) in runs() {
        set(table, before);
        clear(&table[start..start + length]);
        only(table, (start, length), |_| 0);
    }
    Ok(())
}

#[test]
fn fill_with_small_pages() -> Result {
    fills::<SmallPage>(0x8054_5c72, runs())?;
    Ok(())
}

#[test]
fn fill_with_sections() -> Result {
    // Two of 256 entries are 4 GiB apart from none: from 0 on all of the table fits.
    fills::<Section>(0x3_1c02, runs())?;
    Ok(())
}

/// A page's sixteen entries are the same and begin at a multiple of sixteen.
#[test]
fn fill_with_pages_of_sixteen_entries() -> Result {
    fills::<LargePage>(0x8055_1c31, aligned())?;
    fills::<Supersection>(0x7_1c02, aligned())?;
    Ok(())
}

#[test]
fn fill_stops_at_what_is_there() -> Result {
    fill_stops::<SmallPage>(0x8054_5c72, runs())?;
    fill_stops::<LargePage>(0x8055_1c31, aligned().filter(|(_, length)| *length <= 64))?;
    Ok(())
}

/// The last entries below 4 GiB do not run over.
#[test]
fn fill_up_to_4g() -> Result {
    let table = &table()?.0;
    for length in 0..=L2_ENTRIES {
        let run = (L2_ENTRIES - length, length);
        prepare(table, run, |_| 0);
        let first = 0xffff_fc72u32 - (length.max(1) as u32 - 1) * 0x1000;
        assert_eq!(fill_vacant::<SmallPage>(&table[run.0..], first), length);
        only(table, run, |at| first + at as u32 * 0x1000);
    }
    Ok(())
}

#[test]
fn vacant_is_zero() -> Result {
    let table = &table()?.0;
    for (start, length) in runs() {
        prepare(table, (start, length), |_| 0);
        let run = &table[start..start + length];
        assert!(all::<Vacant>(run));
        for slot in run {
            for value in [1, 2, 4, 0x8000_0000, u32::MAX] {
                slot.store(value);
                assert!(!all::<Vacant>(run));
            }
            slot.store(0);
        }
    }
    Ok(())
}

#[test]
fn small_is_bit_1() -> Result {
    for failing in [0, 1, 0xffff_fffd] {
        let mixed = |i: usize| [2, u32::MAX, 3][i % 3];
        clears::<Small, SmallPage>(|_| 2, failing, runs())?;
        clears::<Small, SmallPage>(mixed, failing, runs())?;
    }
    Ok(())
}

/// Entries with either bit, mixed: a bit of one does not count for its neighbour.
#[test]
fn valid_is_bit_0_or_1() -> Result {
    for failing in [0, 4, 0xffff_fffc] {
        let mixed = |i: usize| [1, 2, 3, 0xffff_fffd][i % 4];
        clears::<Valid, SmallPage>(|_| 1, failing, runs())?;
        clears::<Valid, SmallPage>(mixed, failing, runs())?;
        clears::<Valid, LargePage>(|_| 2, failing, aligned())?;
        clears::<Valid, LargePage>(mixed, failing, aligned())?;
    }
    Ok(())
}

#[test]
fn nothing_is_in_no_slots() {
    assert!(all::<Vacant>(&[]));
    assert_eq!(fill_vacant::<SmallPage>(&[], 2), 0);
    assert_eq!(clear_leading::<Small, SmallPage>(&[]), 0);
    assert_eq!(clear_leading::<Valid, LargePage>(&[]), 0);
}

/// All entries of a table.
#[test]
fn clear_all_of_a_table() -> Result {
    let table = &table()?.0;
    set(table, before);
    clear_table(table);
    assert!(all::<Vacant>(table));
    Ok(())
}

/// The first to install a table wins, the second is told of it.
#[test]
fn install_only_over_nothing() -> Result {
    let table = &table()?.0;
    let [_, slot, ..] = table;
    assert_eq!(slot.install(0x8054_5401), Ok(()));
    assert_eq!(slot.install(0x8054_5801), Err(0x8054_5401));
    assert_eq!(slot.load(), 0x8054_5401);
    // A fault to the walker, and yet not empty.
    slot.store(0x10);
    assert_eq!(slot.install(0x8054_5401), Err(0x10));
    assert!(table
        .iter()
        .enumerate()
        .all(|(i, slot)| i == 1 || slot.load() == 0));
    Ok(())
}
