// SPDX-License-Identifier: GPL-2.0

//! Tests of the format on the host, without a kernel.

use std::sync::Once;

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    config::{
        quirk,
        PAGE_SIZES, //
    },
    memory::source,
    page_table::TableSource, //
};

#[cfg(not(feature = "loom"))]
mod codec;
#[cfg(not(feature = "loom"))]
mod config;
#[cfg(not(feature = "loom"))]
mod every_entry;
#[cfg(feature = "loom")]
mod interleavings;
#[path = "../module/tests/sync/manual.rs"]
mod manual;
#[cfg(not(feature = "loom"))]
mod model;
#[cfg(not(feature = "loom"))]
mod slots;
#[cfg(not(feature = "loom"))]
mod table_phys;

/// The page sizes, smallest first.
const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Readable and writable.
const RW: u32 = prot::READ | prot::WRITE;

/// Quirks of a walker with 35 bits of output address, and of tables for it.
const MTK: usize = quirk::NO_PERMS | quirk::ARM_MTK_EXT;

/// A request for a coherent walker with all page sizes and no callbacks.
fn request(quirks: usize, ias: u32, oas: u32) -> bindings::io_pgtable_cfg {
    bindings::io_pgtable_cfg {
        quirks,
        pgsize_bitmap: PAGE_SIZES,
        ias,
        oas,
        coherent_walk: true,
        ..Default::default()
    }
}

/// A device with a walker that does not snoop.
static DEVICE: bindings::device = bindings::device;

extern "C" fn ignore_walk(_iova: usize, _size: usize, _granule: usize, _cookie: *mut c_void) {}

/// Callbacks with `tlb_flush_walk`: tables are freed, not retired.
static TOLD: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_walk: Some(ignore_walk),
    tlb_add_page: None,
};

/// Initializes the data that all sets share.
fn init() {
    static ONCE: Once = Once::new();
    // SAFETY: Once, and before any set.
    ONCE.call_once(|| unsafe { source::init(TableSource::Slab).unwrap() });
}
