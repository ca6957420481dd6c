// SPDX-License-Identifier: GPL-2.0

//! A model of the mappings of one actor, kept from its calls alone.
//!
//! An oracle of its own on purpose: it shares no code with the models of v7s_fuzz and v7s_compare.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

use kernel::{
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use crate::zones::{
    SECTION,
    SIZES,
    ZONES, //
};

/// The page that a page of 4 KiB is part of: its output address and its size in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cell(u32);

impl Cell {
    const EMPTY: Self = Self(0);

    fn new(paddr: u64, size: usize) -> Self {
        let kind = SIZES.iter().position(|s| *s == size).map_or(0, |i| i + 1);
        Self(((paddr / SZ_4K as u64) << 3) as u32 | kind as u32)
    }

    /// Bytes in the page that it is part of; zero if there is none.
    fn size(self) -> usize {
        match (self.0 & 7) as usize {
            0 => 0,
            kind => SIZES[kind - 1],
        }
    }

    fn paddr(self) -> u64 {
        u64::from(self.0 >> 3) * SZ_4K as u64
    }
}

/// Consecutive pages of one run: of zone `zone`, `at` pages behind the first of its actor's.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) zone: usize,
    pub(crate) at: usize,
}

impl Place {
    pub(crate) fn behind(self, pages: usize) -> Self {
        Self {
            at: self.at + pages,
            ..self
        }
    }
}

/// One actor's pages in one zone.
struct Part {
    cells: KVVec<Cell>,
    /// For sections that are the actor's alone: true if there is a second-level table.
    tables: KVec<bool>,
}

/// The mappings of one actor.
pub(crate) struct Model {
    parts: KVec<Part>,
}

impl Model {
    pub(crate) fn new(me: usize, actors: usize) -> Result<Self> {
        let mut parts = KVec::with_capacity(ZONES.len(), GFP_KERNEL)?;
        for zone in &ZONES {
            let pages = zone.runs(me, actors) * zone.run;
            let sections = if zone.is_shared() { 0 } else { pages / SECTION };
            let part = Part {
                cells: KVVec::from_elem(Cell::EMPTY, pages, GFP_KERNEL)?,
                tables: KVec::from_elem(false, sections, GFP_KERNEL)?,
            };
            parts.push(part, GFP_KERNEL)?;
        }
        Ok(Self { parts })
    }

    /// Returns the output address of a page, zero if it is not mapped.
    pub(crate) fn paddr(&self, place: Place) -> u64 {
        self.parts[place.zone].cells[place.at].paddr()
    }

    /// Returns the bytes in the page that maps a page of 4 KiB, zero if it is not mapped.
    pub(crate) fn size(&self, place: Place) -> usize {
        self.parts[place.zone].cells[place.at].size()
    }

    /// Returns true if the section has a second-level table, if it is the actor's alone.
    pub(crate) fn has_table(&self, place: Place) -> bool {
        let tables = &self.parts[place.zone].tables;
        tables.get(place.at / SECTION).is_some_and(|table| *table)
    }

    /// Maps `count` pages of `size` bytes, up to the first where something is mapped. Returns their
    /// number.
    pub(crate) fn map(&mut self, place: Place, paddr: u64, size: usize, count: usize) -> usize {
        let part = &mut self.parts[place.zone];
        let pages = size / SZ_4K;
        for i in 0..count {
            let at = place.at + i * pages;
            let cells = &mut part.cells[at..at + pages];
            if cells.iter().any(|cell| *cell != Cell::EMPTY) {
                return i;
            }
            for (j, cell) in cells.iter_mut().enumerate() {
                *cell = Cell::new(paddr + ((i * pages + j) * SZ_4K) as u64, size);
            }
            // A table is made for small pages; a section replaces an empty one.
            for section in at / SECTION..(at + pages).div_ceil(SECTION) {
                if let Some(table) = part.tables.get_mut(section) {
                    *table = size < SZ_1M;
                }
            }
        }
        count
    }

    /// Unmaps `count` pages of `size` bytes, up to the first that cannot be unmapped. Returns their
    /// number.
    pub(crate) fn unmap(&mut self, place: Place, size: usize, count: usize) -> usize {
        let part = &mut self.parts[place.zone];
        let pages = size / SZ_4K;
        for i in 0..count {
            let at = place.at + i * pages;
            if !part.may_go(at, size) {
                return i;
            }
            part.cells[at..at + pages].fill(Cell::EMPTY);
            if size >= SZ_1M {
                part.tables[at / SECTION..(at + pages) / SECTION].fill(false);
            }
        }
        count
    }

    /// Forgets the mappings in a zone.
    pub(crate) fn forget(&mut self, zone: usize) {
        self.parts[zone].cells.fill(Cell::EMPTY);
    }
}

impl Part {
    /// Returns true if a page of `size` bytes can be unmapped: all of it is mapped, by nothing
    /// larger. A second-level table is removed as a whole, with its content.
    fn may_go(&self, at: usize, size: usize) -> bool {
        let cells = &self.cells[at..at + size / SZ_4K];
        if size < SZ_1M {
            return cells.iter().all(|cell| (1..=size).contains(&cell.size()));
        }
        let tables = &self.tables[at / SECTION..];
        let mut sections = cells.chunks_exact(SECTION).zip(tables);
        sections.all(|(cells, table)| *table || (SZ_1M..=size).contains(&cells[0].size()))
    }
}
