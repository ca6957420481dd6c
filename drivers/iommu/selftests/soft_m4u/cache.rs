// SPDX-License-Identifier: GPL-2.0

//! The caches of the walker: translations (the TLB) and walks up to the second level.
//!
//! Nothing leaves but by [`Cache::invalidate`] or to make room, so that what the driver forgets to
//! invalidate is used again.

use core::ops::RangeInclusive;

use kernel::prelude::*;

use crate::decode::{
    Page,
    Step, //
};

/// Something that holds for a range of input addresses.
pub(crate) trait Covers: Copy {
    /// First and last.
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

/// `N` of them.
pub(crate) struct Cache<T, const N: usize> {
    slots: KVec<Option<T>>,
    /// Whose turn it is to make room.
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

    /// Remembers `item`, at the cost of another if need be.
    pub(crate) fn insert(&mut self, item: T) {
        let free = self.slots.iter().position(Option::is_none);
        let at = free.unwrap_or(self.next);
        self.slots[at] = Some(item);
        if free.is_none() {
            self.next = (self.next + 1) % N;
        }
    }

    /// Forgets all that holds for addresses in `range`, and hands each to `f`.
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
