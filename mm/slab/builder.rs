// SPDX-License-Identifier: GPL-2.0

//! Builder of caches of all kinds.

use crate::{
    prelude::*,
    slab::{
        args::{
            CacheArgs,
            UserWindow, //
        },
        flags::SlabFlags,
        raw_cache::RawCache, //
    }, //
};

/// Builder of a cache of type `C`: [`KmemCache`], [`ConstructedCache`] or [`RcuCache`].
///
/// [`KmemCache`]: crate::slab::KmemCache
/// [`ConstructedCache`]: crate::slab::ConstructedCache
/// [`RcuCache`]: crate::slab::RcuCache
#[must_use]
pub struct Builder<'a, C> {
    name: &'a CStr,
    args: CacheArgs,
    wrap: fn(RawCache) -> C,
}

impl<'a, C> Builder<'a, C> {
    /// Starts with these arguments; `wrap` makes a `C` of the cache that is created from them.
    pub(crate) fn new(name: &'a CStr, args: CacheArgs, wrap: fn(RawCache) -> C) -> Self {
        Self { name, args, wrap }
    }

    /// Adds flags.
    pub fn flags(mut self, flags: SlabFlags) -> Self {
        self.args = self.args.flags(flags);
        self
    }

    /// Aligns objects to at least `align` bytes, a power of two.
    pub fn align(mut self, align: usize) -> Self {
        self.args = self.args.align(align);
        self
    }

    /// Sets the region of an object that may be copied to and from user space. Without, there is
    /// none.
    pub fn user_window(mut self, window: UserWindow) -> Self {
        self.args = self.args.user_window(window);
        self
    }

    /// Creates the cache. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: bad name, flags, alignment or user window; one line in the log names it, and
    ///   nothing was allocated.
    /// - [`EEXIST`]: another cache has that name.
    /// - [`ENOMEM`]: out of memory.
    pub fn build(self) -> Result<C> {
        Ok((self.wrap)(RawCache::new(self.name, &self.args)?))
    }
}
