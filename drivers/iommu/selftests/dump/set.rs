// SPDX-License-Identifier: GPL-2.0

//! A table set of either implementation, and the list of its mappings, which is kept from the
//! requests alone.

use core::ptr;

use kernel::{
    bindings,
    prelude::*,
    sizes::{
        SZ_16K,
        SZ_16M,
        SZ_1K,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    memory::entries_at,
    provider::{
        Ops,
        Provider, //
    }, //
};

// helpers.c
unsafe extern "C" {
    safe fn v7s_dump_quirks(ns: bool, no_perms: bool, mtk_ext: bool) -> usize;
}

/// A page of any size that is mapped.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    pub(crate) iova: usize,
    pub(crate) paddr: u64,
    pub(crate) size: usize,
    /// Flags of [`kernel::iommu::pgtable::prot`].
    pub(crate) prot: u32,
}

/// The request for a set; all have 4 GiB of input addresses, and a walker that is coherent.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    /// The name of its folder.
    pub(crate) name: &'static CStr,
    /// IO_PGTABLE_QUIRK_ARM_NS.
    pub(crate) ns: bool,
    /// The opposite of IO_PGTABLE_QUIRK_NO_PERMS.
    pub(crate) perms: bool,
    /// IO_PGTABLE_QUIRK_ARM_MTK_EXT.
    pub(crate) mtk_ext: bool,
}

/// The values that a driver writes to its device.
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    pub(crate) ttbr: u32,
    pub(crate) tcr: u32,
    pub(crate) prrr: u32,
    pub(crate) nmrr: u32,
}

/// A table set.
pub(crate) struct Set {
    pub(crate) ops: Ops,
    pub(crate) registers: Registers,
    /// The mappings.
    pub(crate) pages: KVVec<Page>,
    /// Former mappings; others may be there since.
    pub(crate) gone: KVVec<Page>,
}

