// SPDX-License-Identifier: GPL-2.0

//! What `helpers.c` provides: macros and inline functions of the kernel's headers.

use kernel::{
    bindings,
    prelude::*, //
};

extern "C" {
    /// Logs, rate-limited, that allocation flags were refused: the bits that
    /// choose a zone, and those that mean nothing.
    pub(crate) fn slab_rust_refuse_gfp(zones: bindings::gfp_t, unknown: bindings::gfp_t);

    /// `virt_to_phys()`: `address` has to lie in the kernel's linear map.
    pub(crate) fn slab_rust_virt_to_phys(address: *const c_void) -> u64;
}
