// SPDX-License-Identifier: GPL-2.0

//! Sample: a Rust driver that uses ARM_V7S page tables through the kernel crate's interface.
//!
//! It maps one page of each size, translates their addresses, and keeps its table until it is
//! unloaded. The log has the translations, and the name of a function of the provider: it is one of
//! `io_pgtable_arm_v7s_rust` if that is loaded first, otherwise one of the kernel's C. The client
//! is the same for both: [`ArmV7s`] only names the format.

use kernel::{
    bindings,
    faux,
    iommu::pgtable::{
        prot,
        Config, //
    },
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use slab_rust::compat::{
    self,
    parameter,
    PageTable, //
};

use io_pgtable_arm_v7s_rust::{
    quirk,
    ArmV7s,
    ArmV7sRegisters,
    PAGE_SIZES, //
};

module! {
    type: Client,
    name: "rust_v7s_client",
    authors: ["v7s-rs developers"],
    description: "Sample: a Rust user of ARMv7 short-descriptor page tables",
    license: "GPL",
    params: {
        anywhere: u8 {
            default: 0,
            description: "1: tables in any memory for a walker that reaches 4 GiB: the bug of 2018",
        },
    },
}

/// One page of each size: bytes, input address, output address. All of the memory lies above
/// 4 GiB, where MediaTek's walkers reach and plain ones do not.
const PAGES: [(usize, usize, u64); 4] = [
    (SZ_4K, 0x0010_0000, 0x1_1234_5000),
    (SZ_64K, 0x0025_0000, 0x1_1235_0000),
    (SZ_1M, 0x0400_0000, 0x1_1240_0000),
    (SZ_16M, 0x1000_0000, 0x1_2000_0000),
];

struct Client {
    // Dropped first: a table must not outlive its device.
    _table: PageTable<ArmV7s>,
    _device: faux::Registration,
}

impl kernel::Module for Client {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"rust_v7s_client", None)?;
        let mediatek = quirk::NO_PERMS | quirk::ARM_MTK_EXT;
        let (quirks, oas) = match parameter(&module_parameters::anywhere) {
            0 => (mediatek, 35),
            // Takes the zone away from the tables, but not the limit.
            _ => (mediatek | quirk::ARM_MTK_TTBR_EXT, 32),
        };
        let config = Config {
            quirks,
            pgsize_bitmap: PAGE_SIZES,
            ias: 32,
            oas,
            coherent_walk: true,
        };
        // SAFETY: It is dropped before the device, here as well as in `Client`.
        let table = unsafe { compat::page_table(compat::bound(&device), config)? };
        show(&table)?;
        Ok(Self {
            _table: table,
            _device: device,
        })
    }
}

/// Maps the pages and logs their translations.
fn show(table: &PageTable<ArmV7s>) -> Result {
    say_who(table);
    // SAFETY: No device walks this table.
    let ttbr = unsafe { table.ttbr() };
    pr_info!(
        "TTBR {:#010x}, PRRR {:#010x}, NMRR {:#010x}\n",
        ttbr,
        table.prrr(),
        table.nmrr()
    );
    for (size, iova, paddr) in PAGES {
        map(table, size, iova, paddr)?;
        // The last byte, so that a page that is mapped in part is detected.
        let last = iova + size - 1;
        let found = iova_to_phys(table, last);
        pr_info!(
            "{:>5} KiB page: {:#010x} -> {:#x}\n",
            size >> 10,
            last,
            found
        );
        if found != paddr + size as u64 - 1 {
            pr_err!("that is wrong: it was mapped to {paddr:#x}\n");
            return Err(EIO);
        }
    }
    Ok(())
}

/// Logs the name and the module of a function of the provider, as `%ps` prints them.
fn say_who(table: &PageTable<ArmV7s>) {
    // SAFETY: The operations are valid as long as the table.
    let map_pages = unsafe { (*table.raw_ops()).map_pages };
    let address = map_pages.map_or(0, |map_pages| map_pages as usize);
    // SAFETY: The format takes one pointer, and `%ps` does not dereference it.
    unsafe {
        bindings::_printk(
            c"\x016rust_v7s_client: served by %ps\n".as_char_ptr(),
            address,
        )
    };
}

fn map(table: &PageTable<ArmV7s>, size: usize, iova: usize, paddr: u64) -> Result {
    let flags = prot::READ | prot::WRITE;
    // SAFETY: The table is not shared, and nothing is mapped there yet. No device walks it, so that
    // no memory is accessed.
    let (mapped, result) = unsafe { table.map_pages(iova, paddr, size, 1, flags, GFP_KERNEL) };
    result?;
    if mapped == size {
        Ok(())
    } else {
        Err(EIO)
    }
}

/// Translates an address; `IoPageTable` has no method for it.
fn iova_to_phys(table: &PageTable<ArmV7s>, iova: usize) -> u64 {
    let ops = table.raw_ops();
    // SAFETY: The operations are valid as long as the table, and the mapping does not change.
    unsafe {
        (*ops)
            .iova_to_phys
            .map_or(0, |iova_to_phys| iova_to_phys(ops, iova))
    }
}
