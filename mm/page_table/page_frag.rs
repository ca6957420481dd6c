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
//! The kernel's structure is for one user at a time, which is why it is behind a lock here. Under
//! that lock a chunk is asked for without reclaim; whoever may sleep tries again outside of it.

use core::ptr::NonNull;

use crate::{
    bindings,
    page::PAGE_SIZE,
    page_table::{
        Failure,
        Shape,
        Source, //
    },
    prelude::*,
    slab::{
        flags::Refusal,
        gfp::DIRECT_RECLAIM,
        irq_lock::IrqLock, //
    },
    slab_module::helpers,
    sync::static_lock_class, //
};

/// `PAGE_FRAG_CACHE_MAX_SIZE`: a chunk, in bytes.
const CHUNK: usize = (32 * 1024usize).next_multiple_of(PAGE_SIZE);

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

/// What is cut, and what was.
///
/// # Invariants
///
/// - `chunk` is the head page of the chunk that `cache` has, of `bytes` bytes, or both have none.
/// - `held` are the bytes of that chunk and of all others of which fragments are in use. All of
///   them are counted among the secondary page tables.
/// - `live` fragments are in use.
struct State {
    cache: bindings::page_frag_cache,
    chunk: Chunk,
    bytes: usize,
    held: usize,
    live: usize,
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
            live: 0,
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
        unsafe { helpers::slab_rust_chunk_account(chunk, bytes, held) };
    }

    /// Cuts a table of `size` bytes off the chunk, or off another one.
    fn cut(&mut self, size: usize, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        // The kernel goes on with another chunk for what fits into a page only.
        if size > PAGE_SIZE && self.cache.offset as usize + size > self.bytes {
            self.leave();
        }
        let (before, was_idle) = (self.cache.encoded_page, self.is_idle());
        let mask = !(size as c_uint - 1);
        // SAFETY: The structure is ours alone, and `size` a power of two up to a chunk.
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
        self.live += 1;
        table
    }

    /// Leaves the chunk to those who have fragments of it.
    fn leave(&mut self) {
        if self.is_idle() {
            self.count(self.chunk, self.bytes, false);
        }
        self.chunk = core::ptr::null_mut();
        // SAFETY: The structure is ours alone.
        unsafe { bindings::page_frag_cache_drain(&mut self.cache) };
    }

    /// Goes on with the chunk that `table`, the first, was cut off.
    fn adopt(&mut self, table: Option<NonNull<u8>>) {
        let Some(table) = table else {
            // None was had, or one that is too small for a table.
            self.chunk = core::ptr::null_mut();
            // SAFETY: The structure is ours alone.
            unsafe { bindings::page_frag_cache_drain(&mut self.cache) };
            return;
        };
        // SAFETY: Fragments are cut from pages of the linear map; this chunk is ours alone.
        unsafe {
            self.chunk = helpers::slab_rust_chunk_of(table.as_ptr().cast());
            self.bytes = helpers::slab_rust_chunk_bytes(self.chunk);
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
        self.live += new.live;
        core::mem::replace(&mut self.cache, new.cache)
    }

    /// Takes a table back.
    ///
    /// # Safety
    ///
    /// It was cut off a chunk of this state, and nobody uses it any more.
    unsafe fn put(&mut self, table: NonNull<u8>) {
        self.live -= 1;
        // SAFETY: By the function's requirements; the table keeps its chunk.
        let (chunk, idle) = unsafe {
            let chunk = helpers::slab_rust_chunk_of(table.as_ptr().cast());
            *in_use(chunk) -= 1;
            (chunk, *in_use(chunk) == 0)
        };
        if idle && chunk != self.chunk {
            // SAFETY: As above.
            let bytes = unsafe { helpers::slab_rust_chunk_bytes(chunk) };
            self.count(chunk, bytes, false);
        }
        // SAFETY: By the function's requirements.
        unsafe { bindings::page_frag_free(table.as_ptr().cast()) };
    }
}

/// Fragments of chunks.
pub(super) struct PageFrag {
    state: Pin<KBox<IrqLock<State>>>,
    shape: Shape,
}

impl PageFrag {
    pub(super) fn new(shape: Shape) -> Result<Self, Failure> {
        if shape.size > CHUNK {
            return Err(Refusal::bytes("size is above that of a chunk", shape.size).into());
        }
        Ok(Self {
            state: KBox::pin_init(
                IrqLock::new(State::new(), c"table_page_frag", static_lock_class!()),
                GFP_KERNEL,
            )?,
            shape,
        })
    }

    /// Cuts a table off a chunk that may be waited for.
    fn cut_from_new(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let mut new = State::new();
        let table = new.cut(self.shape.size, gfp)?;
        let mut old = self.state.with(|state| state.replace(new));
        // SAFETY: Nobody else has it.
        unsafe { bindings::page_frag_cache_drain(&mut old) };
        Some(table)
    }
}

// SAFETY: A fragment is its owner's alone, cut at a multiple of its size from a chunk that is
// aligned to its own, and zeroed here. A chunk is not freed as long as fragments of it are in use.
unsafe impl Source for PageFrag {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        let size = self.shape.size;
        let gfp = gfp & !bindings::__GFP_ZERO | self.shape.gfp();
        let may_wait = gfp & DIRECT_RECLAIM != 0;
        let at_once = if may_wait {
            gfp & !DIRECT_RECLAIM | bindings::__GFP_NOWARN
        } else {
            gfp
        };
        let table = match self.state.with(|state| state.cut(size, at_once)) {
            None if may_wait => self.cut_from_new(gfp),
            table => table,
        }?;
        // SAFETY: So many bytes were just cut.
        unsafe { table.write_bytes(0, size) };
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements.
        self.state.with(|state| unsafe { state.put(table) });
    }

    fn live(&self) -> usize {
        self.state.with(|state| state.live)
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
