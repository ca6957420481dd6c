// SPDX-License-Identifier: GPL-2.0

//! The parts of slab caches that the format uses.

use kernel::prelude::*;

#[cfg(feature = "loom")]
use loom::sync::{
    Mutex,
    MutexGuard, //
};
#[cfg(not(feature = "loom"))]
use std::sync::{
    Mutex,
    MutexGuard, //
};

/// A zone of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// Any.
    Normal,
    /// Below 4 GiB.
    Dma32,
}

impl Zone {
    /// The zone of tables whose address has 32 bits.
    pub const LOW: Self = Self::Dma32;
}

/// Flags of a cache, of which only the zone matters here.
pub struct SlabFlags;

impl SlabFlags {
    /// Objects below 4 GiB.
    pub const LOW: Zone = Zone::LOW;
}

/// A cache in a static.
pub trait StaticCache {
    /// Type of its objects.
    type Object;
    /// Zone of its objects.
    const ZONE: Zone;

    /// Makes the cache.
    fn create() -> Result {
        Ok(())
    }
}

/// Makes a cache in a static.
#[macro_export]
macro_rules! static_cache {
    (struct $name:ident for $type:ty {
        name: $text:expr,
        $(flags: $zone:expr,)?
        user_window: $window:expr,
    }) => {
        struct $name;

        impl $crate::slab::StaticCache for $name {
            type Object = $type;
            const ZONE: $crate::slab::Zone = {
                let zone = $crate::slab::Zone::Normal;
                $(let _ = zone; let zone = $zone;)?
                zone
            };
        }

        impl $name {
            fn create() -> ::kernel::error::Result {
                <Self as $crate::slab::StaticCache>::create()
            }
        }
    };
}

/// Flags of an allocation, a `gfp_t`, as far as the format looks at them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gfp(u32);

impl Gfp {
    /// The caller may sleep.
    pub const KERNEL: Self = Self(0xcc0);
    const NO_WARN: u32 = 1 << 13;
    /// `GFP_ZONEMASK`.
    const ZONES: u32 = 0xf;

    /// Converts a raw `gfp_t`.
    pub const fn from_raw(gfp: u32) -> Self {
        Self(gfp)
    }

    /// Returns the flags with `__GFP_NOWARN`.
    pub const fn no_warn(self) -> Self {
        Self(self.0 | Self::NO_WARN)
    }

    /// Returns whether a failure may be logged.
    pub const fn may_warn(self) -> bool {
        self.0 & Self::NO_WARN == 0
    }

    /// Returns the raw `gfp_t`.
    pub const fn as_raw(self) -> u32 {
        self.0
    }

    /// Returns a reason for zone bits.
    pub const fn why_refused(self) -> Option<&'static str> {
        if self.0 & Self::ZONES == 0 {
            None
        } else {
            Some("zone bits")
        }
    }

    /// Returns [`EINVAL`] for zone bits.
    pub fn allowed(self) -> Result<u32> {
        match self.why_refused() {
            None => Ok(self.0),
            Some(_) => Err(EINVAL),
        }
    }
}

/// Data protected by a spin lock.
pub struct SpinLockIrq<T>(Mutex<T>);

impl<T> SpinLockIrq<T> {
    /// Makes a lock.
    pub fn new(data: T, _name: &'static CStr, _class: ()) -> Self {
        Self(Mutex::new(data))
    }

    /// Takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// The part of an object that may be copied to user space.
pub struct UserWindow;

impl UserWindow {
    /// None of it.
    pub const NONE: Self = Self;
}
