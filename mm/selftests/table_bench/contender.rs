// SPDX-License-Identifier: GPL-2.0

//! The measured allocators.

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sizes::SZ_1K, //
};

use slab_rust::{
    page_table::{
        TableAllocator,
        TableSource, //
    },
    slab::Zone, //
};

use crate::{
    allocator::Of,
    genalloc::Region,
    kmalloc::Kmalloc,
    measure,
    page_frag::PageFrag,
    row::Row, //
};

/// Bytes of a table: a second-level table.
pub(crate) const SIZE: usize = SZ_1K;

/// An allocator.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// True if all table sets share one allocator.
    pub(crate) shared: bool,
    /// True if the allocator knows how many bytes it holds.
    pub(crate) accounts: bool,
    /// Measures all cases of up to so many tables.
    pub(crate) measure: fn(&'static Contender, usize) -> Result<KVec<Row>>,
}

impl Contender {
    const OWN: Self = Self {
        name: "",
        shared: false,
        accounts: true,
        measure: |_, _| Ok(KVec::new()),
    };

    const KMALLOC: Self = Self {
        shared: true,
        accounts: false,
        ..Self::OWN
    };

    /// All contenders, in the order of their numbers.
    pub(crate) const ALL: [Self; 8] = [
        Self {
            name: "slab",
            shared: true,
            measure: |this, most| measure(this, most, slab),
            ..Self::OWN
        },
        Self {
            name: "genalloc",
            measure: |this, most| measure(this, most, || Region::new().map(Of)),
            ..Self::OWN
        },
        Self {
            name: "page_frag",
            measure: |this, most| measure(this, most, || PageFrag::new().map(Of)),
            ..Self::OWN
        },
        Self {
            name: "kmalloc",
            measure: |this, most| measure(this, most, || Ok(Of(Kmalloc::new(Zone::Normal)))),
            ..Self::KMALLOC
        },
        Self {
            name: "page",
            measure: |this, most| {
                measure(this, most, || {
                    TableAllocator::new(TableSource::Pool, PAGE_SIZE, Zone::Dma32)
                })
            },
            ..Self::OWN
        },
        Self {
            name: "pool",
            measure: |this, most| {
                measure(this, most, || {
                    TableAllocator::new(TableSource::Pool, SIZE, Zone::Dma32)
                })
            },
            ..Self::OWN
        },
        Self {
            name: "slab_per_owner",
            measure: |this, most| measure(this, most, slab),
            ..Self::OWN
        },
        Self {
            name: "kmalloc_dma",
            measure: |this, most| measure(this, most, || Ok(Of(Kmalloc::new(Zone::Dma)))),
            ..Self::KMALLOC
        },
    ];
}

fn slab() -> Result<TableAllocator> {
    TableAllocator::new(TableSource::Slab, SIZE, Zone::Dma32)
}
