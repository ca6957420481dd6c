// SPDX-License-Identifier: GPL-2.0

//! Runs of slots: exactly the slots of a run are read and written, for any beginning and length.

use super::*;

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
    KBox::init(pin_init::init_zeroed(), GFP_KERNEL)
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

/// Returns true if each slot of a run has its value, and each other one what it had before.
fn only(
    table: &[Slot; L2_ENTRIES],
    (start, length): (usize, usize),
    value: impl Fn(usize) -> u32,
) -> bool {
    table.iter().enumerate().all(|(i, slot)| {
        let expected = match i.checked_sub(start) {
            Some(at) if at < length => value(at),
            _ => before(i),
        };
        same!(
            slot.load(),
            expected,
            "slot {i} after a run of {length} from {start}"
        )
    })
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
fn fills<L: Leaf>(first: u32, runs: impl Iterator<Item = (usize, usize)>) -> Result<bool> {
    let table = &table()?.0;
    for (start, length) in runs {
        prepare(table, (start, length), |_| 0);
        let filled = fill_vacant::<L>(&table[start..start + length], first);
        let value = |at: usize| first.wrapping_add((at / L::ENTRIES * L::SIZE) as u32);
        if !same!(filled, length, "slots filled from {start}")
            || !only(table, (start, length), value)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if filling stops before the first page that is not vacant, whichever of its slots
/// is in use.
fn fill_stops<L: Leaf>(first: u32, runs: impl Iterator<Item = (usize, usize)>) -> Result<bool> {
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
            let right = run.iter().enumerate().all(|(i, slot)| {
                let value = if i < expected {
                    first.wrapping_add((i / L::ENTRIES * L::SIZE) as u32)
                } else {
                    u32::from(i == occupied)
                };
                same!(slot.load(), value, "slot {i} with {occupied} taken")
            });
            if !same!(
                filled,
                expected,
                "slots filled from {start}, {occupied} is taken"
            ) || !right
            {
                return Ok(false);
            }
        }
        if !only(table, (start, length), |i| run[i].load()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if, in all runs and at all places, a test finds the first entry that fails it, and
/// those before it are cleared in whole pages of size `L`. Entries outside of the run pass, so that
/// a run that is followed too far is found as well.
fn clears<T: Test, L: Leaf>(
    passing: impl Fn(usize) -> u32,
    failing: u32,
    runs: impl Iterator<Item = (usize, usize)>,
) -> Result<bool> {
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
            let right = run.iter().enumerate().all(|(i, slot)| {
                let value = if i < expected { 0 } else { value(i) };
                same!(slot.load(), value, "slot {i} with {at} failing")
            });
            if !same!(
                cleared,
                expected,
                "cleared of {length} from {start}, {at} fails with {failing:#x}"
            ) || !right
            {
                return Ok(false);
            }
        }
        let outside = |i| i < start || i >= start + length;
        if !table
            .iter()
            .enumerate()
            .all(|(i, slot)| !outside(i) || same!(slot.load(), passing(i), "slot {i} outside"))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs of whole pages of sixteen entries, which are naturally aligned.
fn aligned() -> impl Iterator<Item = (usize, usize)> {
    (0..16).flat_map(|start| (0..=16 - start).map(move |pages| (start * 16, pages * 16)))
}

#[kunit_tests(v7s_slots)]
mod suite {
    use super::*;

    #[test]
    fn clear_clears_the_run() -> Result {
        let table = &table()?.0;
        for (start, length) in runs() {
            set(table, before);
            clear(&table[start..start + length]);
            assert!(only(table, (start, length), |_| 0));
        }
        Ok(())
    }

    #[test]
    fn fill_with_small_pages() -> Result {
        assert!(fills::<SmallPage>(0x8054_5c72, runs())?);
        Ok(())
    }

    #[test]
    fn fill_with_sections() -> Result {
        // Two of 256 entries are 4 GiB apart from none: from 0 on all of the table fits.
        assert!(fills::<Section>(0x3_1c02, runs())?);
        Ok(())
    }

    /// A page's sixteen entries are the same and begin at a multiple of sixteen.
    #[test]
    fn fill_with_pages_of_sixteen_entries() -> Result {
        assert!(fills::<LargePage>(0x8055_1c31, aligned())?);
        assert!(fills::<Supersection>(0x7_1c02, aligned())?);
        Ok(())
    }

    #[test]
    fn fill_stops_at_what_is_there() -> Result {
        assert!(fill_stops::<SmallPage>(0x8054_5c72, runs())?);
        assert!(fill_stops::<LargePage>(
            0x8055_1c31,
            aligned().filter(|(_, length)| *length <= 64)
        )?);
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
            assert!(only(table, run, |at| first + at as u32 * 0x1000));
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
            assert!(clears::<Small, SmallPage>(|_| 2, failing, runs())?);
            assert!(clears::<Small, SmallPage>(mixed, failing, runs())?);
        }
        Ok(())
    }

    /// Entries with either bit, mixed: a bit of one does not count for its neighbour.
    #[test]
    fn valid_is_bit_0_or_1() -> Result {
        for failing in [0, 4, 0xffff_fffc] {
            let mixed = |i: usize| [1, 2, 3, 0xffff_fffd][i % 4];
            assert!(clears::<Valid, SmallPage>(|_| 1, failing, runs())?);
            assert!(clears::<Valid, SmallPage>(mixed, failing, runs())?);
            assert!(clears::<Valid, LargePage>(|_| 2, failing, aligned())?);
            assert!(clears::<Valid, LargePage>(mixed, failing, aligned())?);
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
}
