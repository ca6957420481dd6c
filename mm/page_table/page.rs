// SPDX-License-Identifier: GPL-2.0

//! A whole page for each table, or several: and the pages of the other sources that have some.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h)
//!
//! Pages are counted as the kernel counts those of its own IOMMU page tables: `SecPageTables` in
//! `/proc/meminfo`, and `sec_pagetables` of the memory cgroup that they are charged to, if any.

use core::ptr::NonNull;

use crate::{
    bindings,
    page::PAGE_SIZE,
    page_table::{
        Failure,
        Live,
        Shape,
        Source, //
    },
    prelude::*,
    slab::flags::Refusal, //
};

/// The most that the page allocator gives in one piece.
pub(super) const MAX: usize = PAGE_SIZE << bindings::MAX_PAGE_ORDER;

/// Allocates pages for `size` bytes, a power of two up to [`MAX`], naturally aligned. `gfp` names
/// the zone, and asks for zeroes if need be.
pub(super) fn alloc(gfp: bindings::gfp_t, size: usize) -> Option<NonNull<u8>> {
    let order = (size / PAGE_SIZE).max(1).trailing_zeros();
    // SAFETY: The order is one that there is.
    NonNull::new(unsafe { bindings::pagetable_alloc_pages(gfp, order) }.cast())
}

/// Allocates a zeroed page, and mostly another one.
pub(super) fn alloc_two(gfp: bindings::gfp_t) -> Option<(NonNull<u8>, Option<NonNull<u8>>)> {
    let mut second = core::ptr::null_mut();
    // SAFETY: `second` may be written.
    let first = unsafe { bindings::pagetable_alloc_two_pages(gfp, &mut second) };
    Some((NonNull::new(first.cast())?, NonNull::new(second.cast())))
}

/// Frees pages.
///
/// # Safety
///
/// `pages` lies on the first of pages that came from [`alloc`] or [`alloc_two`], and nobody uses
/// them any more.
pub(super) unsafe fn free(pages: NonNull<u8>) {
    // SAFETY: By the function's requirements.
    unsafe { bindings::pagetable_free_pages(pages.as_ptr().cast()) };
}

/// Pages of its own for each table.
pub(super) struct Pages {
    shape: Shape,
    live: Live,
}

impl Pages {
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        if shape.size > MAX {
            return Err(
                Refusal::bytes("size is above the largest order of pages", shape.size).into(),
            );
        }
        Ok(Self {
            shape,
            live: Live::new(),
        })
    }
}

// SAFETY: Pages are their owner's alone, zeroed, and aligned to a power of two that is not below
// the size.
unsafe impl Source for Pages {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let table = alloc(gfp | self.shape.gfp(), self.shape.size)?;
        self.live.one_more();
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements.
        unsafe { free(table) };
        self.live.one_less();
    }

    fn live(&self) -> usize {
        self.live.get()
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.live() * self.shape.size.max(PAGE_SIZE))
    }
}
