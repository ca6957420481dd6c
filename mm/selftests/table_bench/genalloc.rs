// SPDX-License-Identifier: GPL-2.0

//! Tables from a region that is set aside when the allocator is created.
//!
//! C header: [`include/linux/genalloc.h`](srctree/include/linux/genalloc.h), which the kernel
//! crate has no bindings for.
//!
//! Allocating takes no memory from the system, so it works in any context until all of the region
//! is in use. It searches a bitmap for the first free bit.

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    types::Opaque, //
};

use slab_rust::{
    page_table::{
        Table,
        TableAllocator,
        TableSource, //
    },
    slab::{
        Gfp,
        Zone, //
    }, //
};

use crate::{
    allocator::Source,
    contender::SIZE, //
};

/// Number of tables in a region: as many as a first level of 4096 entries can refer to.
const TABLES: usize = 4096;

/// `genpool_algo_t`.
type Algorithm = unsafe extern "C" fn(
    map: *mut c_ulong,
    size: c_ulong,
    start: c_ulong,
    nr: c_uint,
    data: *mut c_void,
    pool: *mut GenPool,
    start_addr: c_ulong,
) -> c_ulong;

/// `struct gen_pool`.
#[repr(transparent)]
struct GenPool(Opaque<()>);

#[allow(improper_ctypes)] // An opaque type.
extern "C" {
    fn gen_pool_create(min_alloc_order: c_int, nid: c_int) -> *mut GenPool;
    fn gen_pool_add_owner(
        pool: *mut GenPool,
        virt: c_ulong,
        phys: bindings::phys_addr_t,
        size: usize,
        nid: c_int,
        owner: *mut c_void,
    ) -> c_int;
    fn gen_pool_alloc_algo_owner(
        pool: *mut GenPool,
        size: usize,
        algo: Algorithm,
        data: *mut c_void,
        owner: *mut *mut c_void,
    ) -> c_ulong;
    fn gen_pool_free_owner(pool: *mut GenPool, addr: c_ulong, size: usize, owner: *mut *mut c_void);
    fn gen_pool_destroy(pool: *mut GenPool);
    fn gen_pool_first_fit_order_align(
        map: *mut c_ulong,
        size: c_ulong,
        start: c_ulong,
        nr: c_uint,
        data: *mut c_void,
        pool: *mut GenPool,
        start_addr: c_ulong,
    ) -> c_ulong;
}

/// Memory of a region.
struct Chunk {
    memory: NonNull<u8>,
    pages: TableAllocator,
}

/// A region.
///
/// # Invariants
///
/// `pool` is a live pool that gives out tables. It manages the memory of `chunks`, `bytes` in all,
/// each of which is a table of its allocator: aligned to its size, and a whole number of tables.
pub(crate) struct Region {
    pool: NonNull<GenPool>,
    chunks: KVec<Chunk>,
    bytes: usize,
}

impl Region {
    /// Sets a region aside.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Any order may be asked for.
        let pool =
            unsafe { gen_pool_create(SIZE.trailing_zeros() as c_int, bindings::NUMA_NO_NODE) };
        // INVARIANT: The pool was just made, and manages nothing.
        let mut region = Self {
            pool: NonNull::new(pool).ok_or(ENOMEM)?,
            chunks: KVec::new(),
            bytes: 0,
        };
        while region.bytes < TABLES * SIZE {
            region.grow(TABLES * SIZE - region.bytes)?;
        }
        Ok(region)
    }

    /// Adds a chunk of up to `rest` bytes: the largest that the system has.
    fn grow(&mut self, rest: usize) -> Result {
        let mut bytes = (1 << rest.ilog2()).clamp(PAGE_SIZE, TableAllocator::MAX_SIZE);
        self.chunks.reserve(1, GFP_KERNEL)?;
        let chunk = loop {
            // A smaller chunk will do.
            let gfp = Gfp::from_raw(bindings::GFP_KERNEL | 1 << bindings::___GFP_NORETRY_BIT);
            let pages = TableAllocator::new(TableSource::Pool, bytes, Zone::Dma32)?;
            let memory = pages.alloc(gfp.no_warn()).map(Table::into_raw);
            match memory {
                Ok(memory) => break Chunk { memory, pages },
                Err(_) if bytes > PAGE_SIZE => bytes /= 2,
                Err(error) => return Err(error),
            }
        };
        // SAFETY: The pool is alive, and the chunk, in the linear map, belongs to nothing else. No
        // one asks the pool for physical addresses.
        let added = unsafe {
            gen_pool_add_owner(
                self.pool.as_ptr(),
                chunk.memory.as_ptr() as c_ulong,
                bindings::phys_addr_t::MAX,
                bytes,
                bindings::NUMA_NO_NODE,
                core::ptr::null_mut(),
            )
        };
        if let Err(error) = to_result(added) {
            // SAFETY: The chunk is a table of its allocator that was not given to the pool.
            drop(unsafe { Table::from_raw(&chunk.pages, chunk.memory) });
            return Err(error);
        }
        // Cannot fail: room was reserved.
        let _ = self.chunks.push_within_capacity(chunk);
        // INVARIANT: Both sizes are powers of two, and that of a chunk is not the smaller.
        self.bytes += bytes;
        Ok(())
    }
}

// SAFETY: The pool gives out each part of its region once, with the granule of a table, aligned as
// the chunks are; it is zeroed here.
unsafe impl Source for Region {
    fn alloc(&self) -> Option<NonNull<u8>> {
        // SAFETY: The pool is alive, and this is a function for such pools.
        let address = unsafe {
            gen_pool_alloc_algo_owner(
                self.pool.as_ptr(),
                SIZE,
                gen_pool_first_fit_order_align,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
            )
        };
        let table = NonNull::new(address as *mut u8)?;
        // SAFETY: The table has this size, and was just allocated.
        unsafe { table.write_bytes(0, SIZE) };
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: This part of the region is allocated, and not used any more, by the safety
        // requirements.
        unsafe {
            gen_pool_free_owner(
                self.pool.as_ptr(),
                table.as_ptr() as c_ulong,
                SIZE,
                core::ptr::null_mut(),
            )
        };
    }

    /// Returns the bytes of the region.
    fn held_bytes(&self) -> Result<usize> {
        Ok(self.bytes)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: Nothing of the pool is in use, as tables borrow the region.
        unsafe { gen_pool_destroy(self.pool.as_ptr()) };
        for chunk in &self.chunks {
            // SAFETY: By the type invariants the chunk is a table of its allocator; the pool that
            // managed it is gone.
            drop(unsafe { Table::from_raw(&chunk.pages, chunk.memory) });
        }
    }
}
