// SPDX-License-Identifier: GPL-2.0

//! The slab caches that the second-level tables of all sets come from.
//!
//! Two for the whole module: one below 4 GiB, and one without a zone for walkers with
//! ARM_MTK_TTBR_EXT, which can follow wider addresses.

use crate::{
    config::Config,
    table::L2Slots, //
};
use kernel::prelude::*;
use slab_rust::{
    static_cache,
    KmemCache,
    SlabFlags,
    Zone, //
};

/// A cache of second-level tables.
pub(crate) type L2Cache = KmemCache<L2Slots>;

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

/// Makes the caches; once, when the module is loaded. They go when it has gone.
pub(crate) fn create() -> Result {
    Low::create()?;
    Ext::create()?;
    Ok(())
}

/// The cache for tables of `cfg`.
pub(crate) fn for_config(cfg: &Config) -> Result<&'static L2Cache> {
    let cache = if cfg.mtk_ttbr_ext() {
        Ext::cache()
    } else {
        Low::cache()
    };
    cache.ok_or(ENODEV)
}

/// The zone that tables of `cfg` come from.
pub(crate) fn zone(cfg: &Config) -> Zone {
    if cfg.mtk_ttbr_ext() {
        Zone::Normal
    } else {
        Zone::of(LOW)
    }
}
