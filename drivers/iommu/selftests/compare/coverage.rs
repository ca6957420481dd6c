// SPDX-License-Identifier: GPL-2.0

//! Counts of the situations that random operations have to reach.

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
    flush::Gather,
    ktap::{
        wrong,
        Verdict, //
    },
    operation::{
        Operation,
        What, //
    },
    prediction::{
        End,
        Prediction,
        Report, //
    },
    setup::Setup,
    text::Text, //
};

const FOUR_GIB: u64 = 1 << 32;

/// A situation, and its number of times.
pub(crate) struct Coverage([usize; NAMES.len()]);

const NAMES: &[&str] = &[
    "4 KiB pages mapped",
    "64 KiB pages mapped",
    "sections mapped",
    "supersections mapped",
    "runs over several tables mapped",
    "tables replaced by sections",
    #[cfg(CONFIG_64BIT)]
    "runs across 4 GiB of input mapped",
    "runs across 4 GiB of output mapped",
    "runs mapped up to the end of the space",
    "runs unmapped",
    "runs unmapped with gather queued",
    "tables unmapped as sections",
    "maps refused after some pages",
    "unmaps refused after some pages",
    "maps over something",
    "maps under a section",
    "addresses out of range",
    "unmaps of nothing",
    "unmaps of a part",
    "deliberate differences",
];

impl Coverage {
    pub(crate) fn new() -> Self {
        Self([0; NAMES.len()])
    }

    /// Counts an operation; `walks` is true if it called `tlb_flush_walk`.
    pub(crate) fn count(
        &mut self,
        op: &Operation,
        setup: &Setup,
        prediction: &Prediction,
        walks: bool,
    ) {
        let pages = prediction.pages;
        let end = op.iova.wrapping_add(pages.wrapping_mul(op.size));
        let some = pages > 0;
        let crosses =
            |start: u64| some && start < FOUR_GIB && start + (pages * op.size) as u64 > FOUR_GIB;
        let refused = prediction.end != End::Done;
        let report = match prediction.end {
            End::Refused(report) => report,
            _ => None,
        };
        let (map, paddr, unmap, queued) = match op.what {
            What::Map { paddr, .. } => (true, paddr, false, false),
            What::Unmap { gather } => (false, 0, true, gather == Gather::Queued),
            What::Translate => return,
        };
        let happened = [
            map && some && op.size == SZ_4K,
            map && some && op.size == SZ_64K,
            map && some && op.size == SZ_1M,
            map && some && op.size == SZ_16M,
            map && some && op.size < SZ_1M && op.iova / SZ_1M != (end - 1) / SZ_1M,
            map && walks,
            #[cfg(CONFIG_64BIT)]
            (map && crosses(op.iova as u64)),
            map && crosses(paddr),
            map && some && end == setup.space(),
            unmap && some,
            unmap && some && queued,
            unmap && walks,
            map && some && refused,
            unmap && some && refused,
            report == Some(Report::Mapped),
            report == Some(Report::SectionMapped),
            matches!(report, Some(Report::MapRange | Report::UnmapRange)),
            report == Some(Report::NotMapped),
            matches!(report, Some(Report::PartOfSixteen | Report::PartOfSection)),
            prediction.end == End::Deliberate,
        ];
        for (count, _) in self.0.iter_mut().zip(happened).filter(|(_, did)| *did) {
            *count += 1;
        }
    }

    /// Returns the counts.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn text(&self) -> Text {
        let mut text = Text::new();
        for (count, name) in self.0.iter().zip(NAMES.iter()) {
            text.say(fmt!("{} {}\n", count, name));
        }
        text
    }

    /// Fails unless each situation was reached several times.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn verdict(&self, operations: usize) -> Verdict {
        let due = operations / 20_000;
        match self
            .0
            .iter()
            .zip(NAMES.iter())
            .find(|(count, _)| **count < due)
        {
            Some((count, name)) => wrong!("{} {}, of {} operations", count, name, operations),
            None => Ok(()),
        }
    }
}
