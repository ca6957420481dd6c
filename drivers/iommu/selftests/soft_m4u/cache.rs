// SPDX-License-Identifier: GPL-2.0

//! The caches of the walker: translations (the TLB) and walks up to the second level.
//!
//! Entries are removed by [`Cache::invalidate`] or to make room only, so that a translation that
//! the driver does not invalidate is used again.

use core::ops::RangeInclusive;

use kernel::prelude::*;

use crate::decode::{
    Page,
    Step, //
};

/// A cached item, valid for a range of input addresses.
pub(crate) trait Covers: Copy {
    /// Returns the first and the last address.
    fn range(&self) -> RangeInclusive<u64>;
}

impl Covers for Page {
    fn range(&self) -> RangeInclusive<u64> {
        self.iova..=self.iova + (self.size - 1)
    }
}

impl Covers for Step {
    fn range(&self) -> RangeInclusive<u64> {
        self.iova..=self.iova + ((1 << 20) - 1)
    }
}

/// A cache of `N` items.
pub(crate) struct Cache<T, const N: usize> {
    slots: KVec<Option<T>>,
    /// Index of the item that is replaced next.
    next: usize,
}

impl<T: Covers, const N: usize> Cache<T, N> {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            slots: KVec::from_elem(None, N, GFP_KERNEL)?,
            next: 0,
        })
    }

    pub(crate) fn find(&self, iova: u64) -> Option<T> {
        self.iter().find(|item| item.range().contains(&iova))
    }

    /// Adds `item`, replacing another one if the cache is full.
    pub(crate) fn insert(&mut self, item: T) {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.next);
        self.slots[at] = Some(item);
        if free.is_none() {
            self.next = (self.next + 1) % N;
        }
    }

    /// Removes all items for addresses in `range`, and calls `f` with each.
    pub(crate) fn invalidate(&mut self, range: &RangeInclusive<u64>, mut f: impl FnMut(T)) {
        for slot in self.slots.iter_mut() {
            let hit = |item: &mut T| {
                let own = item.range();
                own.start() <= range.end() && range.start() <= own.end()
            };
            if let Some(item) = slot.take_if(hit) {
                f(item);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.slots.iter().flatten().copied()
    }
}
