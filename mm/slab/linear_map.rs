// SPDX-License-Identifier: GPL-2.0

//! Addresses in the kernel's linear map.
//!
//! C header: [`include/linux/io.h`](srctree/include/linux/io.h)

use crate::{
    bindings,
    prelude::*, //
};

/// Returns the physical address of an address in the kernel's linear map, in bytes.
///
/// # Safety
///
/// `address` lies in the linear map: memory of slab caches and of the page allocator does; that of
/// vmalloc, modules and stacks does not.
#[inline]
pub(crate) unsafe fn virt_to_phys(address: *const c_void) -> u64 {
    // SAFETY: `address` lies in the linear map (function requirement).
    let phys = unsafe { bindings::virt_to_phys(address) };
    #[allow(clippy::useless_conversion)] // 32 bits wide without CONFIG_PHYS_ADDR_T_64BIT.
    u64::from(phys)
}
