// SPDX-License-Identifier: GPL-2.0

//! Tables from `kmalloc()`, as `kzalloc(size, gfp | GFP_DMA32)` was once proposed.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! Sizes that are powers of two are naturally aligned. But `kmalloc()` has caches for `GFP_DMA`,
//! and none for `GFP_DMA32`: it removes the flag, logs `Unexpected gfp: 0x4 (GFP_DMA32). Fixing up
//! to gfp: ... Fix your code!` with a dump of the stack for each new slab, and serves the request
//! from any zone. The flag is left out here, as it has no other effect. With memory above 4 GiB, a
//! table may lie there.
//!
//! Tables with `GFP_DMA` lie in ZONE_DMA. On arm64 that zone is below 4 GiB, too, but it may be one
//! GiB or less, which other devices need.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use slab_rust::slab::Zone;

use crate::{
    allocator::{
        Source,
        GFP, //
    },
    contender::SIZE, //
};

/// Memory of `kmalloc()`.
pub(crate) struct Kmalloc {
    zone: bindings::gfp_t,
    live: Atomic<usize>,
}

impl Kmalloc {
    pub(crate) fn new(zone: Zone) -> Self {
        let zone = match zone {
            Zone::Dma => 1 << bindings::___GFP_DMA_BIT,
            Zone::Normal | Zone::Dma32 => 0,
        };
        Self {
            zone,
            live: Atomic::new(0),
        }
    }
}

// SAFETY: Memory of `kmalloc()` belongs to its caller, is naturally aligned if its size is a power
// of two, and zeroed on request.
unsafe impl Source for Kmalloc {
    fn alloc(&self) -> Option<NonNull<u8>> {
        let gfp = GFP.zeroed().as_raw() | self.zone;
        // SAFETY: Any size and flags may be asked for.
        let table = unsafe { bindings::__kmalloc_noprof(SIZE, gfp) };
        let table = NonNull::new(table.cast())?;
        self.live.add(1, Relaxed);
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table came from `kmalloc()` and is not used any more, by the safety
        // requirements.
        unsafe { bindings::kfree(table.as_ptr().cast()) };
        self.live.add(1usize.wrapping_neg(), Relaxed);
    }

    /// Returns the bytes in use: slabs are shared with the rest of the kernel.
    fn held_bytes(&self) -> Result<usize> {
        Ok(self.live.load(Relaxed) * SIZE)
    }
}
