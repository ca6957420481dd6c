// SPDX-License-Identifier: GPL-2.0

//! What the log hears of requests that were refused: one line each, now and then.

use crate::{
    bindings,
    fmt,
    prelude::*, //
};

/// Logs what was refused and why, unless there have been many such lines lately. Callable from
/// any context.
#[cold]
pub(crate) fn report(what: fmt::Arguments<'_>) {
    // SAFETY: The function has no preconditions.
    if unsafe { bindings::slab_may_report() } {
        pr_err!("{what}\n");
    }
}
