// SPDX-License-Identifier: GPL-2.0

//! Free memory and blocks of pages, as the page allocator counts them.
//!
//! With memory above 4 GiB, the kernel serves allocations without a zone from there first: a change
//! below is due to allocations from ZONE_DMA32.

use core::ops::{
    Add,
    Sub, //
};

use crate::allocator::Table;
use kernel::{
    page::PAGE_SIZE, //
    prelude::*,
};

// In helpers.c.
extern "C" {
    fn table_bench_free_pages(below: *mut c_ulong, above: *mut c_ulong);
    fn table_bench_piece(address: *const c_void, bytes: *mut usize) -> u64;
}

// In linux/sort.h.
extern "C" {
    fn sort(
        base: *mut c_void,
        num: usize,
        size: usize,
        compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
        swap: *const c_void,
    );
}

/// Free bytes.
#[derive(Clone, Copy)]
pub(crate) struct Free {
    /// In zones that lie below 4 GiB.
    pub(crate) below: i64,
    /// In all others.
    pub(crate) above: i64,
}

impl Free {
    pub(crate) fn now() -> Self {
        let (mut below, mut above) = (0, 0);
        // SAFETY: Both may be written.
        unsafe { table_bench_free_pages(&mut below, &mut above) };
        Self {
            below: below as i64 * PAGE_SIZE as i64,
            above: above as i64 * PAGE_SIZE as i64,
        }
    }
}

impl Add for Free {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            below: self.below + other.below,
            above: self.above + other.above,
        }
    }
}

impl Sub for Free {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            below: self.below - other.below,
            above: self.above - other.above,
        }
    }
}

/// A table, and the block of pages that it lies on.
pub(crate) struct Piece {
    pub(crate) address: u64,
    pub(crate) bytes: usize,
    /// Place of the table.
    pub(crate) place: usize,
}

impl Piece {
    pub(crate) fn of(place: usize, table: &impl Table) -> Self {
        let mut bytes = 0;
        // SAFETY: Tables lie in the linear map.
        let address = unsafe { table_bench_piece(table.as_ptr().as_ptr().cast(), &mut bytes) };
        Self {
            address,
            bytes,
            place,
        }
    }

    /// Returns whether the block lies above 4 GiB.
    pub(crate) fn is_above(&self) -> bool {
        self.address >> 32 != 0
    }

    /// Sorts by address, with `sort()` of the kernel: the one of `core` needs too much stack.
    pub(crate) fn sort(all: &mut [Self]) {
        // SAFETY: The slice has this number of elements of this size, which may be swapped, and
        // compared by
        // this function.
        unsafe {
            sort(
                all.as_mut_ptr().cast(),
                all.len(),
                size_of::<Self>(),
                Self::compare,
                core::ptr::null(),
            );
        }
    }

    /// # Safety
    ///
    /// Both are pieces.
    unsafe extern "C" fn compare(one: *const c_void, other: *const c_void) -> c_int {
        // SAFETY: Both are pieces, by the safety requirements.
        let (one, other) = unsafe { (&*one.cast::<Self>(), &*other.cast::<Self>()) };
        let order = (one.address, one.place).cmp(&(other.address, other.place));
        order as c_int
    }
}
