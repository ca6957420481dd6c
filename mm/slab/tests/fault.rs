// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail when a test wants them to.
//!
//! C header: [`include/linux/fault-inject.h`](srctree/include/linux/fault-inject.h)
//!
//! The kernel spares single pages and those who may wait, and does not fail whatever a task asks
//! for, unless it is told to in debugfs: for `failslab` and `fail_page_alloc` `probability` 100,
//! `times` -1, `task-filter` and not `ignore-gfp-wait`, and `min-order` 0.

use crate::{
    bindings,
    prelude::*,
    slab::gfp::Gfp, //
};

/// Flags for an allocation that can be made to fail, and does so without a word.
pub const GFP: Gfp = Gfp::from_raw(Gfp::ATOMIC.as_raw() | bindings::__GFP_NOWARN);

/// The same for one that may wait.
pub const WAITING: Gfp = Gfp::from_raw(Gfp::KERNEL.as_raw() | bindings::__GFP_NOWARN);

/// Runs `call` with the `n`th of its allocations failing, of those that can be made to. Says what
/// came of it, and whether it made that many.
///
/// That an allocation failed does not mean that the call does: the kernel's own bookkeeping has
/// other ways, and a smaller slab may do.
pub fn nth<R>(n: u32, call: impl FnOnce() -> R) -> (R, bool) {
    let task = current!().as_ptr();
    // SAFETY: The task is alive; only itself and the kernel on its behalf use the field.
    let left = unsafe { &raw mut (*task).fail_nth };
    // SAFETY: As above.
    unsafe { left.write(n) };
    let result = call();
    // SAFETY: As above.
    (result, unsafe { left.replace(0) } == 0)
}

/// Lets all allocations of this task fail that `call` makes.
pub fn all<R>(call: impl FnOnce() -> R) -> R {
    let task = current!().as_ptr();
    let set = |fail: bool| {
        // SAFETY: As for `fail_nth`.
        unsafe { (*task).make_it_fail = fail.into() };
    };
    set(true);
    let result = call();
    set(false);
    result
}

/// Whether the kernel was told to let single pages fail, and those who may wait.
pub fn is_set_up() -> bool {
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

/// Has the running test noted as skipped, and says so, if [`is_set_up`] does not hold.
pub fn skip_unless_set_up() -> bool {
    let skips = !is_set_up();
    if skips {
        // SAFETY: Called by a test, whose own this is.
        unsafe {
            let test = bindings::kunit_get_current_test();
            (*test).status = bindings::kunit_status_KUNIT_SKIPPED;
        }
    }
    skips
}
