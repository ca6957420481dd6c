// SPDX-License-Identifier: GPL-2.0

//! The calls of one context for its share of the input addresses, with their results checked.

use kernel::{
    bindings,
    fmt,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    model::{
        Model,
        Place, //
    },
    random::Random,
    set::Mapped,
    tables::Tables,
    zones::{
        Zone,
        SECTION,
        SIZES,
        ZONES, //
    }, //
};

/// Maximum number of pages of one call, so that interrupts stay short.
const PAGES_MAX: usize = 64;

/// Numbers of calls.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) maps: u64,
    pub(crate) unmaps: u64,
    pub(crate) translations: u64,
    /// Calls of the first two that had to fail or stop early, and did.
    pub(crate) refusals: u64,
    /// Calls of the first in atomic context that failed for lack of memory.
    pub(crate) short: u64,
}

impl Counts {
    pub(crate) fn calls(&self) -> u64 {
        self.maps + self.unmaps + self.translations
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.maps += other.maps;
        self.unmaps += other.unmaps;
        self.translations += other.translations;
        self.refusals += other.refusals;
        self.short += other.short;
    }
}

/// A wrong result.
#[derive(Clone, Copy)]
pub(crate) struct Wrong {
    pub(crate) what: &'static str,
    pub(crate) iova: usize,
    pub(crate) pgsize: usize,
    pub(crate) count: usize,
    /// Errno and bytes, or an address alone.
    pub(crate) got: (c_int, u64),
    pub(crate) expected: (c_int, u64),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {:#x}, {} pages of {:#x}: {} {:#x}, expected {} {:#x}",
            self.what,
            self.iova,
            self.count,
            self.pgsize,
            self.got.0,
            self.got.1,
            self.expected.0,
            self.expected.1
        )
    }
}

/// A context, with its share of the input addresses.
pub(crate) struct Actor {
    me: usize,
    actors: usize,
    random: Random,
    model: Model,
    pub(crate) counts: Counts,
    /// The first wrong result, after which the actor does nothing more.
    pub(crate) wrong: Option<Wrong>,
}

impl Actor {
    pub(crate) fn new(me: usize, actors: usize, seed: u64) -> Result<Self> {
        Ok(Self {
            me,
            actors,
            random: Random::new(seed.wrapping_add(me as u64) << 16),
            model: Model::new(me, actors)?,
            counts: Counts::default(),
            wrong: None,
        })
    }

