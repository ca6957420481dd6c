// SPDX-License-Identifier: GPL-2.0

//! A whole page for each table, or several: and the pages of the other sources that have some.
//!
//! C header: `drivers/iommu/iommu-pages.h`, which is the kernel's own way to pages for IOMMU page
//! tables: it counts them, in `/proc/meminfo` as `SecPageTables`. Its functions are exported, its
//! header is not.

use core::ptr::NonNull;

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

use super::{
    Failure,
    Shape,
    Source, //
};
use crate::flags::Refusal;

extern "C" {
    /// Allocates zeroed pages that hold `size` bytes, naturally aligned, in the zone that `gfp`
    /// names.
    fn iommu_alloc_pages_node_sz(nid: c_int, gfp: bindings::gfp_t, size: usize) -> *mut c_void;

    /// Frees them.
    fn iommu_free_pages(virt: *mut c_void);
}

/// The most that the page allocator gives in one piece.
pub(super) const MAX: usize = PAGE_SIZE << bindings::MAX_PAGE_ORDER;

/// Allocates zeroed pages for `size` bytes, at most [`MAX`], naturally aligned. `gfp` names the
/// zone.
pub(super) fn alloc(gfp: bindings::gfp_t, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: Any size up to the largest order may be asked for, and flags without
    // `__GFP_HIGHMEM`, which are those of a `Gfp` that is allowed.
    let pages = unsafe { iommu_alloc_pages_node_sz(bindings::NUMA_NO_NODE, gfp, size) };
    NonNull::new(pages.cast())
}

/// Frees pages.
///
/// # Safety
///
/// `pages` came from [`alloc`], and nobody uses them any more.
pub(super) unsafe fn free(pages: NonNull<u8>) {
    // SAFETY: By the function's requirements.
    unsafe { iommu_free_pages(pages.as_ptr().cast()) };
}

/// Pages of its own for each table.
pub(super) struct Pages(Shape);

impl Pages {
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        if shape.size > MAX {
            return Err(
                Refusal::bytes("size is above the largest order of pages", shape.size).into(),
            );
        }
        Ok(Self(shape))
    }
}

// SAFETY: Pages are their owner's alone, zeroed, and aligned to a power of two that is not below
// the size.
unsafe impl Source for Pages {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        alloc(gfp | self.0.gfp(), self.0.size)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements.
        unsafe { free(table) };
    }

    fn held_bytes(&self, live: usize) -> Result<usize> {
        Ok(live * self.0.size.max(PAGE_SIZE))
    }
}
