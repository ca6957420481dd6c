// SPDX-License-Identifier: GPL-2.0

//! `entries`: a line for each entry that is not zero, tables before their content.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    debugfs::{
        set_lines::SetLines,
        snapshot::Copied, //
    },
    format::entry::{
        self,
        Leaf,
        Section,
        SmallPage,
        INVALID,
        L2_ENTRIES, //
    },
    table_set::IoPgtableArmV7s, //
};

/// The line of an entry. A MiB has a place for its first-level entry and one for each of a table.
#[derive(Zeroable)]
pub(crate) struct Entries {
    copied: Copied,
    iova: u64,
    level: u32,
    raw: u32,
}

/// Places of a MiB.
const PLACES: usize = 1 + L2_ENTRIES;

impl SetLines for Entries {
    const HEADER: &'static str = "set iova level entry\n";

    fn find(&mut self, set: &IoPgtableArmV7s, place: u64) -> Option<u64> {
        let mut place = usize::try_from(place).ok()?;
        loop {
            let (mib, of_mib) = (place / PLACES, place % PLACES);
            if mib >= set.l1().len() {
                return None;
            }
            let entries = self.copied.get(set, mib);
            let (level, raw) = match of_mib.checked_sub(1) {
                None => (1, entries.l1),
                Some(index) => (2, entries.l2.get(index).map_or(INVALID, |raw| *raw)),
            };
            if level == 2 && !entry::is_table(entries.l1) {
                place = (mib + 1) * PLACES;
            } else if raw == INVALID {
                place += 1;
            } else {
                let small = of_mib.saturating_sub(1) << SmallPage::SHIFT;
                self.iova = ((mib as u64) << Section::SHIFT) + small as u64;
                (self.level, self.raw) = (level, raw);
                return Some(place as u64 + 1);
            }
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            iova, level, raw, ..
        } = self;
        writeln!(f, "{iova:#011x} {level} {raw:#010x}")
    }
}
