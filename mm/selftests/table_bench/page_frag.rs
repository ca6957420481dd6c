// SPDX-License-Identifier: GPL-2.0

//! Tables as page fragments: cut from a chunk of pages, one after the other.
//!
//! C header: [`include/linux/page_frag_cache.h`](srctree/include/linux/page_frag_cache.h)
//!
//! Chunks have 32 KiB, or a page if that fails or is larger. A chunk is cut to its end, and freed
//! when all of its tables are free: one table in use keeps all of it. Zone bits reach the page
//! allocator. Fragments are aligned within their chunk on request; they are zeroed here, because a
//! chunk may be used again.
//!
//! The kernel's structure is for one user at a time; the lock is here.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    sync::static_lock_class, //
};

use slab_rust::sync::SpinLockIrq;

use crate::{
    allocator::{
        Source,
        GFP, //
    },
    contender::SIZE, //
};

// In helpers.c.
#[allow(improper_ctypes)] // Pages have a member without a size if lockdep is off.
extern "C" {
    fn table_bench_chunk_of(address: *const c_void) -> *mut bindings::page;
    fn table_bench_chunk_bytes(chunk: *mut bindings::page) -> usize;
    fn table_bench_chunk_account(chunk: *const bindings::page, bytes: usize, held: bool);
}

/// Head page of a chunk. Its `private`, which the owner of a page may use, counts the fragments in
/// use.
type Chunk = *mut bindings::page;

/// Returns the number of fragments in use of a chunk.
///
/// # Safety
///
/// `chunk` is one of a [`State`], to which the caller has exclusive access as long as it uses the
/// result.
unsafe fn in_use<'a>(chunk: Chunk) -> &'a mut c_ulong {
    // SAFETY: A page has a `private`, which belongs to its owner.
    unsafe { &mut (*chunk).__bindgen_anon_1.__bindgen_anon_1.private }
}

/// The current chunk, and the bytes of all chunks.
///
/// # Invariants
///
/// - `chunk` is the head page of the chunk that `cache` has, of `bytes` bytes, or both have none.
/// - `held` are the bytes of that chunk and of all others of which fragments are in use. All of
///   them are counted among the secondary page tables.
struct State {
    cache: bindings::page_frag_cache,
    chunk: Chunk,
    bytes: usize,
    held: usize,
}

// SAFETY: Chunks belong to no task.
unsafe impl Send for State {}

impl State {
    /// Returns a state without a chunk.
    fn new() -> Self {
        // INVARIANT: There is none.
        Self {
            cache: bindings::page_frag_cache::default(),
            chunk: core::ptr::null_mut(),
            bytes: 0,
            held: 0,
        }
    }

    /// Returns true if nothing of the current chunk is in use.
    fn is_idle(&self) -> bool {
        // SAFETY: The chunk is one of this state.
        !self.chunk.is_null() && unsafe { *in_use(self.chunk) == 0 }
    }

    /// Adds a chunk to the held bytes, or subtracts it.
    fn count(&mut self, chunk: Chunk, bytes: usize, held: bool) {
        self.held = if held {
            self.held + bytes
        } else {
            self.held - bytes
        };
        // SAFETY: `chunk` is a page; the node of a page does not change.
        unsafe { table_bench_chunk_account(chunk, bytes, held) };
    }

    /// Cuts a table off the current chunk, or off a new one.
    fn cut(&mut self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let size = SIZE;
        let (before, was_idle) = (self.cache.encoded_page, self.is_idle());
        let mask = !(size as c_uint - 1);
        // SAFETY: The structure is locked, and `size` is a power of two up to a chunk.
        let table = unsafe {
            bindings::__page_frag_alloc_align(&mut self.cache, size as c_uint, gfp, mask)
        };
        let table = NonNull::new(table.cast::<u8>());
        if self.cache.encoded_page != before {
            // A free chunk is cut again, unless it came from the reserves.
            if was_idle {
                self.count(self.chunk, self.bytes, false);
            }
            self.adopt(table);
        }
        // SAFETY: The table was cut off a chunk of this state.
        unsafe { *in_use(table.map(|_| self.chunk)?) += 1 };
        table
    }

    /// Makes the chunk of `table`, its first table, the current one.
    fn adopt(&mut self, table: Option<NonNull<u8>>) {
        let Some(table) = table else {
            // No chunk, or one that is too small for a table.
            self.chunk = core::ptr::null_mut();
            // SAFETY: The structure is locked.
            unsafe { bindings::page_frag_cache_drain(&mut self.cache) };
            return;
        };
        // SAFETY: Fragments are cut from pages of the linear map; nothing else uses this chunk.
        unsafe {
            self.chunk = table_bench_chunk_of(table.as_ptr().cast());
            self.bytes = table_bench_chunk_bytes(self.chunk);
            *in_use(self.chunk) = 0;
        }
        self.count(self.chunk, self.bytes, true);
    }

    /// Takes the chunk of `new`, and returns the cache that has to be drained.
    fn replace(&mut self, new: Self) -> bindings::page_frag_cache {
        if self.is_idle() {
            self.count(self.chunk, self.bytes, false);
        }
        self.chunk = new.chunk;
        self.bytes = new.bytes;
        self.held += new.held;
        core::mem::replace(&mut self.cache, new.cache)
    }

    /// Takes a table back.
    ///
    /// # Safety
    ///
    /// The table was cut off a chunk of this state, and is not used any more.
    unsafe fn put(&mut self, table: NonNull<u8>) {
        // SAFETY: The table was cut off a chunk of this state, by the safety requirements, and
        // keeps it.
        let (chunk, idle) = unsafe {
            let chunk = table_bench_chunk_of(table.as_ptr().cast());
            *in_use(chunk) -= 1;
            (chunk, *in_use(chunk) == 0)
        };
        if idle && chunk != self.chunk {
            // SAFETY: The table keeps its chunk.
            let bytes = unsafe { table_bench_chunk_bytes(chunk) };
            self.count(chunk, bytes, false);
        }
        // SAFETY: The table is not used any more, by the safety requirements.
        unsafe { bindings::page_frag_free(table.as_ptr().cast()) };
    }
}

/// Fragments of chunks.
pub(crate) struct PageFrag {
    state: Pin<KBox<SpinLockIrq<State>>>,
}

impl PageFrag {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            state: KBox::pin_init(
                SpinLockIrq::new(State::new(), c"table_page_frag", static_lock_class!()),
                GFP_KERNEL,
            )?,
        })
    }
}

// SAFETY: A fragment belongs to its owner, is cut at a multiple of its size from a chunk that is
// aligned to its own, and zeroed here. A chunk is not freed as long as fragments of it are in use.
unsafe impl Source for PageFrag {
    fn alloc(&self) -> Option<NonNull<u8>> {
        let gfp = GFP.as_raw() | 1 << bindings::___GFP_DMA32_BIT;
        let table = self.state.lock().cut(gfp)?;
        // SAFETY: A table of this size was just cut.
        unsafe { table.write_bytes(0, SIZE) };
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table was cut off a chunk of this state and is not used any more, by the
        // safety requirements.
        unsafe { self.state.lock().put(table) };
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.state.lock().held)
    }
}

impl Drop for PageFrag {
    fn drop(&mut self) {
        let mut rest = self.state.lock().replace(State::new());
        // SAFETY: The cache was taken out of the state, and is not shared.
        unsafe { bindings::page_frag_cache_drain(&mut rest) };
    }
}
