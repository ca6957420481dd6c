// SPDX-License-Identifier: GPL-2.0

//! The mappings: pages of all sizes with all flags at pseudo-random addresses.
//!
//! Input addresses are taken in slots of 16 MiB, each of which gets its kind in turn, so that every
//! kind comes equally often, whatever the seed.

use kernel::{
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    random::Random,
    set::{
        Page,
        Set, //
    }, //
};

/// Slots in 4 GiB.
const SLOTS: usize = 256;

/// The address of the program that runs with these tables: nothing is mapped there. See
/// scripts/tests/lib/mmu/dump.py.
const PROGRAM_SLOT: usize = 0x3f;

/// Memory that may be mapped, in slots: behind the first GiB of a QEMU guest's memory, which has
/// the program, its data and the tables.
const LOW: usize = 0x3c;
const HIGH: usize = 0x80;

/// Number of slots that are mapped. The walker writes to all mapped memory, which the host
/// provides.
const TARGETS: usize = 24;

/// The number of mapped bytes.
#[derive(Clone, Copy)]
pub(crate) enum Layout {
    /// Runs, full tables and mixed ones, sections in a row.
    Dense,
    /// A single page in a slot; enough of each size for all combinations of flags.
    Sparse,
}

/// The sizes of a page.
const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Returns the slots of memory that are mapped.
pub(crate) struct Targets([usize; TARGETS]);

impl Targets {
    pub(crate) fn new(mut random: Random) -> Self {
        Self(core::array::from_fn(|_| {
            match random.below(LOW + SLOTS - HIGH) {
                slot if slot < LOW => slot,
                slot => slot - LOW + HIGH,
            }
        }))
    }
}

/// Fills a set, and unmaps part of the dense slots.
pub(crate) fn fill(set: &mut Set, layout: Layout, targets: &Targets, seed: u64) -> Result {
    let mut random = Random::new(seed);
    let mut filler = Filler {
        targets,
        first: random.below(SLOTS),
        random,
        mapped: [0; SIZES.len()],
    };
    for slot in 0..SLOTS {
        if slot != PROGRAM_SLOT {
            match layout {
                Layout::Dense => filler.dense(set, slot)?,
                Layout::Sparse => filler.sparse(set, slot)?,
            }
        }
    }
    match layout {
        Layout::Dense => filler.replace(set),
        Layout::Sparse => Ok(()),
    }
}

struct Filler<'a> {
    targets: &'a Targets,
    /// The kind of slot 0.
    first: usize,
    random: Random,
    /// Mappings of each size so far.
    mapped: [usize; SIZES.len()],
}

