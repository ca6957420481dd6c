// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail at the request of a test.
//!
//! C header: [`include/linux/fault-inject.h`](srctree/include/linux/fault-inject.h)
//!
//! By default the kernel does not fail allocations of single pages, nor those that may wait. That
//! is set in debugfs: for `failslab` and `fail_page_alloc` `probability` 100, `times` -1,
//! `task-filter` and not `ignore-gfp-wait`, and `min-order` 0.

use crate::{
    bindings,
    prelude::*,
    slab::gfp::Gfp, //
};

/// Flags for an allocation that can be made to fail, without a stack dump.
pub const GFP: Gfp = Gfp::from_raw(Gfp::ATOMIC.as_raw() | bindings::__GFP_NOWARN);

/// Flags for an allocation that may wait and can be made to fail, without a stack dump.
pub const WAITING: Gfp = Gfp::from_raw(Gfp::KERNEL.as_raw() | bindings::__GFP_NOWARN);

/// Runs `call` with the `n`th of its allocations failing, of those that can be made to. Returns the
/// result, and true if it made that many.
///
/// The call need not fail if an allocation does: the kernel may retry with a smaller slab, or do
/// without.
pub fn nth<R>(n: u32, call: impl FnOnce() -> R) -> (R, bool) {
    let task = current!().as_ptr();
    // SAFETY: This is the current task: only itself, and the kernel on its behalf, use the field.
    let left = unsafe { &raw mut (*task).fail_nth };
    // SAFETY: The field is that of the current task.
    unsafe { left.write(n) };
    let result = call();
    // SAFETY: The field is that of the current task.
    (result, unsafe { left.replace(0) } == 0)
}

/// Runs `call` with all of its allocations failing.
pub fn all<R>(call: impl FnOnce() -> R) -> R {
    let task = current!().as_ptr();
    let set = |fail: bool| {
        // SAFETY: This is the current task: only itself, and the kernel on its behalf, use the
        // field.
        unsafe { (*task).make_it_fail = fail.into() };
    };
    set(true);
    let result = call();
    set(false);
    result
}

/// Returns whether allocations of single pages, and those that may wait, can be made to fail.
pub fn is_set_up() -> bool {
    [GFP, WAITING].into_iter().all(|gfp| {
        all(|| {
            // SAFETY: Any order may be asked for; the page is used by nothing else.
            unsafe {
                let page = bindings::get_free_pages_noprof(gfp.as_raw(), 0);
                bindings::free_pages(page, 0);
                page == 0
            }
        })
    })
}

/// Returns true and marks the running test, if any, as skipped, unless [`is_set_up`] holds.
pub fn skip_unless_set_up() -> bool {
    let skips = !is_set_up();
    // SAFETY: The function returns the test of the current task, or NULL outside of a test.
    let test = unsafe { bindings::kunit_get_current_test() };
    if skips && !test.is_null() {
        // SAFETY: The test belongs to the current task while it runs.
        unsafe { (*test).status = bindings::kunit_status_KUNIT_SKIPPED };
    }
    skips
}
