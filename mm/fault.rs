// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail when a test wants them to.
//!
//! C header: [`include/linux/fault-inject.h`](srctree/include/linux/fault-inject.h)

use kernel::prelude::*;

use crate::gfp::Gfp;

/// Flags for an allocation that can be made to fail, and does so without a word.
// The kernel spares allocations that may reclaim unless it is told otherwise.
pub(crate) const GFP: Gfp = Gfp::from_raw(Gfp::ATOMIC.as_raw() | kernel::bindings::__GFP_NOWARN);

/// Lets this task's next slab allocation with [`GFP`] fail.
pub(crate) fn next() {
    // SAFETY: It is the task's own, and nobody else looks at it.
    unsafe { (*current!().as_ptr()).fail_nth = 1 };
}
