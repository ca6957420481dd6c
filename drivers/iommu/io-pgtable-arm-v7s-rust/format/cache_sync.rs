// SPDX-License-Identifier: GPL-2.0

//! Cache maintenance for a walker that does not snoop the CPU's caches.

use core::{
    ffi::{
        c_int,
        c_void, //
    },
    mem::size_of_val,
    ptr::NonNull,
    slice::from_ref, //
};

use crate::format::slots::Slot;

// In helpers.c: inline functions. The device is a `struct device`.
extern "C" {
    fn v7s_dma_map(dev: *mut c_void, table: *mut c_void, phys: u64, size: usize) -> c_int;
    fn v7s_dma_unmap(dev: *mut c_void, dma: u64, size: usize);
    fn v7s_dma_sync(dev: *mut c_void, entries: *mut c_void, size: usize);
}

/// The DMA address of a table differs from its physical address, which entries cannot express.
pub(crate) struct Unreachable;

/// A page table walker, and the cache maintenance until it sees a store of the CPU.
///
/// # Invariants
///
/// The device, if there is one, is a `struct device` that outlives the table set: the driver that
/// made the set frees it before its device goes (`struct io_pgtable_cfg::iommu_dev`).
#[derive(Clone, Copy)]
pub(crate) struct Walker(Option<NonNull<c_void>>);

impl Walker {
    /// A walker that snoops the CPU's caches.
    pub(crate) fn coherent() -> Self {
        Self(None)
    }

    /// A walker that reads memory, on behalf of the `struct device` at `dev`.
    pub(crate) fn noncoherent(dev: NonNull<c_void>) -> Self {
        Self(Some(dev))
    }

    /// Returns true if the walker snoops the CPU's caches.
    #[inline(always)]
    pub(crate) fn is_coherent(self) -> bool {
        self.0.is_none()
    }

    /// Gives a new table of `size` bytes at physical address `phys` to the walker.
    ///
    /// # Safety
    ///
    /// `table` is the address of `size` bytes in the kernel's linear map, which lie at `phys`.
    pub(crate) unsafe fn attach(
        self,
        table: NonNull<Slot>,
        phys: u64,
        size: usize,
    ) -> Result<(), Unreachable> {
        let Some(dev) = self.0 else { return Ok(()) };
        // SAFETY: The device is alive (type invariant); the caller vouches for the memory.
        if unsafe { v7s_dma_map(dev.as_ptr(), table.as_ptr().cast(), phys, size) } == 0 {
            Ok(())
        } else {
            Err(Unreachable)
        }
    }

    /// Takes a table back.
    ///
    /// # Safety
    ///
    /// [`attach`](Self::attach) succeeded with these arguments and was not undone since.
    pub(crate) unsafe fn detach(self, phys: u64, size: usize) {
        if let Some(dev) = self.0 {
            // SAFETY: The device is alive (type invariant); `attach` mapped `size` bytes at `phys`
            // for it, at the same DMA address.
            unsafe { v7s_dma_unmap(dev.as_ptr(), phys, size) };
        }
    }

    /// Makes entries visible to a walker that does not snoop.
    ///
    /// The entries have to be in an attached table; for other memory there is no effect.
    #[inline(always)]
    pub(crate) fn sync(self, run: &[Slot]) {
        if let Some(dev) = self.0 {
            sync_for(dev, run);
        }
    }

    /// Makes one entry visible to a walker that does not snoop.
    #[inline(always)]
    pub(crate) fn sync_one(self, slot: &Slot) {
        self.sync(from_ref(slot));
    }
}

#[inline(always)]
fn sync_for(dev: NonNull<c_void>, run: &[Slot]) {
    // An empty run may point one past its table, which DMA debugging rejects.
    if run.is_empty() {
        return;
    }
    // SAFETY: The device is alive (invariant of `Walker`); a reference to slots is a reference
    // into a table in the linear map, and writing back its cache lines changes nothing.
    unsafe {
        v7s_dma_sync(
            dev.as_ptr(),
            run.as_ptr().cast_mut().cast(),
            size_of_val(run),
        )
    };
}