impl Filler<'_> {
    /// The flags of the next mapping of a size: each combination in turn that gives some access.
    fn next_prot(&mut self, size: usize) -> u32 {
        const ACCESS: [u32; 3] = [prot::READ, prot::WRITE, prot::READ | prot::WRITE];
        const OTHERS: [u32; 4] = [prot::CACHE, prot::NOEXEC, prot::MMIO, prot::PRIVILEGED];

        let Some(at) = SIZES.iter().position(|known| *known == size) else {
            return prot::READ;
        };
        let n = self.mapped[at];
        self.mapped[at] += 1;
        OTHERS
            .iter()
            .enumerate()
            .filter(|(i, _)| n / ACCESS.len() >> i & 1 != 0)
            .fold(ACCESS[n % ACCESS.len()], |prot, (_, flag)| prot | flag)
    }

    /// Maps consecutive pages within 16 MiB to consecutive memory.
    fn map(&mut self, set: &mut Set, iova: usize, size: usize, count: usize) -> Result {
        let slot = self.targets.0[self.random.below(TARGETS)];
        let places = (SZ_16M - size * count) / size + 1;
        let page = Page {
            iova,
            paddr: (slot * SZ_16M + self.random.below(places) * size) as u64,
            size,
            prot: self.next_prot(size),
        };
        set.map(page, count)
    }

    fn dense(&mut self, set: &mut Set, slot: usize) -> Result {
        let start = slot * SZ_16M;
        // Another MiB follows.
        let some_mib = start + self.random.below(15) * SZ_1M;
        match (self.first + slot) % 16 {
            0 | 1 | 8 | 9 => self.map(set, start, SZ_16M, 1),
            2 | 10 => (0..16)
                .filter(|i| i % 5 != 4)
                .try_for_each(|i| self.map(set, start + i * SZ_1M, SZ_1M, 1)),
            3 | 11 => self.run_of_sections(set, start),
            4 => self.runs(set, some_mib),
            5 => self.section_for_table(set, some_mib),
            6 => self.mixed(set, some_mib),
            _ => Ok(()),
        }
    }

    fn sparse(&mut self, set: &mut Set, slot: usize) -> Result {
        let size = SIZES[(self.first + slot) % SIZES.len()];
        let place = self.random.below(SZ_16M / size);
        self.map(set, slot * SZ_16M + place * size, size, 1)
    }

    /// A run of small pages and one of large ones, each mapped by one call, and parts of each
    /// unmapped by one call each.
    fn runs(&mut self, set: &mut Set, iova: usize) -> Result {
        let small = iova + self.random.below(20) * SZ_4K;
        let small_count = 200 + self.random.below(30);
        self.map(set, small, SZ_4K, small_count)?;
        let large = iova + SZ_1M + self.random.below(3) * SZ_64K;
        let large_count = 10 + self.random.below(3);
        self.map(set, large, SZ_64K, large_count)?;

        let from = small + self.random.below(60) * SZ_4K;
        set.unmap(from, SZ_4K, 50 + self.random.below(40))?;
        let from = small + (150 + self.random.below(30)) * SZ_4K;
        set.unmap(from, SZ_4K, 1 + self.random.below(20))?;
        let from = large + self.random.below(5) * SZ_64K;
        set.unmap(from, SZ_64K, 1 + self.random.below(5))
    }

    /// A run of sections, mapped by one call, and a part of it unmapped by one.
    fn run_of_sections(&mut self, set: &mut Set, iova: usize) -> Result {
        let first = iova + self.random.below(4) * SZ_1M;
        let count = 9 + self.random.below(3);
        self.map(set, first, SZ_1M, count)?;
        let from = first + self.random.below(5) * SZ_1M;
        set.unmap(from, SZ_1M, 1 + self.random.below(4))
    }

    /// A section where there were pages: an empty table may be in its way.
    fn section_for_table(&mut self, set: &mut Set, iova: usize) -> Result {
        for i in 0..256 {
            if self.random.one_in(16) {
                self.map(set, iova + i * SZ_4K, SZ_4K, 1)?;
            }
        }
        set.unmap_each(|page| (iova..iova + SZ_1M).contains(&page.iova))?;
        self.map(set, iova, SZ_1M, 1)
    }

    /// A table of large pages, small pages, and holes.
    fn mixed(&mut self, set: &mut Set, iova: usize) -> Result {
        for large in (iova..iova + SZ_1M).step_by(SZ_64K) {
            match self.random.below(3) {
                0 => self.map(set, large, SZ_64K, 1)?,
                1 => self.some_small(set, large)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// About half of the small pages in 64 KiB, some at a time.
    fn some_small(&mut self, set: &mut Set, iova: usize) -> Result {
        let mut page = 0;
        while page < 16 {
            let count = (1 + self.random.below(8)).min(16 - page);
            if self.random.one_in(2) {
                self.map(set, iova + page * SZ_4K, SZ_4K, count)?;
            }
            page += count;
        }
        Ok(())
    }

    /// Unmaps a quarter of all pages; half of those places are mapped anew, some of large pages to
    /// small ones.
    fn replace(&mut self, set: &mut Set) -> Result {
        let before = set.gone.len();
        set.unmap_each(|_| self.random.one_in(4))?;
        for i in before..set.gone.len() {
            let page = set.gone[i];
            if page.size == SZ_64K && self.random.one_in(2) {
                self.some_small(set, page.iova)?;
            } else if self.random.one_in(2) {
                self.map(set, page.iova, page.size, 1)?;
            }
        }
        Ok(())
    }
}
