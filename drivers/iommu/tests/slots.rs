// SPDX-License-Identifier: GPL-2.0

//! Runs of slots: exactly those of the run are read and written, wherever it begins and however
//! long it is.

use super::*;
use crate::{
    entry::{
        LargePage,
        Leaf,
        Section,
        Small,
        SmallPage,
        Supersection,
        Vacant,
        Valid,
        L2_ENTRIES, //
    },
    slots::{
        clear,
        fill,
        leading,
        Slot,
        Test, //
    },
    table::L2Slots, //
};

/// Beginnings of runs: all places in a word and in a block of words, and the next one.
const STARTS: usize = 18;

/// Lengths of runs: short ones, and all remainders of more than two blocks.
const LENGTHS: usize = 41;

fn table() -> Result<KBox<L2Slots>> {
    KBox::init(pin_init::init_zeroed(), GFP_KERNEL)
}

/// All runs to be tried, as beginning and length: those above, and to the end of the table.
fn runs() -> impl Iterator<Item = (usize, usize)> {
    (0..STARTS).flat_map(|start| {
        let to_the_end = L2_ENTRIES - start;
        Iterator::chain(0..LENGTHS, [to_the_end - 1, to_the_end]).map(move |length| (start, length))
    })
}

/// Something else for each slot.
fn before(i: usize) -> u32 {
    0xdead_0000 | i as u32
}

fn set(table: &[Slot; L2_ENTRIES], value: impl Fn(usize) -> u32) {
    for (i, slot) in table.iter().enumerate() {
        slot.store(value(i));
    }
}

/// Whether each slot of a run has its value, and each other one what it had before.
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

/// Fills all runs with entries for pages of size `L`.
fn fills<L: Leaf>(first: u32, runs: impl Iterator<Item = (usize, usize)>) -> Result<bool> {
    let table = &table()?.0;
    for (start, length) in runs {
        set(table, before);
        fill::<L>(&table[start..start + length], first);
        let value = |at: usize| first.wrapping_add((at / L::ENTRIES * L::SIZE) as u32);
        if !only(table, (start, length), value) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a test finds the first entry that fails it, in all runs and at all places. Entries
/// outside of the run fail, so that a run that is read too far is found as well.
fn finds<T: Test>(
    passing: impl Fn(usize) -> u32,
    failing: u32,
    runs: impl Iterator<Item = (usize, usize)>,
) -> Result<bool> {
    let table = &table()?.0;
    for (start, length) in runs {
        set(table, |_| failing);
        let run = &table[start..start + length];
        for (i, slot) in run.iter().enumerate() {
            slot.store(passing(i));
        }
        if !same!(
            leading::<T>(run),
            length,
            "leading in {length} from {start}, none fails with {failing:#x}"
        ) {
            return Ok(false);
        }
        for (at, slot) in run.iter().enumerate() {
            slot.store(failing);
            if !same!(
                leading::<T>(run),
                at,
                "leading in {length} from {start}, {at} fails with {failing:#x}"
            ) {
                return Ok(false);
            }
            slot.store(passing(at));
        }
        // The first of several.
        if length > 2 {
            run[length / 2].store(failing);
            run[length - 1].store(failing);
            if !same!(
                leading::<T>(run),
                length / 2,
                "leading in {length} from {start}, two fail with {failing:#x}"
            ) {
                return Ok(false);
            }
        }
    }
    Ok(true)
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
        let aligned = || {
            (0..16).flat_map(|start| (0..=16 - start).map(move |pages| (start * 16, pages * 16)))
        };
        assert!(fills::<LargePage>(0x8055_1c31, aligned())?);
        assert!(fills::<Supersection>(0x7_1c02, aligned())?);
        Ok(())
    }

    /// The last entries below 4 GiB do not run over.
    #[test]
    fn fill_up_to_4g() -> Result {
        let table = &table()?.0;
        for length in 0..=L2_ENTRIES {
            set(table, before);
            let first = 0xffff_fc72u32 - (length.max(1) as u32 - 1) * 0x1000;
            fill::<SmallPage>(&table[L2_ENTRIES - length..], first);
            assert!(only(table, (L2_ENTRIES - length, length), |at| {
                first + at as u32 * 0x1000
            }));
        }
        Ok(())
    }

    #[test]
    fn vacant_is_zero() -> Result {
        for failing in [1, 2, 4, 0x8000_0000, u32::MAX] {
            assert!(finds::<Vacant>(|_| 0, failing, runs())?);
        }
        Ok(())
    }

    #[test]
    fn small_is_bit_1() -> Result {
        for failing in [0, 1, 0xffff_fffd] {
            assert!(finds::<Small>(|_| 2, failing, runs())?);
            assert!(finds::<Small>(
                |i| [2, u32::MAX, 3][i % 3],
                failing,
                runs()
            )?);
        }
        Ok(())
    }

    /// One or the other bit, mixed: neither makes up for what its neighbour lacks.
    #[test]
    fn valid_is_bit_0_or_1() -> Result {
        for failing in [0, 4, 0xffff_fffc] {
            assert!(finds::<Valid>(|_| 1, failing, runs())?);
            assert!(finds::<Valid>(|_| 2, failing, runs())?);
            assert!(finds::<Valid>(
                |i| [1, 2, 3, 0xffff_fffd][i % 4],
                failing,
                runs()
            )?);
            assert!(finds::<Valid>(|i| [2, 2, 1][i % 3], failing, runs())?);
        }
        Ok(())
    }

    #[test]
    fn nothing_leads_in_no_slots() {
        assert_eq!(leading::<Vacant>(&[]), 0);
        assert_eq!(leading::<Small>(&[]), 0);
        assert_eq!(leading::<Valid>(&[]), 0);
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
