// SPDX-License-Identifier: GPL-2.0

//! Pages: one or more for each table, and those that a pool cuts into tables.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h)
//!
//! Pages are counted like those of the kernel's own IOMMU page tables: in `SecPageTables` of
//! `/proc/meminfo`, and in `sec_pagetables` of the memory cgroup that they are charged to, if any.

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
    slab::bad_args::BadArgs, //
};

/// The largest block of the page allocator.
pub(super) const MAX: usize = PAGE_SIZE << bindings::MAX_PAGE_ORDER;

/// Allocates pages for `size` bytes, a power of two up to [`MAX`], naturally aligned. `gfp` names
/// the zone, and asks for zeroes if need be.
pub(super) fn alloc(gfp: bindings::gfp_t, size: usize) -> Option<NonNull<u8>> {
    let order = (size / PAGE_SIZE).max(1).trailing_zeros();
    // SAFETY: `size` is at most `MAX`, so that the order is at most MAX_PAGE_ORDER.
    NonNull::new(unsafe { bindings::pagetable_alloc_pages(gfp, order) }.cast())
}

/// Allocates a zeroed page, and another one if there is.
pub(super) fn alloc_two(gfp: bindings::gfp_t) -> Option<(NonNull<u8>, Option<NonNull<u8>>)> {
    let mut second = core::ptr::null_mut();
    // SAFETY: `second` is valid for a write.
    let first = unsafe { bindings::pagetable_alloc_two_pages(gfp, &mut second) };
    Some((NonNull::new(first.cast())?, NonNull::new(second.cast())))
}

/// Frees pages.
///
/// # Safety
///
/// `pages` lies on the first page of a block that came from [`alloc`] or [`alloc_two`], and is not
/// used any more.
pub(super) unsafe fn free(pages: NonNull<u8>) {
    // SAFETY: The block was allocated by a function above and is not used any more, by the safety
    // requirements.
    unsafe { bindings::pagetable_free_pages(pages.as_ptr().cast()) };
}

/// One or more pages for each table.
pub(super) struct Pages {
    shape: Shape,
    live: Live,
}

impl Pages {
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        if shape.size > MAX {
            return Err(
                BadArgs::bytes("size is above the largest order of pages", shape.size).into(),
            );
        }
        Ok(Self {
            shape,
            live: Live::new(),
        })
    }
}

// SAFETY: `alloc` returns pages that are zeroed, as `gfp` asks for that, and aligned to a power of
// two that is not below the size. They are used by nothing else until they are freed.
unsafe impl Source for Pages {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let table = alloc(gfp | self.shape.gfp(), self.shape.size)?;
        self.live.add_one();
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table came from `alloc` and is not used any more, by the safety requirements.
        unsafe { free(table) };
        self.live.remove_one();
    }

    fn live(&self) -> usize {
        self.live.get()
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.live() * self.shape.size.max(PAGE_SIZE))
    }
}
