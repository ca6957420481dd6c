// SPDX-License-Identifier: GPL-2.0

//! Division of the input addresses among actors.
//!
//! A zone is some sections (1 MiB), dealt out to all actors in turn, in runs of a number of pages.
//! Runs are shorter than a section in most zones, so that several actors have part of each
//! second-level table; where their length is odd, two share an aligned word of it; and where it
//! does not divide 256, runs go on in the next table.

use kernel::sizes::{
    SZ_16M,
    SZ_1M,
    SZ_4K,
    SZ_64K, //
};

/// The page sizes.
pub(crate) const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Pages of 4 KiB in a section.
pub(crate) const SECTION: usize = SZ_1M / SZ_4K;

/// Consecutive sections, dealt out in runs.
pub(crate) struct Zone {
    /// Number of the first section.
    pub(crate) first: usize,
    /// Number of runs; for the last zone, for each actor.
    sections: usize,
    /// Pages of 4 KiB in a run.
    pub(crate) run: usize,
}

/// All zones. Runs are aligned to the largest page that fits in one.
pub(crate) const ZONES: [Zone; 8] = [
    Zone::new(0, 4, 1),
    Zone::new(4, 4, 3),
    Zone::new(8, 8, 7),
    Zone::new(16, 16, 16),
    Zone::new(32, 32, 37),
    Zone::new(64, 32, 80),
    Zone::new(96, 96, SECTION),
    Zone::new(192, 16, SZ_16M / SZ_4K),
];

/// The most actors that the last zone has room for in 4 GiB.
pub(crate) const ACTORS_MAX: usize = (4096 - 192) / 16;

impl Zone {
    const fn new(first: usize, sections: usize, run: usize) -> Self {
        Self {
            first,
            sections,
            run,
        }
    }

    /// Returns the number of sections, given the number of actors.
    pub(crate) fn sections(&self, actors: usize) -> usize {
        if self.has(SZ_16M) {
            self.sections * actors
        } else {
            self.sections
        }
    }

    /// Returns true if runs hold pages of `size`.
    pub(crate) const fn has(&self, size: usize) -> bool {
        self.run % (size / SZ_4K) == 0
    }

    /// Returns true if sections belong to several actors, so that none may unmap a whole one.
    pub(crate) const fn is_shared(&self) -> bool {
        !self.has(SZ_1M)
    }

    /// Returns the number of all runs; pages behind the last one belong to no actor.
    fn runs_of_all(&self, actors: usize) -> usize {
        self.sections(actors) * SECTION / self.run
    }

    /// Returns the number of runs of actor `me`.
    pub(crate) fn runs(&self, me: usize, actors: usize) -> usize {
        self.runs_of_all(actors).saturating_sub(me).div_ceil(actors)
    }

    /// Returns the first page of a run, counted from the beginning of the space.
    pub(crate) fn page(&self, me: usize, actors: usize, run: usize) -> usize {
        self.first * SECTION + (run * actors + me) * self.run
    }

    /// Returns the actor of a page of the zone, and the number of the page among the actor's.
    pub(crate) fn owner(&self, page: usize, actors: usize) -> Option<(usize, usize)> {
        let (run, at) = (page / self.run, page % self.run);
        (run < self.runs_of_all(actors)).then(|| (run % actors, run / actors * self.run + at))
    }

    /// Returns the first run of actor `me` that has a page in a section of the zone, or none.
    pub(crate) fn run_in(&self, section: usize, me: usize, actors: usize) -> Option<usize> {
        let (start, end) = (section * SECTION, (section + 1) * SECTION);
        let earliest = start.div_ceil(self.run);
        let run = earliest.saturating_sub(me).div_ceil(actors);
        let page = (run * actors + me) * self.run;
        (run < self.runs(me, actors) && page < end).then_some(run)
    }
}
