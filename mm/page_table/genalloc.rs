// SPDX-License-Identifier: GPL-2.0

//! Tables from a region that is set aside when the allocator is made.
//!
//! C header: [`include/linux/genalloc.h`](srctree/include/linux/genalloc.h), which the kernel
//! crate has no bindings for.
//!
//! Allocating takes no memory from the system, so that it works in any context, until the region is
//! in use. It looks for the first free bit of a bitmap from its start on.

use core::ptr::NonNull;

use crate::{
    bindings,
    error::to_result,
    page::PAGE_SIZE,
    page_table::{
        page,
        Failure,
        Shape,
        Source, //
    },
    prelude::*,
    slab::{
        dma32::virt_to_phys,
        flags::Refusal,
        gfp::NORETRY,
        report::report, //
    },
    types::Opaque, //
};

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
    fn gen_pool_avail(pool: *mut GenPool) -> usize;
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

/// A region.
///
/// # Invariants
///
/// - `pool` is a live pool that gives out tables of `size` bytes. It manages the memory of
///   `chunks`, `bytes` in all, each of which came from [`page::alloc`], is aligned to its size and
///   holds a whole number of tables.
pub(super) struct Region {
    pool: NonNull<GenPool>,
    chunks: KVec<NonNull<u8>>,
    bytes: usize,
    size: usize,
}

// SAFETY: A pool belongs to no task, and locks as needed.
unsafe impl Send for Region {}

// SAFETY: As above.
unsafe impl Sync for Region {}

impl Region {
    /// Sets a region for `tables` tables aside.
    pub(super) fn new(shape: Shape, tables: usize) -> Result<Self, Failure> {
        let bytes = tables.checked_mul(shape.size).filter(|bytes| *bytes > 0);
        let bytes = bytes.and_then(|bytes| bytes.checked_next_multiple_of(PAGE_SIZE));
        let Some(bytes) = bytes.filter(|_| shape.size <= page::MAX) else {
            return Err(
                Refusal::bytes("there can be no region for so many, each of", shape.size).into(),
            );
        };
        // A request for more than there is must not take what others need, until it fails.
        // SAFETY: The function has no preconditions.
        let available = unsafe { bindings::si_mem_available() };
        if bytes / PAGE_SIZE > usize::try_from(available).unwrap_or(0) {
            report(fmt!("no memory for a region of {bytes} bytes"));
            return Err(ENOMEM.into());
        }
        // SAFETY: Any order may be asked for.
        let pool = unsafe {
            gen_pool_create(shape.size.trailing_zeros() as c_int, bindings::NUMA_NO_NODE)
        };
        // INVARIANT: Made for this size, and manages nothing.
        let mut region = Self {
            pool: NonNull::new(pool).ok_or(ENOMEM)?,
            chunks: KVec::new(),
            bytes: 0,
            size: shape.size,
        };
        while region.bytes < bytes {
            region
                .grow(shape, bytes - region.bytes)
                .inspect_err(|_| report(fmt!("no memory for a region of {bytes} bytes")))?;
        }
        Ok(region)
    }

    /// Adds a chunk of up to `rest` bytes: as large as can be had.
    fn grow(&mut self, shape: Shape, rest: usize) -> Result {
        let least = shape.size.max(PAGE_SIZE);
        let mut bytes = (1 << rest.ilog2()).clamp(least, page::MAX);
        self.chunks.reserve(1, GFP_KERNEL)?;
        let chunk = loop {
            // A smaller one will do, and none is no reason to kill a task.
            let flags = bindings::GFP_KERNEL | bindings::__GFP_NOWARN | NORETRY;
            match page::alloc(flags | shape.gfp(), bytes) {
                Some(chunk) => break chunk,
                None if bytes > least => bytes /= 2,
                None => return Err(ENOMEM),
            }
        };
        let address = chunk.as_ptr() as c_ulong;
        // SAFETY: The pool is alive, and the chunk is ours to give, in the linear map.
        let added = unsafe {
            let phys = virt_to_phys(chunk.as_ptr().cast()) as bindings::phys_addr_t;
            let owner = core::ptr::null_mut();
            gen_pool_add_owner(
                self.pool.as_ptr(),
                address,
                phys,
                bytes,
                bindings::NUMA_NO_NODE,
                owner,
            )
        };
        if let Err(error) = to_result(added) {
            // SAFETY: Allocated above, and nobody has seen it.
            unsafe { page::free(chunk) };
            return Err(error);
        }
        // Cannot fail: there is room for it.
        let _ = self.chunks.push_within_capacity(chunk);
        // INVARIANT: Both are powers of two, and a chunk is not the smaller.
        self.bytes += bytes;
        Ok(())
    }
}

// SAFETY: The pool gives out each part of its region once, with the granule of a table, aligned as
// the chunks are; it is zeroed here. A region of which tables are in use stays behind.
unsafe impl Source for Region {
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>> {
        // SAFETY: The pool is alive, and this is a function for such pools.
        let address = unsafe {
            gen_pool_alloc_algo_owner(
                self.pool.as_ptr(),
                self.size,
                gen_pool_first_fit_order_align,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
            )
        };
        let Some(table) = NonNull::new(address as *mut u8) else {
            if gfp & bindings::__GFP_NOWARN == 0 {
                report(fmt!(
                    "no table: all {} bytes of the region are in use",
                    self.bytes
                ));
            }
            return None;
        };
        // SAFETY: So many bytes were just allocated.
        unsafe { table.write_bytes(0, self.size) };
        Some(table)
    }

    unsafe fn free(&self, table: NonNull<u8>) {
        // SAFETY: By the function's requirements this part of the region is in use, and no longer.
        unsafe {
            gen_pool_free_owner(
                self.pool.as_ptr(),
                table.as_ptr() as c_ulong,
                self.size,
                core::ptr::null_mut(),
            )
        };
    }

    fn live(&self) -> usize {
        // SAFETY: The pool is alive.
        let free = unsafe { gen_pool_avail(self.pool.as_ptr()) };
        (self.bytes - free) / self.size
    }

    /// All of the region.
    fn held_bytes(&self) -> Result<usize> {
        Ok(self.bytes)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.live() > 0 {
            // Its kernel would not survive to see it destroyed.
            return;
        }
        // SAFETY: Nothing of it is in use.
        unsafe { gen_pool_destroy(self.pool.as_ptr()) };
        for chunk in &self.chunks {
            // SAFETY: By the type invariants, and the pool is gone.
            unsafe { page::free(*chunk) };
        }
    }
}
