// SPDX-License-Identifier: GPL-2.0

//! Access to tables by physical address, as a walker has it.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*, //
};

// memory.c
extern "C" {
    fn v7s_memory(phys: bindings::phys_addr_t) -> *const c_void;
}

/// Returns the kernel's address of the table at a physical address; none if there is no memory. All
/// of an aligned table of up to a page is in memory then.
pub(crate) fn entries_at(phys: u64) -> Option<NonNull<u32>> {
    // SAFETY: It only looks whether there is memory.
    let memory = unsafe { v7s_memory(phys as bindings::phys_addr_t) };
    NonNull::new(memory.cast_mut().cast())
}
