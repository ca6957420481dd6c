// SPDX-License-Identifier: GPL-2.0

//! Pseudo-random operations on a few windows of the space, among them its ends and 4 GiB, so that
//! operations hit mappings of earlier ones.

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
    flush::Gather,
    operation::{
        Operation,
        What, //
    },
    random::Random,
    setup::Setup, //
};

const FOUR_GIB: u64 = 1 << 32;
/// Number of maps that are remembered, for later operations on the same addresses.
const REMEMBERED: usize = 24;
/// Bytes of a window: two supersections.
const WINDOW: usize = 2 * SZ_16M;

const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Makes operations for a configuration.
pub(crate) struct Generator<'a> {
    random: &'a mut Random,
    setup: Setup,
    windows: [usize; 3],
    maps: KVec<Operation>,
    made: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(setup: &Setup, random: &'a mut Random) -> Result<Self> {
        let last = setup.space().saturating_sub(WINDOW);
        let anywhere = random.below(last / SZ_16M + 1) * SZ_16M;
        let middle = match random.below(3) {
            0 => 0,
            // Around 4 GiB, if the space is larger.
            1 if last as u64 > FOUR_GIB => (FOUR_GIB as usize).wrapping_sub(SZ_16M),
            _ => anywhere,
        };
        let nothing = Operation {
            what: What::Unmap {
                gather: Gather::None,
            },
            iova: 0,
            size: SZ_4K,
            count: 1,
            asked: false,
        };
        Ok(Self {
            windows: [last, middle, anywhere],
            maps: KVec::from_elem(nothing, REMEMBERED, GFP_KERNEL)?,
            made: 0,
            setup: *setup,
            random,
        })
    }

    pub(crate) fn next(&mut self) -> Operation {
        let mut op = match self.random.below(16) {
            0..8 => self.map(),
            8..15 => self.unmap(),
            _ => Operation {
                what: What::Translate,
                ..self.place()
            },
        };
        if self.random.one_in(24) {
            self.spoil(&mut op);
            // Some are wrong in two ways.
            if self.random.one_in(2) {
                self.spoil(&mut op);
            }
        }
        if let What::Map { .. } = op.what {
            self.maps[self.made % REMEMBERED] = op;
            self.made += 1;
        }
        op
    }

    /// Returns a page size of the set.
    fn size(&mut self) -> usize {
        let at = self.random.below(SIZES.len());
        let sizes = self.setup.sizes();
        SIZES
            .iter()
            .cycle()
            .skip(at)
            .take(SIZES.len())
            .find(|size| sizes & **size != 0)
            .map_or(SZ_4K, |size| *size)
    }

    /// Returns a random number of pages.
    fn place(&mut self) -> Operation {
        let size = self.size();
        let window = self.windows[self.random.below(self.windows.len())];
        // Sections at both ends of a supersection and of the window, so that pages meet.
        let section = [0, 1, 2, 14, 15, 16, 30, 31][self.random.below(8)] * SZ_1M;
        let iova = match size {
            SZ_16M => section / SZ_16M * SZ_16M,
            SZ_1M => section,
            _ => section + self.random.below(SZ_1M / size) * size,
        };
        // Spaces smaller than a window have less of it.
        let iova = window + iova % self.setup.space().min(WINDOW);
        let count = self.count(iova, size);
        // Some cross the middle of a window, which is 4 GiB in one.
        let iova = if self.random.one_in(8) && count > 1 && self.setup.space() >= WINDOW {
            window + WINDOW / 2 - size * (1 + self.random.below((count - 1).min(SZ_16M / size)))
        } else {
            iova
        };
        Operation {
            what: What::Translate,
            iova,
            size,
            count,
            asked: false,
        }
    }

    fn count(&mut self, iova: usize, size: usize) -> usize {
        let to_boundary = |boundary: usize| (boundary - iova % boundary) / size;
        let count = match self.random.below(10) {
            0..4 => 1,
            4..7 => 2 + self.random.below(15),
            7 => to_boundary(SZ_1M.max(size)),
            8 => to_boundary(SZ_16M.max(size)).min(300),
            _ => to_boundary(SZ_1M.max(size)) + 1 + self.random.below(20),
        };
        // Most end in the space.
        let room = (self.setup.space() - iova) / size;
        if self.random.one_in(32) {
            count
        } else {
            count.min(room).max(1)
        }
    }

    fn map(&mut self) -> Operation {
        let place = self.place();
        let paddr = self.paddr(place.size, place.count);
        Operation {
            what: What::Map {
                paddr,
                prot: self.prot(),
            },
            ..place
        }
    }

    /// Returns an output address, often one with pages that end at a boundary or cross it.
    fn paddr(&mut self, size: usize, count: usize) -> u64 {
        let memory = self.setup.memory();
        let bytes = (size * count) as u64;
        let size = size as u64;
        let aligned = |address: u64| address & !(size - 1);
        let pages = memory >> size.trailing_zeros();
        let anywhere = (self.random.below(pages.max(1) as usize) as u64) * size;
        let boundaries = memory / FOUR_GIB;
        match self.random.below(8) {
            // Up to the end.
            0 => aligned(memory.saturating_sub(bytes)),
            1 | 2 if boundaries > 1 => {
                let boundary = FOUR_GIB * (1 + self.random.below(boundaries as usize - 1) as u64);
                boundary.saturating_sub(size * (1 + self.random.below(count) as u64))
            }
            _ => anywhere.min(aligned(memory.saturating_sub(bytes))),
        }
    }

    fn prot(&mut self) -> u32 {
        const OTHERS: [u32; 4] = [prot::CACHE, prot::NOEXEC, prot::MMIO, prot::PRIVILEGED];

        let access = [prot::READ, prot::WRITE, prot::READ | prot::WRITE][self.random.below(3)];
        let others = self.random.below(1 << OTHERS.len());
        OTHERS
            .iter()
            .enumerate()
            .filter(|(bit, _)| others >> bit & 1 != 0)
            .fold(access, |prot, (_, flag)| prot | flag)
    }

    /// Returns an unmap of all or part of an earlier map, in pages of the same or another size, or
    /// of something else.
    fn unmap(&mut self) -> Operation {
        let mut op = match self.random.below(8) {
            0 => self.place(),
            _ => self.maps[self.random.below(self.made.clamp(1, REMEMBERED))],
        };
        op.what = What::Unmap {
            gather: Gather::ALL[self.random.below(3)],
        };
        op.asked = false;
        match self.random.below(8) {
            0 | 1 if op.count > 1 => {
                let skipped = self.random.below(op.count);
                op.iova += skipped * op.size;
                op.count = 1 + self.random.below(op.count - skipped);
            }
            2 | 3 => {
                let bytes = op.size * op.count;
                op.size = self.size();
                op.iova = op.iova / op.size * op.size;
                op.count = (bytes / op.size).clamp(1, 600);
            }
            _ => {}
        }
        op
    }

    /// Changes an operation into one that is refused.
    fn spoil(&mut self, op: &mut Operation) {
        let kind = self.random.below(8);
        match (&mut op.what, kind) {
            (What::Translate, _) => {}
            (_, 0) => op.iova = self.setup.space() + self.random.below(16) * SZ_4K,
            (_, 1) => op.count = 0,
            (_, 2) => op.iova += SZ_4K >> self.random.below(3),
            (_, 3) => op.size = SIZES[self.random.below(SIZES.len())] << self.random.below(2),
            (What::Map { prot, .. }, 4) => *prot &= !(prot::READ | prot::WRITE),
            (What::Map { paddr, .. }, 5) => {
                *paddr = self.setup.memory() + (self.random.below(16) * SZ_64K) as u64;
            }
            (What::Map { paddr, .. }, 6) => *paddr += SZ_4K as u64 >> self.random.below(3),
            _ => op.count += 40,
        }
    }
}
