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

// Exported by io_pgtable_arm_v7s_rust. The types are C's own, but the lint minds those that a
// configuration leaves empty.
#[allow(improper_ctypes)]
extern "C" {
    fn alloc_io_pgtable_arm_v7s_rust_ops(
        cfg: *mut bindings::io_pgtable_cfg,
        cookie: *mut c_void,
    ) -> *mut bindings::io_pgtable_ops;

    fn free_io_pgtable_arm_v7s_rust_ops(ops: *mut bindings::io_pgtable_ops);
}

/// Who makes the tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// io_pgtable_arm_v7s_rust.
    Rust,
    /// Whoever serves ARM_V7S: the kernel's C, as long as nobody takes over.
    C,
}

/// The operations of a table set, which goes with the value.
///
/// # Invariants
///
/// `ops` are those of a live table set of `provider` that is ours.
pub(crate) struct Ops {
    ops: NonNull<bindings::io_pgtable_ops>,
    provider: Provider,
}

// SAFETY: Table sets may be used from several threads.
unsafe impl Send for Ops {}
// SAFETY: As above.
unsafe impl Sync for Ops {}

impl Ops {
    /// Makes a table set and completes `cfg`; none if the provider refuses it.
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
        // SAFETY: By the function's requirements.
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

    /// Where the implementation's code is, to tell two apart.
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
        // SAFETY: The set is ours (invariant), and nobody walks it. Not every kernel's free knows
        // Rust tables.
        unsafe {
            match self.provider {
                Provider::Rust => free_io_pgtable_arm_v7s_rust_ops(ops),
                Provider::C => bindings::free_io_pgtable_ops(ops),
            }
        };
    }
}

/// Makes sure that C is C; [`EBUSY`] and a line in the log if not.
pub(crate) fn check_providers(rust: &Ops, c: &Ops) -> Result {
    if rust.code() == c.code() {
        pr_err!("ARM_V7S is served by Rust: load io_pgtable_arm_v7s_rust with takeover=0\n");
        return Err(EBUSY);
    }
    Ok(())
}
