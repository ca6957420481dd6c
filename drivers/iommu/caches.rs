// SPDX-License-Identifier: GPL-2.0

//! Where second-level tables come from: what the parameter `table_alloc` chooses, for all sets.
//!
//! The slab caches, the default, and the region of genalloc are shared by all sets; what other
//! sources hold is a set's own. First-level tables are pages in any case: see
//! [`table`](crate::table). Both lie in [`Zone::LOW`] unless ARM_MTK_TTBR_EXT lets them lie
//! anywhere; [`TablePhys`](crate::addr::TablePhys) refuses what is out of reach all the same.

use crate::{
    config::Config,
    table::L2Slots, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::{
        global_lock,
        Arc, //
    }, //
};
use slab_rust::{
    page_table::{
        TableAllocator,
        TableSource, //
    },
    slab::{
        SlabFlags,
        Zone, //
    },
    static_cache, //
};

static_cache! {
    struct Low for L2Slots {
        name: c"io-pgtable_armv7s_l2_rust",
        flags: SlabFlags::LOW,
    }
}

static_cache! {
    struct Ext for L2Slots {
        name: c"io-pgtable_armv7s_l2_ext_rust",
    }
}

/// The source that was chosen.
struct Chosen {
    source: TableSource,
    /// The region of genalloc, which is below 4 GiB for all.
    region: Option<Arc<TableAllocator>>,
}

global_lock! {
    // SAFETY: `choose` initializes it when the module is loaded, before any set can be made.
    unsafe(uninit) static CHOSEN: Mutex<Option<Chosen>> = None;
}

/// Keeps what is shared until the module goes.
pub(crate) struct Sources(());

impl Drop for Sources {
    fn drop(&mut self) {
        *CHOSEN.lock() = None;
    }
}

/// Chooses a source by its number in [`TableSource::ALL`]; `region` is for how many tables the
/// region of genalloc is. [`EINVAL`] for another number, [`ENOMEM`].
///
/// # Safety
///
/// To be called once, when the module is loaded.
pub(crate) unsafe fn choose(number: u8, region: u32) -> Result<(Sources, &'static str)> {
    // SAFETY: By the function's requirements.
    unsafe { CHOSEN.init() };
    let Some(source) = TableSource::ALL.get(usize::from(number)) else {
        let last = TableSource::ALL.len() - 1;
        pr_err!("table_alloc={number}: it is from 0 to {last}\n");
        return Err(EINVAL);
    };
    let source = match source {
        TableSource::Genalloc { .. } => TableSource::Genalloc {
            tables: region as usize,
        },
        other => *other,
    };
    if source == TableSource::Slab {
        Low::create()?;
        Ext::create()?;
    }
    let region = match source {
        TableSource::Genalloc { .. } => Some(Arc::new(make(source, Zone::LOW)?, GFP_KERNEL)?),
        _ => None,
    };
    *CHOSEN.lock() = Some(Chosen { source, region });
    Ok((Sources(()), source.name()))
}

/// The source that was chosen.
#[cfg(CONFIG_KUNIT = "y")]
pub(crate) fn source() -> Result<TableSource> {
    CHOSEN
        .lock()
        .as_ref()
        .map(|chosen| chosen.source)
        .ok_or(ENODEV)
}

fn make(source: TableSource, zone: Zone) -> Result<TableAllocator> {
    TableAllocator::new(source, size_of::<L2Slots>(), zone)
}

/// What the second-level tables of a set come from.
///
/// # Invariants
///
/// Its tables are as large as [`L2Slots`].
pub(crate) enum L2Tables {
    /// The region of all sets.
    Region(Arc<TableAllocator>),
    /// An allocator for this set, on the slab cache of all of them.
    Cache(TableAllocator),
    /// An allocator for this set.
    Own(TableAllocator),
}

impl L2Tables {
    /// For a set.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        let chosen = CHOSEN.lock();
        let chosen = chosen.as_ref().ok_or(ENODEV)?;
        // INVARIANT: `make` makes such allocators, and both caches are of `L2Slots`.
        Ok(match (&chosen.region, chosen.source) {
            (Some(region), _) => Self::Region(region.clone()),
            (None, TableSource::Slab) if cfg.mtk_ttbr_ext() => {
                Self::Cache(TableAllocator::of_cache::<Ext>()?)
            }
            (None, TableSource::Slab) => Self::Cache(TableAllocator::of_cache::<Low>()?),
            (None, source) => Self::Own(make(source, zone(cfg))?),
        })
    }

    /// Bytes that a set with so many tables has from the system; of what is shared only its tables.
    pub(crate) fn bytes(&self, tables: usize) -> usize {
        let live = tables * size_of::<L2Slots>();
        match self {
            Self::Own(own) => own.usage().map_or(live, |usage| usage.held_bytes),
            Self::Region(_) | Self::Cache(_) => live,
        }
    }
}

impl Deref for L2Tables {
    type Target = TableAllocator;

    fn deref(&self) -> &TableAllocator {
        match self {
            Self::Region(region) => region,
            Self::Cache(own) | Self::Own(own) => own,
        }
    }
}

/// The zone that tables of `cfg` come from.
pub(crate) fn zone(cfg: &Config) -> Zone {
    if cfg.mtk_ttbr_ext() {
        Zone::Normal
    } else {
        Zone::LOW
    }
}