impl Set {
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(provider: Provider, config: &Config) -> Result<Self> {
        let mut cfg = bindings::io_pgtable_cfg {
            quirks: v7s_dump_quirks(config.ns, !config.perms, config.mtk_ext),
            pgsize_bitmap: SZ_4K | SZ_64K | SZ_1M | SZ_16M,
            ias: 32,
            oas: if config.mtk_ext { 35 } else { 32 },
            coherent_walk: true,
            ..Default::default()
        };
        // SAFETY: `cfg` names no callbacks and no device.
        let ops = unsafe { Ops::new(provider, &mut cfg, ptr::null_mut()) }.ok_or(ENOMEM)?;
        // SAFETY: A set of this format fills in this part of the configuration.
        let filled = unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg };
        Ok(Self {
            ops,
            registers: Registers {
                ttbr: filled.ttbr,
                tcr: filled.tcr,
                prrr: filled.prrr,
                nmrr: filled.nmrr,
            },
            pages: KVVec::new(),
            gone: KVVec::new(),
        })
    }

    /// Maps `count` pages like `first`, one behind the other.
    pub(crate) fn map(&mut self, first: Page, count: usize) -> Result {
        let map_pages = self.ops.map_pages.ok_or(EINVAL)?;
        let mut mapped = 0;
        // SAFETY: The set is valid and the caller's alone.
        let err = unsafe {
            map_pages(
                self.ops.as_ptr(),
                first.iova,
                first.paddr as bindings::phys_addr_t,
                first.size,
                count,
                first.prot as c_int,
                bindings::GFP_KERNEL,
                &mut mapped,
            )
        };
        if err != 0 || mapped != first.size * count {
            let Page { iova, size, .. } = first;
            pr_err!("mapping {count} pages of {size:#x} at {iova:#x}: {err}, {mapped:#x} done\n");
            return Err(EIO);
        }
        for i in 0..count {
            let page = Page {
                iova: first.iova + i * first.size,
                paddr: first.paddr + (i * first.size) as u64,
                ..first
            };
            self.pages.push(page, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Unmaps `count` pages of `size` bytes from `iova` on, all of which are mapped, at once.
    pub(crate) fn unmap(&mut self, iova: usize, size: usize, count: usize) -> Result {
        self.take(|page| (iova..iova + size * count).contains(&page.iova))?;
        self.call_unmap(iova, size, count)
    }

    /// Unmaps the pages that `pick` is true for, one by one.
    pub(crate) fn unmap_each(&mut self, pick: impl FnMut(&Page) -> bool) -> Result {
        let before = self.gone.len();
        self.take(pick)?;
        self.gone
            .iter()
            .skip(before)
            .try_for_each(|page| self.call_unmap(page.iova, page.size, 1))
    }

    /// Moves the pages that `pick` is true for from one list to the other.
    fn take(&mut self, mut pick: impl FnMut(&Page) -> bool) -> Result {
        self.gone.reserve(self.pages.len(), GFP_KERNEL)?;
        self.pages
            .retain(|page| !pick(page) || self.gone.push_within_capacity(*page).is_err());
        Ok(())
    }

    fn call_unmap(&self, iova: usize, size: usize, count: usize) -> Result {
        let unmap_pages = self.ops.unmap_pages.ok_or(EINVAL)?;
        // SAFETY: The set is valid and the caller's alone.
        let unmapped =
            unsafe { unmap_pages(self.ops.as_ptr(), iova, size, count, ptr::null_mut()) };
        if unmapped != size * count {
            pr_err!("unmapping {count} pages of {size:#x} at {iova:#x}: {unmapped:#x} done\n");
            return Err(EIO);
        }
        Ok(())
    }

    /// Returns the tables that a walker finds from the base register on: physical address, size in
    /// bytes, and entries of each.
    ///
    /// A broken entry whose target is not in memory is left out.
    pub(crate) fn tables(&self) -> Result<KVVec<u8>> {
        /// The bits of TTBR0 beside the address of 16 KiB of entries.
        const TTBR_ATTRIBUTES: u32 = SZ_16K as u32 - 1;
        /// The type of a first-level entry, and the one that refers to a table.
        const TYPE: u32 = 3;
        const TABLE: u32 = 1;
        /// The bits of such an entry beside the address of 1 KiB of entries.
        const TABLE_ATTRIBUTES: u32 = SZ_1K as u32 - 1;

        let mut out = KVVec::new();
        let l1_phys = self.registers.ttbr & !TTBR_ATTRIBUTES;
        let l1 = entries(l1_phys, SZ_16K)?;
        push_table(&mut out, l1_phys, &l1)?;
        for entry in l1.iter().filter(|entry| *entry & TYPE == TABLE) {
            let l2_phys = entry & !TABLE_ATTRIBUTES;
            push_table(&mut out, l2_phys, &entries(l2_phys, SZ_1K)?)?;
        }
        Ok(out)
    }
}

/// The entries of a table of `size` bytes at a physical address, a multiple of its size; none where
/// there is no memory.
fn entries(phys: u32, size: usize) -> Result<KVVec<u32>> {
    let mut entries = KVVec::new();
    if let Some(first) = entries_at(phys.into()) {
        // SAFETY: If there is memory, then for all of the table, because of its alignment. Any
        // content is valid, and the tables do not change meanwhile.
        let memory = unsafe { core::slice::from_raw_parts(first.as_ptr(), size / 4) };
        entries.extend_from_slice(memory, GFP_KERNEL)?;
    }
    Ok(entries)
}

fn push_table(out: &mut KVVec<u8>, phys: u32, entries: &[u32]) -> Result {
    if entries.is_empty() {
        return Ok(());
    }
    for number in [u64::from(phys), size_of_val(entries) as u64] {
        out.extend_from_slice(&number.to_le_bytes(), GFP_KERNEL)?;
    }
    for entry in entries {
        out.extend_from_slice(&entry.to_le_bytes(), GFP_KERNEL)?;
    }
    Ok(())
}
