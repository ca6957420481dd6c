// SPDX-License-Identifier: GPL-2.0

//! Tables from `kmalloc()`, as `kzalloc(size, gfp | GFP_DMA32)` was once proposed.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! Half of the proposal holds: sizes that are powers of two are naturally aligned. The other half
//! does not. `kmalloc()` has caches for `GFP_DMA`, and none for `GFP_DMA32`: it takes the flag
//! off, says `Unexpected gfp: 0x4 (GFP_DMA32). Fixing up to gfp: ... Fix your code!` with a dump
//! of the stack each time it has to make a slab, and serves the request from any zone. The
//! warning is therefore all that the flag does, and it is left out here: where memory lies above
//! 4 GiB, a table in zone dma32 is a matter of luck, and [`TableAllocator`](super::TableAllocator)
//! refuses those that are not.
//!
//! Tables in zone dma do come from there. On arm64 that zone is below 4 GiB, too, but it may be
//! one GiB or less, of which devices that reach no further need every page.

use core::ptr::NonNull;

use crate::{
    bindings,
    page_table::{
        Failure,
        Live,
        Shape,
        Source, //
    },
    prelude::*,
    slab::flags::{
        Refusal,
        Zone, //
    }, //
};

/// What `kmalloc()` gives.
pub(super) struct Kmalloc {
    shape: Shape,
    live: Live,
}

impl Kmalloc {
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        if shape.size > bindings::KMALLOC_MAX_SIZE as usize {
            return Err(Refusal::bytes("size is above KMALLOC_MAX_SIZE", shape.size).into());
        }
        Ok(Self {
            shape,
            live: Live::new(),
        })
    }
}

// SAFETY: What `kmalloc()` gives is its caller's alone, naturally aligned if its size is a power of
// two, and zeroed on request.
unsafe impl Source for Kmalloc {
    const IN_KMEMLEAK: bool = true;
    const MISSES_DMA32: bool = true;

    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let zone = match self.shape.zone {
            Zone::Normal | Zone::Dma32 => 0,
            Zone::Dma => self.shape.gfp(),
        };
        // SAFETY: Any size and flags may be asked for.
        let table = unsafe { bindings::__kmalloc_noprof(self.shape.size, gfp | zone) };
        let table = NonNull::new(table.cast())?;
        self.live.one_more();
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements.
        unsafe { bindings::kfree(table.as_ptr().cast()) };
        self.live.one_less();
    }

    fn live(&self) -> usize {
        self.live.get()
    }

    /// Slabs are shared with the rest of the kernel: at least what is in use.
    fn held_bytes(&self) -> Result<usize> {
        Ok(self.live() * self.shape.size)
    }
}
