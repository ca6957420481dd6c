// SPDX-License-Identifier: GPL-2.0

//! Who is measured: the sources of `slab_rust`, and two of them in another way.

use kernel::{
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

/// Bytes of a table: those of a second-level table.
pub(crate) const SIZE: usize = SZ_1K;

/// An allocator.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    source: TableSource,
    /// Where tables are to lie.
    pub(crate) zone: Zone,
    /// Whether all owners have the same one.
    shared: bool,
    /// Whether the allocator knows what it holds.
    pub(crate) accounts: bool,
}

impl Contender {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 8] = [
        Self {
            shared: true,
            ..Self::of(TableSource::ALL[0])
        },
        Self::of(TableSource::ALL[1]),
        Self::of(TableSource::ALL[2]),
        // In zone dma32 it would be refused at the first table that lies above.
        Self {
            zone: Zone::Normal,
            ..Self::KMALLOC
        },
        Self::of(TableSource::ALL[4]),
        Self::of(TableSource::ALL[5]),
        Self {
            name: "slab_per_owner",
            ..Self::of(TableSource::Slab)
        },
        Self {
            name: "kmalloc_dma",
            zone: Zone::Dma,
            ..Self::KMALLOC
        },
    ];

    const KMALLOC: Self = Self {
        shared: true,
        accounts: false,
        ..Self::of(TableSource::ALL[3])
    };

    const fn of(source: TableSource) -> Self {
        Self {
            name: source.name(),
            source,
            zone: Zone::Dma32,
            shared: false,
            accounts: true,
        }
    }

    /// Makes what so many owners have.
    pub(crate) fn make(&self, owners: usize) -> Result<KVec<TableAllocator>> {
        let count = if self.shared { 1 } else { owners };
        let mut made = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            made.push(
                TableAllocator::new(self.source, SIZE, self.zone)?,
                GFP_KERNEL,
            )?;
        }
        Ok(made)
    }
}
