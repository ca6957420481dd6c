// SPDX-License-Identifier: GPL-2.0

//! Takes all memory below 4 GiB, so that allocations there fail.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*,
    sizes::SZ_1M, //
};

// In helpers.c.
extern "C" {
    fn v7s_stress_phys(address: *const c_void) -> bindings::phys_addr_t;
}

/// The order of the largest runs: 4 MiB of 4 KiB pages.
const ORDER: u32 = 10;

/// A run of pages. Only the first few bytes are written to, so that the rest takes no memory of the
/// host.
struct Run {
    next: Option<NonNull<Run>>,
    order: u32,
}

/// Runs of pages.
///
/// # Invariants
///
/// The pages on the list came from the page allocator and belong to this value.
pub(crate) struct LowMemory {
    first: Option<NonNull<Run>>,
    pages: usize,
}

impl LowMemory {
    /// Takes all memory below 4 GiB that can be allocated without waiting, except `spare` MiB.
    pub(crate) fn take_all(spare: usize) -> Self {
        let mut this = Self {
            first: None,
            pages: 0,
        };
        for order in (0..=ORDER).rev() {
            while this.take(order) {}
        }
        let left = this.pages.saturating_sub(spare * (SZ_1M >> PAGE_SHIFT));
        while this.pages > left {
            this.give_back();
        }
        this
    }

    /// Returns the number of bytes.
    pub(crate) fn mib(&self) -> usize {
        self.pages >> (SZ_1M.trailing_zeros() - PAGE_SHIFT as u32)
    }

    fn take(&mut self, order: u32) -> bool {
        let gfp = bindings::__GFP_NOWARN
            | 1 << bindings::___GFP_NORETRY_BIT
            | 1 << bindings::___GFP_DMA32_BIT;
        // SAFETY: Any order and flags may be asked for.
        let address = unsafe { bindings::get_free_pages_noprof(gfp, order) };
        let Some(run) = NonNull::new(address as *mut Run) else {
            return false;
        };
        let next = self.first;
        // SAFETY: Just allocated: at least a page, and aligned.
        unsafe { run.write(Run { next, order }) };
        // INVARIANT: Just allocated.
        self.first = Some(run);
        self.pages += 1 << order;
        true
    }

    fn give_back(&mut self) {
        if let Some(run) = self.first {
            // SAFETY: On the list (invariant), so that it is a `Run`, and it leaves the list.
            unsafe {
                let Run { next, order } = run.read();
                self.first = next;
                self.pages -= 1 << order;
                bindings::free_pages(run.as_ptr() as usize, order);
            }
        } else {
            self.pages = 0;
        }
    }
}

impl Drop for LowMemory {
    fn drop(&mut self) {
        while self.first.is_some() {
            self.give_back();
        }
    }
}

/// Returns true if an allocation without a zone succeeds, above 4 GiB.
pub(crate) fn is_any_elsewhere() -> bool {
    const ORDER: u32 = 4;
    // SAFETY: Any order and flags may be asked for.
    let pages = unsafe { bindings::get_free_pages_noprof(bindings::GFP_KERNEL, ORDER) };
    if pages == 0 {
        return false;
    }
    // SAFETY: Just allocated, in the linear map.
    unsafe {
        let phys = v7s_stress_phys(pages as *const c_void);
        bindings::free_pages(pages, ORDER);
        phys >> 32 != 0
    }
}
