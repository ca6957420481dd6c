// SPDX-License-Identifier: GPL-2.0

//! The measured cases.

use kernel::sizes::{
    SZ_16M,
    SZ_1M,
    SZ_4K,
    SZ_64K, //
};

/// The way in which the walker reads tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walker {
    Coherent,
    Noncoherent,
}

impl Walker {
    /// Returns the name in the results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Coherent => "coherent",
            Self::Noncoherent => "noncoherent",
        }
    }
}

/// The callbacks of the driver for unmapped pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// No callbacks.
    None,
    /// An empty callback for each page.
    Page,
    /// Callbacks that are not called, because the flush is queued.
    Queued,
}

impl Flush {
    /// Returns the name in the results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Page => "page",
            Self::Queued => "queued",
        }
    }
}

/// True if second-level tables are there before the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    Hit,
    First,
}

impl Touch {
    /// Returns the name in the results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::First => "first",
        }
    }
}

/// A combination of operation, page size, count, walker and callbacks.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) pgsize: usize,
    pub(crate) count: usize,
    pub(crate) walker: Walker,
    pub(crate) flush: Flush,
    pub(crate) touch: Touch,
}

const PAGE_SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];
const COUNTS: [usize; 7] = [1, 2, 16, 64, 256, 1024, 4096];

impl Case {
    /// Bytes that one call maps.
    pub(crate) fn bytes(&self) -> usize {
        self.pgsize * self.count
    }

    /// Entries that one call writes.
    pub(crate) fn entries(&self) -> usize {
        match self.pgsize {
            SZ_4K | SZ_1M => self.count,
            _ => 16 * self.count,
        }
    }

    /// Returns true if second-level tables hold such pages.
    fn uses_l2(&self) -> bool {
        self.pgsize < SZ_1M
    }
}

/// All cases of mapping and unmapping, in the order in which they are measured and reported.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    let walkers = [Walker::Coherent, Walker::Noncoherent];
    let touches = [Touch::Hit, Touch::First];
    walkers.into_iter().flat_map(move |walker| {
        touches.into_iter().flat_map(move |touch| {
            PAGE_SIZES.into_iter().flat_map(move |pgsize| {
                COUNTS.into_iter().flat_map(move |count| {
                    [Flush::None, Flush::Page, Flush::Queued]
                        .into_iter()
                        .map(move |flush| Case {
                            pgsize,
                            count,
                            walker,
                            flush,
                            touch,
                        })
                        .filter(Case::is_worth_it)
                })
            })
        })
    })
}

/// The cases of making and freeing a set.
pub(crate) fn lifetimes() -> impl Iterator<Item = Case> {
    [Walker::Coherent, Walker::Noncoherent]
        .into_iter()
        .map(|walker| Case {
            walker,
            touch: Touch::First,
            ..Case::COMMON
        })
}

impl Case {
    /// One small page in an existing table, without callbacks.
    pub(crate) const COMMON: Self = Self {
        pgsize: SZ_4K,
        count: 1,
        walker: Walker::Coherent,
        flush: Flush::None,
        touch: Touch::Hit,
    };

    /// Returns true if the combination is possible and fits in 4 GiB of input addresses.
    fn is_worth_it(&self) -> bool {
        let fits = (self.bytes() as u64) < 1 << 32;
        let first = self.touch == Touch::Hit || self.uses_l2() && self.flush == Flush::None;
        fits && first
    }

    /// Mapping has no callbacks, so one kind of flush is measured.
    pub(crate) fn is_mapping(&self) -> bool {
        self.flush == Flush::None
    }

    /// Returns true if the case has a floor: no cache maintenance, no callbacks, no allocation.
    pub(crate) fn has_floor(&self) -> bool {
        self.walker == Walker::Coherent && self.flush == Flush::None && self.touch == Touch::Hit
    }

    /// Returns true for the one case of each size whose translation is measured: it depends on
    /// neither count, walker nor callbacks.
    pub(crate) fn is_translation(&self) -> bool {
        self.count == 1 && self.has_floor()
    }
}
