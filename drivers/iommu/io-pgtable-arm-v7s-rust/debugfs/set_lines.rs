// SPDX-License-Identifier: GPL-2.0

//! Lines about one table set, and files with the lines of all sets.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    debugfs::line_file::Lines,
    set_list,
    table_set::IoPgtableArmV7s, //
};

/// Lines about one set; a value holds the state of one reader, zeroed when it begins with a set.
pub(crate) trait SetLines: Zeroable {
    /// The first line of the file, behind the column of the set.
    const HEADER: &'static str;

    /// Finds the line at `place`, or else the next one behind it, and returns the place behind
    /// that: at most [`PLACES`]; `None` if there is none.
    fn find(&mut self, set: &IoPgtableArmV7s, place: u64) -> Option<u64>;

    /// Writes the line that was found last. The set may be gone by then.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// More places than any set has: entries of 2^14 tables and their first-level entries.
const PLACES: u64 = 1 << 24;

/// The lines of all sets; the first column is the number of the set.
///
/// A position of the file is the number of a set, and a place in it.
#[derive(Zeroable)]
pub(crate) struct OfSets<L: SetLines> {
    number: u64,
    lines: L,
}

impl<L: SetLines> Lines for OfSets<L> {
    type Of = ();

    const HEADER: &'static str = L::HEADER;

    fn find(&mut self, _of: &(), position: u64) -> Option<u64> {
        let (first, place) = (position / PLACES, position % PLACES);
        set_list::find_from(first, |number, set| {
            if self.number != number {
                *self = Self {
                    number,
                    lines: pin_init::zeroed(),
                };
            }
            let place = if number == first { place } else { 0 };
            let next = self.lines.find(set, place)?;
            Some(number * PLACES + next)
        })
    }

    fn show(&self, _of: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 32-bit kernels cannot write a `u64` in decimal.
        write!(f, "{} ", self.number as usize)?;
        self.lines.show(f)
    }
}
