// SPDX-License-Identifier: GPL-2.0

//! Marks in the code that runs, between which a plugin of QEMU counts what costs time when several
//! CPUs work at once: `scripts/measure/events.rs`.

use core::arch::asm;

/// Begins or ends a section.
#[inline(always)]
pub(crate) fn mark() {
    // SAFETY: A hint without a meaning, which does nothing.
    unsafe { asm!("hint #120", options(nostack, preserves_flags)) };
}
