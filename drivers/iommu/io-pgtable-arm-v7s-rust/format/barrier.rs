// SPDX-License-Identifier: GPL-2.0

//! Barriers, and the atomic operation on entries that is more than a load or a store.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

// In helpers.c: macros.
extern "C" {
    fn v7s_wmb();
    fn v7s_dma_wmb();
}

/// Orders all earlier stores to entries before the store or the register write that makes a walker
/// look at them.
#[inline(always)]
pub(crate) fn publish() {
    // SAFETY: A barrier has no preconditions.
    unsafe { v7s_wmb() };
}

/// Orders the content of a table before the entry that will refer to it.
pub(crate) fn publish_table() {
    // SAFETY: A barrier has no preconditions.
    unsafe { v7s_dma_wmb() };
}

/// Compares and exchanges a byte, like [`compare_exchange`].
///
/// # Safety
///
/// `place` is valid; every concurrent access to it is single-copy atomic.
pub(crate) unsafe fn compare_exchange_byte(place: *mut i8, old: i8, new: i8) -> Result<i8, i8> {
    // SAFETY: The caller promises a valid pointer and atomic accesses, which in the kernel's memory
    // model include volatile ones. A byte is always aligned.
    unsafe { Atomic::from_ptr(place) }.cmpxchg(old, new, Relaxed)
}

/// Replaces `old` at `place` by `new`, or returns the other value that is there. Orders nothing.
///
/// # Safety
///
/// `place` is valid and aligned; every concurrent access to it is single-copy atomic.
pub(crate) unsafe fn compare_exchange(place: *mut u32, old: u32, new: u32) -> Result<u32, u32> {
    // SAFETY: The caller promises a valid, aligned pointer and atomic accesses, which in the
    // kernel's memory model include volatile ones.
    unsafe { Atomic::from_ptr(place) }.cmpxchg(old, new, Relaxed)
}
