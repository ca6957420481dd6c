// SPDX-License-Identifier: GPL-2.0

//! What the log hears of what was refused: one line, now and then.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::slab::Gfp;

// In helpers.c: each is true a few times in some seconds.
extern "C" {
    fn v7s_may_report() -> bool;
    fn v7s_may_report_call() -> bool;
}

/// Logs why there is no table set, or no table, unless there have been many such lines lately.
#[cold]
#[inline(never)]
pub(crate) fn report(what: fmt::Arguments<'_>) {
    // SAFETY: May be called in any context.
    if unsafe { v7s_may_report() } {
        pr_err!("{what}\n");
    }
}

/// Logs that a call was refused, unless there have been many such lines lately. Calls have a limit
/// of their own, so that a driver that repeats one does not hide why another has no tables.
pub(crate) fn refused(call: &str, iova: usize, pgsize: usize, why: &str) {
    // SAFETY: May be called in any context.
    if unsafe { v7s_may_report_call() } {
        pr_err!("{call} refused at {iova:#x} for pages of {pgsize:#x} bytes: {why}\n");
    }
}

/// Logs that there is no memory for a table, unless whoever asked with `gfp` wants no such lines or
/// there have been many lately.
///
/// That memory below 4 GiB runs out is for callers to bring about, and so no reason for the stack
/// dump of the allocators: they are asked with [`Gfp::no_warn`].
#[cold]
pub(crate) fn no_memory(gfp: Gfp, level: &str) {
    if gfp.may_warn() {
        report(fmt!("no memory for a {level} table"));
    }
}
