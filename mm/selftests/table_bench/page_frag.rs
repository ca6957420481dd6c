// SPDX-License-Identifier: GPL-2.0

//! Tables as page fragments: cut from a chunk of pages, one after the other.
//!
//! C header: [`include/linux/page_frag_cache.h`](srctree/include/linux/page_frag_cache.h)
//!
//! Chunks have 32 KiB, or a page if there are no such, or if a page is larger. A chunk is cut to
//! its end and then left alone, until all of its tables are free: one that stays keeps all of it.
//! Zone bits reach the page allocator, so that chunks lie where they are asked for. Fragments are
//! aligned within their chunk on request; they are not zeroed, as a chunk that came free is cut
//! again, and that is done here.
//!
//! The kernel's structure is for one user at a time, hence the lock here.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    sync::static_lock_class, //
};

use slab_rust::slab::IrqLock;

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

/// Head page of a chunk. How many of its fragments are in use is kept in its `private`, which is
/// for the owner of a page to use.
type Chunk = *mut bindings::page;

/// The fragments of a chunk that are in use.
///
/// # Safety
///
/// `chunk` is one of a [`State`], to which the caller has exclusive access as long as it uses the
/// result.
unsafe fn in_use<'a>(chunk: Chunk) -> &'a mut c_ulong {
    // SAFETY: A page has a `private`, which nobody else uses.
    unsafe { &mut (*chunk).__bindgen_anon_1.__bindgen_anon_1.private }
}

/// The chunk that is cut, and chunks that were.
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
    /// Without a chunk.
    fn new() -> Self {
        // INVARIANT: There is none.
        Self {
            cache: bindings::page_frag_cache::default(),
            chunk: core::ptr::null_mut(),
            bytes: 0,
            held: 0,
        }
    }

    /// Whether there is a chunk of which nothing is in use.
    fn is_idle(&self) -> bool {
        // SAFETY: It is our chunk.
        !self.chunk.is_null() && unsafe { *in_use(self.chunk) == 0 }
    }

    /// Begins to count a chunk as held, or ends.
    fn count(&mut self, chunk: Chunk, bytes: usize, held: bool) {
        self.held = if held {
            self.held + bytes
        } else {
            self.held - bytes
        };
        // SAFETY: A page; which node it is on does not change, whoever has it.
        unsafe { table_bench_chunk_account(chunk, bytes, held) };
    }

    /// Cuts a table off the chunk, or off another one.
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
            // It is cut again if it is free, unless it came from the reserves.
            if was_idle {
                self.count(self.chunk, self.bytes, false);
            }
            self.adopt(table);
        }
        // SAFETY: It was cut off our chunk.
        unsafe { *in_use(table.map(|_| self.chunk)?) += 1 };
        table
    }

    /// Goes on with the chunk that `table`, the first, was cut off.
    fn adopt(&mut self, table: Option<NonNull<u8>>) {
        let Some(table) = table else {
            // None was had, or one that is too small for a table.
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

    /// Goes on with the chunk of `new`, and returns what is to be drained.
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
    /// It was cut off a chunk of this state, and nobody uses it any more.
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
    state: Pin<KBox<IrqLock<State>>>,
}

impl PageFrag {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            state: KBox::pin_init(
                IrqLock::new(State::new(), c"table_page_frag", static_lock_class!()),
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
        let table = self.state.with(|state| state.cut(gfp))?;
        // SAFETY: So many bytes were just cut.
        unsafe { table.write_bytes(0, SIZE) };
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: The table was cut off a chunk of this state and is not used any more, by the
        // safety requirements.
        self.state.with(|state| unsafe { state.put(table) });
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.state.with(|state| state.held))
    }
}

impl Drop for PageFrag {
    fn drop(&mut self) {
        let mut rest = self.state.with(|state| state.replace(State::new()));
        // SAFETY: Nobody else has it.
        unsafe { bindings::page_frag_cache_drain(&mut rest) };
    }
}
