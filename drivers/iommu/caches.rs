// SPDX-License-Identifier: GPL-2.0

//! Where second-level tables come from: what the parameter `table_alloc` chooses, for all sets.
//!
//! The slab caches, the default, and the region of genalloc are shared by all sets; of the other
//! sources each set has its own. First-level tables are pages in any case: see
//! [`table`](crate::table).

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
    static_cache,
    SlabFlags,
    TableAllocator,
    TableSource,
    Zone, //
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
        name: c"io-pgtable_armv7s_l2_rust",
        flags: LOW,
    }
}

static_cache! {
    struct Ext for L2Slots {
        name: c"io-pgtable_armv7s_l2_ext_rust",
    }
}

/// The source that was chosen, and what all sets share of it.
struct Chosen {
    source: TableSource,
    /// For tables below 4 GiB.
    low: Option<Arc<TableAllocator>>,
    /// For walkers with ARM_MTK_TTBR_EXT, which can follow wider addresses.
    ext: Option<Arc<TableAllocator>>,
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
    let share = |tables| -> Result<_> { Ok(Some(Arc::new(tables, GFP_KERNEL)?)) };
    let (low, ext) = match source {
        TableSource::Slab => {
            Low::create()?;
            Ext::create()?;
            (
                share(TableAllocator::of_cache::<Low>()?)?,
                share(TableAllocator::of_cache::<Ext>()?)?,
            )
        }
        TableSource::Genalloc { .. } => {
            let low = share(make(source, Zone::of(LOW))?)?;
            (low.clone(), low)
        }
        _ => (None, None),
    };
    *CHOSEN.lock() = Some(Chosen { source, low, ext });
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
pub(crate) struct L2Tables {
    allocator: Arc<TableAllocator>,
    /// Whether no other set uses it.
    own: bool,
}

impl L2Tables {
    /// For a set.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        let chosen = CHOSEN.lock();
        let chosen = chosen.as_ref().ok_or(ENODEV)?;
        let shared = if cfg.mtk_ttbr_ext() {
            &chosen.ext
        } else {
            &chosen.low
        };
        let allocator = match shared {
            Some(shared) => shared.clone(),
            None => Arc::new(make(chosen.source, zone(cfg))?, GFP_KERNEL)?,
        };
        // INVARIANT: Those that are shared were made by `make` too, or are of caches of `L2Slots`.
        Ok(Self {
            allocator,
            own: shared.is_none(),
        })
    }

    /// Bytes that a set with so many tables has from the system; of what is shared only its tables.
    pub(crate) fn bytes(&self, tables: usize) -> usize {
        let live = tables * size_of::<L2Slots>();
        match self.allocator.usage() {
            Ok(usage) if self.own => usage.held_bytes,
            _ => live,
        }
    }
}

impl Deref for L2Tables {
    type Target = TableAllocator;

    fn deref(&self) -> &TableAllocator {
        &self.allocator
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