    /// Returns a random number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.random.below(end)
    }

    /// Returns the expected output address of a page, zero if it is not mapped.
    pub(crate) fn paddr(&self, zone: usize, at: usize) -> u64 {
        self.model.paddr(Place { zone, at })
    }

    /// Records that all pages of a zone were unmapped.
    pub(crate) fn forget(&mut self, zone: usize) {
        self.model.forget(zone);
    }

    fn zone(&self, place: Place) -> &'static Zone {
        &ZONES[place.zone]
    }

    /// Returns the input address of a place.
    fn iova(&self, place: Place) -> usize {
        let zone = self.zone(place);
        let first = zone.page(self.me, self.actors, place.at / zone.run);
        (first + place.at % zone.run) * SZ_4K
    }

    /// Records a wrong result.
    fn check(
        &mut self,
        what: &'static str,
        (place, pgsize, count): (Place, usize, usize),
        got: (c_int, u64),
        expected: (c_int, u64),
    ) {
        if got != expected && self.wrong.is_none() {
            self.wrong = Some(Wrong {
                what,
                iova: self.iova(place),
                pgsize,
                count,
                got,
                expected,
            });
        }
    }

    fn map(
        &mut self,
        tables: &Tables,
        gfp: bindings::gfp_t,
        (place, size, count): (Place, usize, usize),
    ) {
        const NO_MEMORY: c_int = -(bindings::ENOMEM as c_int);
        const EXISTS: c_int = -(bindings::EEXIST as c_int);
        let paddr = self.output(tables, size, count);
        let iova = self.iova(place);
        // SAFETY: The place is this actor's alone.
        let Mapped { error, bytes } = unsafe { tables.set.map(iova, paddr, size, count, gfp) };
        // In atomic context a call may stop with -ENOMEM, after some pages.
        let short = error == NO_MEMORY && gfp != bindings::GFP_KERNEL && bytes < size * count;
        let possible = if short { bytes / size } else { count };
        let pages = self.model.map(place, paddr, size, possible);
        let expected = match pages == possible {
            true if short => NO_MEMORY,
            true => 0,
            false => EXISTS,
        };
        self.counts.maps += 1;
        self.counts.short += u64::from(short);
        self.counts.refusals += u64::from(pages < possible);
        self.check(
            "map",
            (place, size, count),
            (error, bytes as u64),
            (expected, (pages * size) as u64),
        );
        self.look_around(tables, place, size * count);
    }

    fn unmap(&mut self, tables: &Tables, (place, size, count): (Place, usize, usize)) {
        // SAFETY: The place is this actor's alone.
        let bytes = unsafe { tables.set.unmap(self.iova(place), size, count) };
        let pages = self.model.unmap(place, size, count);
        self.counts.unmaps += 1;
        self.counts.refusals += u64::from(pages < count);
        self.check(
            "unmap",
            (place, size, count),
            (0, bytes as u64),
            (0, (pages * size) as u64),
        );
        self.look_around(tables, place, size * count);
    }

    /// Checks the translation of a page, for callers and for the walker.
    fn look(&mut self, tables: &Tables, place: Place) {
        let in_page = self.random.below(SZ_4K);
        let iova = self.iova(place) + in_page;
        let expected = match self.model.paddr(place) {
            0 => 0,
            paddr => paddr + in_page as u64,
        };
        // SAFETY: The place is this actor's alone.
        let got = unsafe { tables.set.translate(iova) };
        self.counts.translations += 1;
        self.check("translate", (place, SZ_4K, 1), (0, got), (0, expected));
        let got = tables.walk(iova);
        self.check("walk", (place, SZ_4K, 1), (0, got), (0, expected));
    }

    /// Checks the first and the last of some pages, and one in between.
    fn look_around(&mut self, tables: &Tables, place: Place, bytes: usize) {
        let pages = bytes / SZ_4K;
        let between = self.random.below(pages);
        for behind in [0, between, pages - 1] {
            self.look(tables, place.behind(behind));
        }
    }

    /// Returns a random output address for a run of pages, often one that crosses a multiple of 4
    /// GiB. Never in the first 16 MiB: zero means not mapped.
    fn output(&mut self, tables: &Tables, size: usize, count: usize) -> u64 {
        let space = if tables.is_extended() {
            1usize << 35
        } else {
            1 << 32
        };
        let page = if tables.is_extended() && self.random.one_in(4) {
            (1 + self.random.below(7)) * ((1usize << 32) / size) - self.random.below(count + 1)
        } else {
            SZ_16M / size + self.random.below((space - SZ_16M) / size - count)
        };
        (page * size) as u64
    }

    /// Returns a page size of a zone.
    fn size(&mut self, zone: &Zone) -> usize {
        loop {
            let size = SIZES[self.random.below(SIZES.len())];
            if zone.has(size) {
                return size;
            }
        }
    }

    /// Returns some pages of a run.
    fn pages(&mut self, run: Place) -> (Place, usize, usize) {
        let zone = self.zone(run);
        let size = self.size(zone);
        let in_run = zone.run * SZ_4K / size;
        let skipped = self.random.below(in_run);
        let most = (in_run - skipped).min(PAGES_MAX);
        let count = match self.random.one_in(2) {
            true => 1,
            false => 1 + self.random.below(most),
        };
        (run.behind(skipped * size / SZ_4K), size, count)
    }

    /// Makes a random call.
    pub(crate) fn step(&mut self, tables: &Tables, gfp: bindings::gfp_t) {
        let zone = self.random.below(ZONES.len());
        let runs = ZONES[zone].runs(self.me, self.actors);
        if runs == 0 || self.wrong.is_some() {
            return;
        }
        let run = Place {
            zone,
            at: self.random.below(runs) * ZONES[zone].run,
        };
        let pages = self.pages(run);
        match self.random.below(16) {
            0..=6 => self.map(tables, gfp, pages),
            7..=11 => self.unmap(tables, pages),
            12..=13 => self.look(tables, pages.0),
            _ if !ZONES[zone].is_shared() && self.random.one_in(2) => {
                self.take_down_sections(tables, run)
            }
            _ => self.take_down_pages(tables, run),
        }
    }

    /// Makes the first mapping of this round in a section that several actors share, if a run of
    /// this actor begins there. All of these actors find no table.
    pub(crate) fn first_touch(&mut self, tables: &Tables, gfp: bindings::gfp_t, section: usize) {
        let contains = |zone: &Zone| {
            zone.is_shared() && (zone.first..zone.first + zone.sections(0)).contains(&section)
        };
        let Some(zone) = ZONES.iter().position(contains) else {
            return;
        };
        let in_zone = section - ZONES[zone].first;
        let run = ZONES[zone].run_in(in_zone, self.me, self.actors);
        if let (Some(run), None) = (run, self.wrong) {
            let place = Place {
                zone,
                at: run * ZONES[zone].run,
            };
            let size = match ZONES[zone].has(SZ_64K) && self.random.one_in(2) {
                true => SZ_64K,
                false => SZ_4K,
            };
            self.map(tables, gfp, (place, size, 1));
        }
    }

    /// Unmaps the sections of a run as sections, which removes tables.
    fn take_down_sections(&mut self, tables: &Tables, run: Place) {
        if self.model.size(run) == SZ_16M {
            return self.unmap(tables, (run, SZ_16M, 1));
        }
        for section in (0..self.zone(run).run).step_by(SECTION) {
            let place = run.behind(section);
            if self.model.has_table(place) || self.model.size(place) == SZ_1M {
                self.unmap(tables, (place, SZ_1M, 1));
            }
        }
    }

    /// Unmaps a run, or one section of it, page by page, which keeps tables.
    fn take_down_pages(&mut self, tables: &Tables, run: Place) {
        let pages = self.zone(run).run.min(SECTION);
        let sections = self.zone(run).run / pages;
        let first = run.behind(self.random.below(sections) * pages);
        let mut at = 0;
        while at < pages && self.wrong.is_none() {
            let place = first.behind(at);
            at += match self.model.size(place) {
                0 => 1,
                SZ_16M => {
                    self.unmap(tables, (run, SZ_16M, 1));
                    pages
                }
                size => {
                    self.unmap(tables, (place, size, 1));
                    size / SZ_4K
                }
            };
        }
    }
}
