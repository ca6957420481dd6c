// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail when a test wants them to.
//!
//! C header: [`include/linux/fault-inject.h`](srctree/include/linux/fault-inject.h)
//!
//! The kernel spares single pages and those who may wait, and does not fail whatever a task asks
//! for, unless it is told to in debugfs: for `failslab` and `fail_page_alloc` `probability` 100,
//! `times` -1, `task-filter` and not `ignore-gfp-wait`, and `min-order` 0.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::gfp::Gfp;

/// Flags for an allocation that can be made to fail, and does so without a word.
pub(crate) const GFP: Gfp = Gfp::from_raw(Gfp::ATOMIC.as_raw() | bindings::__GFP_NOWARN);

/// The same for one that may wait.
pub(crate) const WAITING: Gfp = Gfp::from_raw(Gfp::KERNEL.as_raw() | bindings::__GFP_NOWARN);

/// Lets this task's next slab allocation with [`GFP`] fail.
pub(crate) fn next() {
    nth(1);
}

/// Lets this task's `n`th allocation fail of those that can be made to.
pub(crate) fn nth(n: u32) {
    // SAFETY: It is the task's own, and nobody else looks at it.
    unsafe { (*current!().as_ptr()).fail_nth = n };
}

/// Whether it has failed; if not, none will any more.
pub(crate) fn is_over() -> bool {
    // SAFETY: As above.
    let left = unsafe { (*current!().as_ptr()).fail_nth };
    nth(0);
    left == 0
}

/// Lets all allocations of this task fail that `f` makes.
pub(crate) fn all<R>(f: impl FnOnce() -> R) -> R {
    let set = |fail: bool| {
        // SAFETY: As above.
        unsafe { (*current!().as_ptr()).make_it_fail = fail.into() };
    };
    set(true);
    let result = f();
    set(false);
    result
}

/// Whether the kernel was told to let single pages fail, and those who may wait.
pub(crate) fn is_set_up() -> bool {
    [GFP, WAITING].into_iter().all(|gfp| {
        all(|| {
            // SAFETY: Any order may be asked for; nobody else has seen the page.
            unsafe {
                let page = bindings::get_free_pages_noprof(gfp.as_raw(), 0);
                bindings::free_pages(page, 0);
                page == 0
            }
        })
    })
}
