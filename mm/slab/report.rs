// SPDX-License-Identifier: GPL-2.0

//! Log lines about requests that are refused.

use crate::{
    bindings,
    fmt,
    prelude::*, //
};

/// Logs what was refused and why, rate-limited. Callable from any context.
#[cold]
pub(crate) fn report(what: fmt::Arguments<'_>) {
    // SAFETY: The function has no preconditions.
    if unsafe { bindings::slab_may_report() } {
        pr_err!("{what}\n");
    }
}
