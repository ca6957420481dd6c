// SPDX-License-Identifier: GPL-2.0

//! Table sets of either implementation, side by side.
//!
//! Load `io_pgtable_arm_v7s_rust` with `takeover=0` first, so that ARM_V7S is C.

use core::{
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    bindings,
    prelude::*, //
};

use io_pgtable_arm_v7s_rust::{
    alloc_io_pgtable_arm_v7s_rust_ops,
    free_io_pgtable_arm_v7s_rust_ops, //
};

/// The provider of the tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// io_pgtable_arm_v7s_rust.
    Rust,
    /// The provider of ARM_V7S: the kernel's C with `takeover=0`.
    C,
}

/// The operations of a table set, which is freed when the value is dropped.
///
/// # Invariants
///
/// `ops` are the operations of a live table set of `provider`, which belongs to the value.
pub(crate) struct Ops {
    ops: NonNull<bindings::io_pgtable_ops>,
    provider: Provider,
}

// SAFETY: Table sets may be used from several threads.
unsafe impl Send for Ops {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for Ops {}

impl Ops {
    /// Makes a table set and completes `cfg`; none if the provider refuses.
    ///
    /// # Safety
    ///
    /// `cfg` names no device and no callbacks, or such that live as long as the result, and the
    /// callbacks may be called with `cookie`.
    pub(crate) unsafe fn new(
        provider: Provider,
        cfg: &mut bindings::io_pgtable_cfg,
        cookie: *mut c_void,
    ) -> Option<Self> {
        // SAFETY: The caller passes a valid configuration; its targets live as long as the set.
        let ops = unsafe {
            match provider {
                Provider::Rust => alloc_io_pgtable_arm_v7s_rust_ops(cfg, cookie),
                Provider::C => {
                    bindings::alloc_io_pgtable_ops(bindings::io_pgtable_fmt_ARM_V7S, cfg, cookie)
                }
            }
        };
        // INVARIANT: Just made.
        NonNull::new(ops).map(|ops| Self { ops, provider })
    }

    pub(crate) fn as_ptr(&self) -> *mut bindings::io_pgtable_ops {
        self.ops.as_ptr()
    }

    /// Returns the address of the implementation's code, to tell two apart.
    fn code(&self) -> Option<usize> {
        self.map_pages.map(|f| f as usize)
    }
}

impl Deref for Ops {
    type Target = bindings::io_pgtable_ops;

    fn deref(&self) -> &bindings::io_pgtable_ops {
        // SAFETY: The set is live (invariant).
        unsafe { self.ops.as_ref() }
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        let ops = self.as_ptr();
        // SAFETY: The set belongs to `self` (invariant), without a walker. Not every kernel's free
        // takes Rust tables.
        unsafe {
            match self.provider {
                Provider::Rust => free_io_pgtable_arm_v7s_rust_ops(ops),
                Provider::C => bindings::free_io_pgtable_ops(ops),
            }
        };
    }
}

/// Checks that ARM_V7S is served by C; [`EBUSY`] and a line in the log if not.
pub(crate) fn check_providers(rust: &Ops, c: &Ops) -> Result {
    if rust.code() == c.code() {
        pr_err!("ARM_V7S is served by Rust: load io_pgtable_arm_v7s_rust with takeover=0\n");
        return Err(EBUSY);
    }
    Ok(())
}
