// SPDX-License-Identifier: GPL-2.0

//! Root of the crate `slab_rust`, for kernels that do not have [`slab`] and [`page_table`]
//! themselves.
//!
//! The files of both are parts of the kernel crate in the kernel tree, and import from `crate::`.
//! This file makes those imports work here: it re-exports `kernel` and adds the two. Users of the
//! crate write `use slab_rust::slab;` instead of `use kernel::slab;`.

pub mod page_table;
pub mod slab;
#[path = "slab/module/mod.rs"] // Not copied to the kernel tree.
mod slab_module;

use kernel::prelude::*;

#[doc(no_inline)]
pub use kernel::*;

#[doc(hidden)] // Public for the other modules of this project.
pub use slab_module::compat;
#[cfg(not(linux_7_3))]
#[doc(hidden)]
pub use slab_module::linux_7_2::{
    module,
    prelude, //
};

/// `kernel::sync`, with [`SpinLockIrq`](sync::SpinLockIrq) of Linux 7.2 and without the calls of C
/// helpers in that of 7.3.
#[doc(hidden)]
pub mod sync {
    pub use kernel::sync::*;

    pub use crate::slab_module::spin_lock_irq::SpinLockIrq;
}

/// Bindings of the kernel crate, and the functions that rust/helpers gains with [`slab`].
#[doc(hidden)]
pub mod bindings {
    pub use kernel::bindings::*;

    pub(crate) use crate::slab_module::helpers::in_kernel::*;
    #[cfg(not(linux_7_3))]
    pub use crate::slab_module::linux_7_2::smp_call_function_single;
    pub(crate) use crate::slab_module::registry::in_kernel::*;
}

module! {
    type: SlabRust,
    name: "slab_rust",
    authors: ["v7s-rs developers"],
    description: "Slab caches in Rust, DMA32 ones among them",
    license: "GPL",
}

struct SlabRust {
    _list: slab_module::caches_file::List,
    _watch: slab_module::watch::Watch,
    // Dropped last.
    _registry: slab_module::registry::Registry,
}

impl kernel::Module for SlabRust {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Called once, when no other code of this module has run.
        let registry = unsafe { slab_module::registry::Registry::new() };
        Ok(Self {
            _list: slab_module::caches_file::List::new(),
            _watch: slab_module::watch::Watch::new()?,
            _registry: registry,
        })
    }
}
