// SPDX-License-Identifier: GPL-2.0

//! The source of second-level tables: slab caches that all sets share, or a pool of pages for each
//! set.
//!
//! First-level tables are pages in either case: see [`table`](crate::memory::table). Tables lie in
//! [`Zone::LOW`], or anywhere with ARM_MTK_TTBR_EXT;
//! [`TablePhys`](crate::format::table_phys::TablePhys) refuses an address that is out of reach.

use core::{
    mem::size_of,
    ops::Deref, //
};

use kernel::{
    prelude::*,
    sync::global_lock, //
};

use crate::{
    config::Config,
    format::slots::L2Slots,
    page_table::{
        TableAllocator,
        TableSource, //
    },
    slab::{
        SlabFlags,
        UserWindow,
        Zone, //
    },
    static_cache, //
};

static_cache! {
    struct Low for L2Slots {
        name: c"io-pgtable_armv7s_l2_rust",
        flags: SlabFlags::LOW,
        user_window: UserWindow::NONE,
    }
}

static_cache! {
    struct Ext for L2Slots {
        name: c"io-pgtable_armv7s_l2_ext_rust",
        user_window: UserWindow::NONE,
    }
}

global_lock! {
    // SAFETY: `init` initializes it before any set can be made.
    unsafe(uninit) static SOURCE: Mutex<Option<TableSource>> = None;
}

/// Chooses the source for all sets, and makes the caches if that is [`TableSource::Slab`]. Returns
/// [`ENOMEM`] if there is no memory for them.
///
/// # Safety
///
/// To be called once, before any set is made.
pub(crate) unsafe fn init(source: TableSource) -> Result {
    // SAFETY: The caller calls this once, and nothing has used the lock before.
    unsafe { SOURCE.init() };
    match source {
        TableSource::Slab => {
            Low::create()?;
            Ext::create()?;
        }
        TableSource::Pool => {}
    }
    *SOURCE.lock() = Some(source);
    Ok(())
}

/// Returns the source that was chosen.
pub(crate) fn source() -> Result<TableSource> {
    SOURCE.lock().ok_or(ENODEV)
}

/// The source of a set's second-level tables.
///
/// # Invariants
///
/// Its tables are as large as [`L2Slots`].
pub(crate) enum L2Tables {
    /// An allocator for this set, on a slab cache that all sets share.
    Shared(TableAllocator),
    /// An allocator that holds memory of its own.
    Own(TableAllocator),
}

impl L2Tables {
    /// Makes the source of a set for `cfg`.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        // INVARIANT: Both caches are of `L2Slots`, and a pool is made for their size.
        Ok(match source()? {
            TableSource::Slab if cfg.mtk_ttbr_ext() => {
                Self::Shared(TableAllocator::of_cache::<Ext>()?)
            }
            TableSource::Slab => Self::Shared(TableAllocator::of_cache::<Low>()?),
            source => Self::Own(TableAllocator::new(
                source,
                size_of::<L2Slots>(),
                zone(cfg),
            )?),
        })
    }

    /// Returns the bytes that a set with `tables` tables has from the system; of a shared cache,
    /// the bytes of its tables.
    pub(crate) fn bytes(&self, tables: usize) -> usize {
        let live = tables * size_of::<L2Slots>();
        match self {
            Self::Shared(_) => live,
            Self::Own(own) => own.usage().map_or(live, |usage| usage.held_bytes),
        }
    }
}

impl Deref for L2Tables {
    type Target = TableAllocator;

    fn deref(&self) -> &TableAllocator {
        match self {
            Self::Shared(tables) | Self::Own(tables) => tables,
        }
    }
}

/// Returns the zone that tables for `cfg` come from.
pub(crate) fn zone(cfg: &Config) -> Zone {
    if cfg.mtk_ttbr_ext() {
        Zone::Normal
    } else {
        Zone::LOW
    }
}
