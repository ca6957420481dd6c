// SPDX-License-Identifier: GPL-2.0

//! Sample: slab caches in Rust.
//!
//! Load it with `modprobe rust_kmem_cache` and read the log. While it is loaded:
//!
//! - `/sys/kernel/slab/rust_sample_tables/cache_dma32` is 1, and
//!   `/sys/kernel/slab/rust_sample_plain/cache_dma32` is 0;
//! - `/sys/kernel/debug/slab_rust/caches` lists them among the caches of the system.
//!
//! Documentation/mm/slab_rust.rst explains it step by step.

use kernel::prelude::*;
use slab_rust::slab::{
    Dma32,
    Gfp,
    KmemCache,
    Object,
    SlabFlags, //
};

module! {
    type: RustKmemCache,
    name: "rust_kmem_cache",
    authors: ["v7s-rs developers"],
    description: "Slab caches in Rust: made, used and looked at",
    license: "GPL",
}

/// A table that a device reads: 256 entries, and addresses of 32 bits.
type Table = [u32; 256];

slab_rust::static_cache! {
    /// Lives as long as this module, and is an allocator for `Box` and `Vec`.
    struct Tables for Table {
        name: c"rust_sample_tables",
        // DMA32, or DMA on kernels without that zone.
        flags: SlabFlags::LOW,
        align: 1024,
    }
}

/// An object of which user space may copy a part.
#[derive(Zeroable)]
struct Record {
    _key: u64,
    payload: [u8; 120],
}

struct RustKmemCache {
    _table: Dma32<'static, Table>,
    _boxed: Box<Table, Tables>,
    _plain: KmemCache<Table>,
    _records: KmemCache<Record>,
}

impl kernel::Module for RustKmemCache {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // A static cache is made when the module is loaded.
        let tables = Tables::create()?;

        // A cache made at run time; its objects borrow it.
        let plain = KmemCache::<Table>::builder(c"rust_sample_plain")
            .align(1024)
            .build()?;
        high_memory(&plain)?;

        // Only the payload of these objects may be copied to user space.
        let records = KmemCache::<Record>::builder(c"rust_sample_records")
            .flags(SlabFlags::HWCACHE_ALIGN)
            .user_window(slab_rust::user_window!(Record, payload))
            .build()?;
        let record = records.alloc_zeroed(Gfp::KERNEL)?;
        pr_info!("a payload of {} bytes\n", record.payload.len());
        drop(record);

        // An invalid request is an error and one line in the log.
        let bad = KmemCache::<Table>::builder(c"rust_sample_bad")
            .flags(SlabFlags::DMA | SlabFlags::DMA32)
            .build();
        pr_info!("DMA with DMA32: {:?}\n", bad.err());

        Ok(Self {
            _table: below_4g(tables)?,
            _boxed: boxes()?,
            _plain: plain,
            _records: records,
        })
    }
}

/// A zeroed object, which is freed when dropped. Its type says that it lies below 4 GiB.
fn below_4g(tables: &'static KmemCache<Table>) -> Result<Dma32<'static, Table>> {
    let mut table = tables.alloc_dma32_zeroed(Gfp::KERNEL)?;
    table[0] = 1;
    // A driver gives its device the address that the DMA API returns for the table. Without an
    // IOMMU or a translating bus, that is the physical address.
    pr_info!(
        "table at {:#010x}, below 4 GiB\n",
        Dma32::phys(&table).get()
    );
    Ok(table)
}

/// A cache without the zone: with memory above 4 GiB an object may lie there, out of reach of a
/// device with 32-bit addresses.
fn high_memory(cache: &KmemCache<Table>) -> Result {
    let object = cache.alloc_zeroed(Gfp::KERNEL)?;
    let phys = Object::phys(&object);

    match Dma32::try_from(object) {
        Ok(_) => pr_info!("plain object at {:#010x}, below 4 GiB by chance\n", phys),
        Err(error) => pr_info!("plain object at {:#x} refused: {:?}\n", phys, error),
    }
    Ok(())
}

/// The static cache as the allocator of `Box` and `Vec`.
fn boxes() -> Result<Box<Table, Tables>> {
    let mut boxed = Box::<Table, Tables>::zeroed(GFP_KERNEL)?;
    boxed.fill(7);

    let mut entries = Vec::<u32, Tables>::new();
    entries.extend_from_slice(&boxed[..], GFP_KERNEL)?;
    pr_info!("a vector of {} entries fills an object\n", entries.len());
    match entries.push(7, GFP_KERNEL) {
        Ok(()) => return Err(EINVAL),
        Err(_) => pr_info!(
            "one more does not fit, and it keeps its {}\n",
            entries.len()
        ),
    }
    Ok(boxed)
}
