// SPDX-License-Identifier: GPL-2.0

//! Memory as the system counts it.
//!
//! Where memory lies above 4 GiB, the kernel takes what has no zone from there first, so that what
//! changes below is what was asked for below.

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

/// A table, and the pages that the system gave in one piece and that it is on.
pub(crate) struct Piece {
    pub(crate) address: u64,
    pub(crate) bytes: usize,
    /// The table's place.
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

    /// Returns whether the piece lies above 4 GiB.
    pub(crate) fn is_above(&self) -> bool {
        self.address >> 32 != 0
    }

    /// Sorts by address, in the kernel's way: that of `core` wants more stack than there is.
    pub(crate) fn sort(all: &mut [Self]) {
        // SAFETY: So many of this size may be swapped, and compared by this function.
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
