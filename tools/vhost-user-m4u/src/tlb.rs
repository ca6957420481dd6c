// SPDX-License-Identifier: GPL-2.0

//! The TLB: translations, until they are invalidated.

use std::ops::RangeInclusive;

use crate::walk::Page;

/// Addresses are kept by units of the smallest page.
const SHIFT: u32 = 12;
const SLOTS: usize = 4096;

/// A translation of one unit.
#[derive(Clone, Copy)]
struct Slot {
    unit: u64,
    paddr: u64,
}

pub struct Tlb {
    slots: Vec<Option<Slot>>,
}

impl Tlb {
    pub fn new() -> Self {
        Self {
            slots: vec![None; SLOTS],
        }
    }

    fn slot(unit: u64) -> usize {
        unit as usize % SLOTS
    }

    /// Returns the physical address of `iova`.
    pub fn find(&self, iova: u64) -> Option<u64> {
        let unit = iova >> SHIFT;
        self.slots[Self::slot(unit)]
            .filter(|slot| slot.unit == unit)
            .map(|slot| slot.paddr + (iova - (unit << SHIFT)))
    }

    /// Adds the unit of `page` that contains `iova`.
    pub fn insert(&mut self, iova: u64, page: &Page) {
        let unit = iova >> SHIFT;
        let paddr = page.paddr + ((unit << SHIFT) - page.iova);
        self.slots[Self::slot(unit)] = Some(Slot { unit, paddr });
    }

    pub fn clear(&mut self) {
        self.slots.fill(None);
    }

    /// Removes the addresses of `range`, which is inclusive as in the registers, and returns the
    /// pages that were present.
    pub fn invalidate(&mut self, range: RangeInclusive<u64>) -> Vec<u64> {
        let units = range.start() >> SHIFT..=range.end() >> SHIFT;
        let mut present = Vec::new();
        // Visit each slot at most once, whatever the length of the range.
        for unit in units.clone().take(SLOTS) {
            let slot = self.slots[Self::slot(unit)].take_if(|slot| units.contains(&slot.unit));
            present.extend(slot.map(|slot| slot.unit << SHIFT));
        }
        present
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        iova: 0x10_0000,
        size: 0x1_0000,
        paddr: 0x1_2345_0000,
    };

    #[test]
    fn finds_what_was_inserted() {
        let mut tlb = Tlb::new();
        tlb.insert(0x10_3456, &PAGE);
        assert_eq!(tlb.find(0x10_3fff), Some(0x1_2345_3fff));
        assert_eq!(tlb.find(0x10_4000), None);
        // The same slot.
        assert_eq!(tlb.find(0x110_3456), None);
    }

    #[test]
    fn forgets_a_range_and_nothing_else() {
        let mut tlb = Tlb::new();
        for iova in [0x10_2000, 0x10_3000, 0x10_4000, 0x10_5000] {
            tlb.insert(iova, &PAGE);
        }
        let present = tlb.invalidate(0x10_3000..=0x10_4fff);
        assert_eq!(present, [0x10_3000, 0x10_4000]);
        let left =
            [0x10_2000, 0x10_3000, 0x10_4000, 0x10_5000].map(|iova| tlb.find(iova).is_some());
        assert_eq!(left, [true, false, false, true]);
        tlb.clear();
        assert_eq!(tlb.find(0x10_2000), None);
    }

    #[test]
    fn forgets_a_range_of_more_than_all_slots() {
        let mut tlb = Tlb::new();
        tlb.insert(0x10_3000, &PAGE);
        assert!(tlb.invalidate(0x10_4000..=0xffff_ffff).is_empty());
        assert_eq!(tlb.invalidate(0..=0xffff_ffff), [0x10_3000]);
        assert_eq!(tlb.find(0x10_3000), None);
    }
}
