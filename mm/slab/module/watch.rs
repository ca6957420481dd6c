// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading of the module: static caches, and callbacks of RCU.

use crate::{
    bindings,
    module::this_module,
    prelude::*,
    slab::static_cache::{
        destroy,
        follow_modules,
        NOTIFIER, //
    }, //
};

/// Follows modules with static caches as long as this one is loaded.
pub(crate) struct Watch(());

impl Watch {
    /// Starts to follow modules.
    pub(crate) fn new() -> Result<Self> {
        follow_modules()?;
        Ok(Self(()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: The notifier was registered by `follow_modules`.
        unsafe { bindings::unregister_module_notifier(NOTIFIER.as_ptr()) };
        // The caches of other modules are gone, as those modules need the symbols of this one.
        destroy(this_module::<crate::LocalModule>().as_ptr() as usize);
        // SAFETY: `rcu_barrier()` may be called wherever sleeping is allowed. The callback of RCU
        // caches is code of this module.
        unsafe { bindings::rcu_barrier() };
    }
}
