// SPDX-License-Identifier: GPL-2.0

//! What it takes until the walker sees what the CPU wrote: barriers, and cache maintenance where
//! the walker does not snoop.

use crate::{
    report::report,
    slots::Slot, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*, //
};

// In helpers.c. The types are C's own, but the lint minds those that a configuration leaves empty.
#[allow(improper_ctypes)]
extern "C" {
    fn v7s_wmb();
    fn v7s_dma_wmb();
    fn v7s_dma_map(
        dev: *mut bindings::device,
        table: *mut c_void,
        phys: bindings::phys_addr_t,
        size: usize,
    ) -> c_int;
    fn v7s_dma_unmap(dev: *mut bindings::device, dma: bindings::dma_addr_t, size: usize);
    fn v7s_dma_sync(dev: *mut bindings::device, entries: *mut c_void, size: usize);
}

/// Orders all entries written before it before whatever makes a walker look at them.
#[inline(always)]
pub(crate) fn publish() {
    // SAFETY: A barrier.
    unsafe { v7s_wmb() };
}

/// Orders a table's content before the entry that will refer to it.
pub(crate) fn publish_table() {
    // SAFETY: A barrier.
    unsafe { v7s_dma_wmb() };
}

/// A page table walker, seen from memory.
///
/// # Invariants
///
/// The device, if any, outlives the table set: the driver that made the set frees it before its
/// device goes (`struct io_pgtable_cfg::iommu_dev`).
#[derive(Clone, Copy)]
pub(crate) struct Walker(Option<NonNull<bindings::device>>);

impl Walker {
    /// A walker that sees the CPU's caches.
    pub(crate) fn coherent() -> Self {
        Self(None)
    }

    /// A walker that reads memory, on behalf of `dev`.
    pub(crate) fn noncoherent(dev: NonNull<bindings::device>) -> Self {
        Self(Some(dev))
    }

    /// Whether it sees the CPU's caches.
    #[inline(always)]
    pub(crate) fn is_coherent(self) -> bool {
        self.0.is_none()
    }

    /// Gives a new table of `size` bytes, which lies at `phys`, to the walker.
    ///
    /// Fails with [`EIO`] and a line in the log if the DMA layer would have the walker use another
    /// address than the physical one, which entries cannot express.
    ///
    /// # Safety
    ///
    /// `table` is the address of `size` bytes in the kernel's linear map, which lie at `phys`.
    pub(crate) unsafe fn attach(self, table: NonNull<Slot>, phys: u64, size: usize) -> Result {
        let Some(dev) = self.0 else { return Ok(()) };
        let (table, phys_addr) = (table.as_ptr().cast(), phys as bindings::phys_addr_t);
        // SAFETY: The device is alive (type invariant), the memory is what the caller says.
        if unsafe { v7s_dma_map(dev.as_ptr(), table, phys_addr, size) } == 0 {
            return Ok(());
        }
        report(fmt!(
            "the device cannot reach a page table at its physical address {phys:#x}"
        ));
        Err(EIO)
    }

    /// Takes a table back.
    ///
    /// # Safety
    ///
    /// [`attach`](Self::attach) succeeded with these arguments and was not undone since.
    pub(crate) unsafe fn detach(self, phys: u64, size: usize) {
        if let Some(dev) = self.0 {
            // SAFETY: By the function's requirements, and the device is alive (type invariant).
            unsafe { v7s_dma_unmap(dev.as_ptr(), phys as bindings::dma_addr_t, size) };
        }
    }

    /// Makes entries visible to a walker that does not snoop.
    ///
    /// They must be in an attached table; for any other memory this is useless but harmless.
    #[inline(always)]
    pub(crate) fn sync(self, run: &[Slot]) {
        if let Some(dev) = self.0 {
            sync_for(dev, run);
        }
    }
}

#[inline(never)]
fn sync_for(dev: NonNull<bindings::device>, run: &[Slot]) {
    // No entries may be at the end of one table and at the beginning of another, and DMA debugging
    // wants to know of which.
    if run.is_empty() {
        return;
    }
    // SAFETY: The device is alive (invariant of `Walker`); a reference to slots is a reference
    // into a table in the linear map, and writing back its cache lines changes nothing.
    unsafe {
        v7s_dma_sync(
            dev.as_ptr(),
            run.as_ptr().cast_mut().cast(),
            core::mem::size_of_val(run),
        )
    };
}
