// SPDX-License-Identifier: GPL-2.0

//! Tests of slab caches that are about several files, and functions that tests share.

#[cfg(CONFIG_FAILSLAB)]
pub mod fault;
#[cfg(CONFIG_FAILSLAB)]
mod faults;

use crate::prelude::*;

/// Returns the physical address of an address in the kernel's linear map, in bytes.
///
/// # Safety
///
/// `address` lies in the linear map.
pub unsafe fn virt_to_phys(address: *const c_void) -> u64 {
    // SAFETY: `address` lies in the linear map (function requirement).
    unsafe { crate::slab::linear_map::virt_to_phys(address) }
}
