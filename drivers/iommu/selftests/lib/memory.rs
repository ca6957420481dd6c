// SPDX-License-Identifier: GPL-2.0

//! Tables as a walker finds them: by physical address, whoever made them.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*, //
};

// memory.c
extern "C" {
    fn v7s_memory(phys: bindings::phys_addr_t) -> *const c_void;
}

/// Returns the kernel's address of the table at a physical address; none where there is no
/// memory. If there is, then for all of a table of up to a page, because of its alignment.
pub(crate) fn entries_at(phys: u64) -> Option<NonNull<u32>> {
    // SAFETY: It only looks whether there is memory.
    let memory = unsafe { v7s_memory(phys as bindings::phys_addr_t) };
    NonNull::new(memory.cast_mut().cast())
}
