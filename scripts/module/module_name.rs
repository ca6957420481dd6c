// SPDX-License-Identifier: GPL-2.0

//! A table below 4 GiB, from a slab cache in zone DMA32.

use kernel::prelude::*;
use slab_rust::slab::{
    Dma32,
    Gfp,
    SlabFlags, //
};

module! {
    type: ModuleName,
    name: "module_name",
    authors: ["Your Name"],
    description: "A table below 4 GiB",
    license: "GPL",
}

/// A table that a device with 32-bit addresses reads.
type Table = [u32; 256];

slab_rust::static_cache! {
    /// The cache of the tables; it lives as long as the module.
    struct Tables for Table {
        name: c"module_name_tables",
        // DMA32, or what the kernel has in its place.
        flags: SlabFlags::LOW,
        align: 1024,
    }
}

struct ModuleName {
    table: Dma32<'static, Table>,
}

impl kernel::Module for ModuleName {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut table = Tables::create()?.alloc_dma32_zeroed(Gfp::KERNEL)?;
        table[0] = 1;
        pr_info!(
            "a table of {} entries at {:#010x}\n",
            table.len(),
            Dma32::phys(&table).get()
        );
        Ok(Self { table })
    }
}

impl Drop for ModuleName {
    fn drop(&mut self) {
        pr_info!("unloading, entry 0 is {}\n", self.table[0]);
    }
}
