// SPDX-License-Identifier: GPL-2.0

//! Barriers.

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
