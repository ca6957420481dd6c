// SPDX-License-Identifier: GPL-2.0

//! What the log hears of refused calls: one line, now and then.

use crate::config::Config;
use kernel::prelude::*;

// In helpers.c.
extern "C" {
    fn v7s_may_report() -> bool;
}

/// Logs that a call was refused, unless the driver wants no such lines
/// (IO_PGTABLE_QUIRK_NO_WARN) or there have been many lately.
#[cold]
#[inline(never)]
pub(crate) fn refused(cfg: &Config, call: &str, iova: usize, pgsize: usize, why: &str) {
    // SAFETY: May be called in any context.
    if !cfg.no_warn() && unsafe { v7s_may_report() } {
        pr_err!("{call} refused at {iova:#x} for pages of {pgsize:#x} bytes: {why}\n");
    }
}
