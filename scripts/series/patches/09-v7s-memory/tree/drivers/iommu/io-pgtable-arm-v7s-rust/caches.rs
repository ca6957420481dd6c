// SPDX-License-Identifier: GPL-2.0

//! Where second-level tables come from: one slab cache for all sets, or pages of each set's own.
//!
//! First-level tables are pages in any case: see [`table`](crate::table).

use crate::{
    config::Config,
    table::L2Slots, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    slab::{
        SlabFlags,
        TableAllocator,
        TableSource,
        Zone, //
    },
    static_cache, //
};

/// What puts memory below 4 GiB.
///
/// Without ZONE_DMA32, as on 32-bit Arm, ZONE_DMA has to do. With neither, a kernel may hand out
/// memory above 4 GiB, and [`TablePhys`](crate::addr::TablePhys) refuses it.
const LOW: SlabFlags = if cfg!(CONFIG_ZONE_DMA32) {
    SlabFlags::DMA32
} else if cfg!(CONFIG_ZONE_DMA) {
    SlabFlags::DMA
} else {
    SlabFlags::NONE
};

static_cache! {
    struct Low for L2Slots {
        name: c"io-pgtable_armv7s_l2",
        flags: LOW,
    }
}

static_cache! {
    struct Ext for L2Slots {
        name: c"io-pgtable_armv7s_l2_ext",
    }
}

const SOURCE: TableSource = if cfg!(CONFIG_IOMMU_IO_PGTABLE_ARMV7S_RUST_POOL) {
    TableSource::Pool
} else {
    TableSource::Slab
};

/// The source that was chosen.
#[cfg(CONFIG_IOMMU_IO_PGTABLE_ARMV7S_RUST_KUNIT_TEST)]
pub(crate) fn source() -> Result<TableSource> {
    Ok(SOURCE)
}

/// Makes the caches. To be called once.
pub(crate) fn create() -> Result {
    if SOURCE == TableSource::Slab {
        Low::create()?;
        Ext::create()?;
    }
    Ok(())
}

/// What the second-level tables of a set come from.
///
/// # Invariants
///
/// Its tables are as large as [`L2Slots`].
pub(crate) struct L2Tables(TableAllocator);

impl L2Tables {
    /// For a set.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        // INVARIANT: Both caches are of `L2Slots`.
        Ok(Self(match SOURCE {
            TableSource::Slab if cfg.mtk_ttbr_ext() => TableAllocator::of_cache::<Ext>()?,
            TableSource::Slab => TableAllocator::of_cache::<Low>()?,
            source => TableAllocator::new(source, size_of::<L2Slots>(), zone(cfg))?,
        }))
    }

    /// Bytes that a set with so many tables has from the system; of what is shared only its tables.
    pub(crate) fn bytes(&self, tables: usize) -> usize {
        let live = tables * size_of::<L2Slots>();
        match SOURCE {
            TableSource::Slab => live,
            _ => self.0.usage().map_or(live, |usage| usage.held_bytes),
        }
    }
}

impl Deref for L2Tables {
    type Target = TableAllocator;

    fn deref(&self) -> &TableAllocator {
        &self.0
    }
}

/// The zone that tables of `cfg` come from.
pub(crate) fn zone(cfg: &Config) -> Zone {
    if cfg.mtk_ttbr_ext() {
        Zone::Normal
    } else {
        Zone::of(LOW)
    }
}
