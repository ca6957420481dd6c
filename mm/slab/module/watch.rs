// SPDX-License-Identifier: GPL-2.0

//! Static caches while this module is loaded, and when it goes.

use crate::{
    bindings,
    module::this_module,
    prelude::*,
    slab::static_cache::{
        destroy,
        get_ready,
        NOTIFIER, //
    }, //
};

/// Follows modules as long as this one is loaded.
pub(crate) struct Watch(());

impl Watch {
    /// Begins with it.
    pub(crate) fn new() -> Result<Self> {
        get_ready()?;
        Ok(Self(()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: It is on the chain.
        unsafe { bindings::unregister_module_notifier(NOTIFIER.as_ptr()) };
        // Other modules' caches are gone: those modules need this one's symbols.
        destroy(this_module::<crate::LocalModule>().as_ptr() as usize);
    }
}
