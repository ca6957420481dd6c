// SPDX-License-Identifier: GPL-2.0

//! The driver's TLB callbacks, `struct iommu_flush_ops`: each is optional, and so is the structure.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::table_set::IoPgtableArmV7s;

/// The driver's `struct iommu_iotlb_gather`, or none, for its callbacks.
///
/// # Invariants
///
/// Null, or valid for the duration of the call that brought it.
#[derive(Clone, Copy)]
pub(crate) struct Gather(*mut bindings::iommu_iotlb_gather);

impl Gather {
    /// # Safety
    ///
    /// `gather` is null or valid as long as the result is in use.
    #[inline(always)]
    pub(crate) unsafe fn new(gather: *mut bindings::iommu_iotlb_gather) -> Self {
        Self(gather)
    }

    /// Returns true if the driver flushes later, all at once, and wants no callback for leaves.
    #[inline(always)]
    fn is_queued(self) -> bool {
        // SAFETY: Null or valid (type invariant).
        unsafe { self.0.as_ref() }.is_some_and(|gather| gather.queued)
    }
}

impl IoPgtableArmV7s {
    /// The callbacks and their cookie. They are looked up at each call, because the io-pgtable core
    /// sets them only after the set was made.
    #[inline(always)]
    pub(crate) fn tlb(&self) -> (Option<&bindings::iommu_flush_ops>, *mut c_void) {
        // SAFETY: `iop` is valid as long as `self`, is not written to after the set was handed to
        // the driver, and the driver keeps its callbacks as long as the set.
        unsafe {
            let iop = self.iop();
            ((*iop).cfg.tlb.as_ref(), (*iop).cookie)
        }
    }

    /// `tlb_add_page` for `count` entries of `granule` bytes each, from `iova` on.
    #[inline(always)]
    pub(crate) fn flush_leaves(&self, gather: Gather, iova: usize, granule: usize, count: usize) {
        let (tlb, cookie) = self.tlb();
        let Some(add_page) = tlb.and_then(|tlb| tlb.tlb_add_page) else {
            return;
        };
        if gather.is_queued() {
            return;
        }
        let end = iova.wrapping_add(count.wrapping_mul(granule));
        let mut iova = iova;
        while iova != end {
            // SAFETY: The driver's callback, with the arguments it was made for.
            unsafe { add_page(gather.0, iova, granule, cookie) };
            iova = iova.wrapping_add(granule);
        }
    }

    /// `tlb_flush_walk`: walks through `size` bytes from `iova` on ended in a table of `granule`
    /// pages that is about to go. Returns whether the driver has such a callback.
    pub(crate) fn flush_walk(&self, iova: usize, size: usize, granule: usize) -> bool {
        let (tlb, cookie) = self.tlb();
        let Some(flush_walk) = tlb.and_then(|tlb| tlb.tlb_flush_walk) else {
            return false;
        };
        // SAFETY: The driver's callback with the driver's cookie; both live as long as the set.
        unsafe { flush_walk(iova, size, granule, cookie) };
        true
    }
}
