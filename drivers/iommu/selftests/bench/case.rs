// SPDX-License-Identifier: GPL-2.0

//! The measured cases: the callers of table sets, and runs of pages that tell what an entry costs.

use kernel::{
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use io_pgtable_arm_v7s_rust::quirk;

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

/// A caller's configuration of its table set.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    /// The driver that has such a set, if one does.
    pub(crate) name: Option<&'static str>,
    pub(crate) quirks: usize,
    pub(crate) oas: u32,
    pub(crate) walker: Walker,
    pub(crate) flush: Flush,
}

impl Caller {
    const MTK: Self = Self {
        name: Some("mtk_iommu"),
        quirks: quirk::ARM_NS | quirk::NO_PERMS | quirk::ARM_MTK_EXT,
        oas: 35,
        walker: Walker::Noncoherent,
        flush: Flush::None,
    };

    /// The drivers: mtk_iommu, the same with a walker that snoops, and msm_iommu, which has
    /// permissions and callbacks.
    pub(crate) const DRIVERS: [Self; 3] = [
        Self::MTK,
        Self {
            walker: Walker::Coherent,
            ..Self::MTK
        },
        Self {
            name: Some("msm_iommu"),
            quirks: 0,
            oas: 32,
            walker: Walker::Noncoherent,
            flush: Flush::Page,
        },
    ];

    /// The output address for an input address: above 4 GiB for sets that have such addresses.
    pub(crate) fn paddr(&self, iova: usize) -> u64 {
        let offset = if self.oas > 32 { 1 << 32 } else { 1 << 31 };
        iova as u64 ^ offset
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
    /// The configuration of the table set: the simplest.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            name: None,
            quirks: 0,
            oas: 32,
            walker: self.walker,
            flush: self.flush,
        }
    }

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

/// Calls `measure` for all cases of mapping and unmapping, in the order of the report.
// Loops, because an iterator of all cases takes a kilobyte of the stack.
pub(crate) fn for_each(mut measure: impl FnMut(&Case) -> Result) -> Result {
    for walker in [Walker::Coherent, Walker::Noncoherent] {
        for touch in [Touch::Hit, Touch::First] {
            for pgsize in PAGE_SIZES {
                for count in COUNTS {
                    for flush in [Flush::None, Flush::Page, Flush::Queued] {
                        let case = Case {
                            pgsize,
                            count,
                            walker,
                            flush,
                            touch,
                        };
                        if case.is_worth_it() {
                            measure(&case)?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
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
