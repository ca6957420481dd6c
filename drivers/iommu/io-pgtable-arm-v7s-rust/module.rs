// SPDX-License-Identifier: GPL-2.0

//! Parts of the loadable module that are not copied to the kernel tree.

pub(crate) mod arm_v7s;
pub(crate) mod by_name;
pub(crate) mod ftrace_takeover;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PHYS_ADDR_T_64BIT))]
mod tests;

// In module/helpers.c.
extern "C" {
    fn v7s_caller() -> usize;
}

/// Returns an address in the function that called this module, or 0 if the stack does not say.
pub(crate) fn caller() -> usize {
    // SAFETY: The function reads the stack of the current task, in any context.
    unsafe { v7s_caller() }
}
