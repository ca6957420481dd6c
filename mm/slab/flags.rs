// SPDX-License-Identifier: GPL-2.0

//! Flags of slab caches, and the memory zones that they select.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! `kmem_cache_create()` answers bad flags with a stack dump, or with a panic if `SLAB_PANIC` is
//! among them. They are checked here first: at compile time for a static cache, with a message that
//! names the flag.

use crate::{
    bindings,
    fmt,
    slab::bad_args::BadArgs, //
};

/// Flags of a slab cache, a `slab_flags_t`.
///
/// Flags are combined with `|`, in constants with [`SlabFlags::with`].
///
/// The first cache with a debugging flag enables the kernel's checks for debugged caches until the
/// next boot; other caches pay a branch for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct SlabFlags(u32);

const fn bit(number: u32) -> u32 {
    1 << number
}

/// Defines the constants, and [`ALLOWED`] of all of them.
macro_rules! slab_flags {
    ($(
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])?
        $name:ident = $bit:ident;
    )*) => {
        impl SlabFlags {
            $(
                $(#[doc = $doc])*
                pub const $name: Self = Self({
                    #[allow(unused_mut, unused_assignments)]
                    let mut bits = 0;
                    $(#[cfg($cfg)])?
                    {
                        bits = bit(bindings::$bit);
                    }
                    bits
                });
            )*
        }

        /// All flags that a cache may have.
        const ALLOWED: u32 = 0 $(| SlabFlags::$name.0)*;
    };
}

slab_flags! {
    /// Objects lie in `ZONE_DMA`.
    DMA = _slab_flag_bits__SLAB_CACHE_DMA;

    /// Objects lie in `ZONE_DMA32`, below 4 GiB.
    DMA32 = _slab_flag_bits__SLAB_CACHE_DMA32;

    /// Objects start at a cache line, small ones at a fraction of it.
    HWCACHE_ALIGN = _slab_flag_bits__SLAB_HWCACHE_ALIGN;

    /// Objects can be reclaimed by a shrinker and count as such.
    RECLAIM_ACCOUNT = _slab_flag_bits__SLAB_RECLAIM_ACCOUNT;

    /// Every object is charged to the memory cgroup of the task that allocates it.
    ///
    /// No flag at all in a kernel without `CONFIG_MEMCG`, as in C.
    #[cfg(CONFIG_MEMCG)]
    ACCOUNT = _slab_flag_bits__SLAB_ACCOUNT;

    /// The cache is not merged with others; set for all caches that are created from Rust.
    NO_MERGE = _slab_flag_bits__SLAB_NO_MERGE;

    /// kmemleak does not follow the objects.
    NOLEAKTRACE = _slab_flag_bits__SLAB_NOLEAKTRACE;

    /// Debugging flags from the kernel's command line do not apply.
    NO_USER_FLAGS = _slab_flag_bits__SLAB_NO_USER_FLAGS;

    /// Debugging: consistency checks on allocation and free.
    CONSISTENCY_CHECKS = _slab_flag_bits__SLAB_CONSISTENCY_CHECKS;

    /// Debugging: red zones around the objects.
    RED_ZONE = _slab_flag_bits__SLAB_RED_ZONE;

    /// Debugging: free objects are poisoned.
    POISON = _slab_flag_bits__SLAB_POISON;

    /// Debugging: stack traces of the last allocation and free of each object.
    STORE_USER = _slab_flag_bits__SLAB_STORE_USER;

    /// Debugging: the objects are debug objects themselves.
    #[cfg(CONFIG_DEBUG_OBJECTS)]
    DEBUG_OBJECTS = _slab_flag_bits__SLAB_DEBUG_OBJECTS;
}

impl SlabFlags {
    /// No flag: objects lie in any zone that the kernel maps.
    pub const NONE: Self = Self(0);

    /// Objects lie below 4 GiB, wherever a kernel has a zone for that: see [`Zone::LOW`].
    pub const LOW: Self = Zone::LOW.slab_flags();

    /// Converts a raw `slab_flags_t`.
    ///
    /// Any value is accepted; it is checked when a cache is created with it.
    #[inline]
    pub const fn from_raw(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the raw `slab_flags_t`.
    #[inline]
    pub const fn as_raw(self) -> u32 {
        self.0
    }

    /// Returns the union of both sets of flags: `|` for constants.
    #[inline]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether all of `other` are set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Checks the flags; the error names the flag that is not accepted.
    pub(crate) const fn check(self) -> core::result::Result<(), BadArgs> {
        macro_rules! refuse {
            ($bit:ident, $name:literal, $why:literal) => {
                if self.0 & bit(bindings::$bit) != 0 {
                    return Err(BadArgs::new(concat!($name, " ", $why)));
                }
            };
            ($bit:ident, $name:literal) => {
                refuse!($bit, $name, "is for the allocator's own use")
            };
        }

        refuse!(
            _slab_flag_bits__SLAB_PANIC,
            "SLAB_PANIC",
            "is not accepted: a bad cache is an error, not a panic"
        );
        refuse!(
            _slab_flag_bits__SLAB_TYPESAFE_BY_RCU,
            "SLAB_TYPESAFE_BY_RCU",
            "is not accepted: RcuCache frees each object after a grace period"
        );
        refuse!(
            _slab_flag_bits__SLAB_TRACE,
            "SLAB_TRACE",
            "is not accepted: the kernel dumps the stack at each allocation"
        );
        refuse!(_slab_flag_bits__SLAB_KMALLOC, "SLAB_KMALLOC");
        #[cfg(CONFIG_FAILSLAB)]
        refuse!(_slab_flag_bits__SLAB_FAILSLAB, "SLAB_FAILSLAB");
        #[cfg(CONFIG_KASAN_GENERIC)]
        refuse!(_slab_flag_bits__SLAB_KASAN, "SLAB_KASAN");
        #[cfg(CONFIG_KFENCE)]
        refuse!(_slab_flag_bits__SLAB_SKIP_KFENCE, "SLAB_SKIP_KFENCE");
        refuse!(_slab_flag_bits__SLAB_OBJECT_POISON, "__OBJECT_POISON");
        refuse!(_slab_flag_bits__SLAB_CMPXCHG_DOUBLE, "__CMPXCHG_DOUBLE");
        #[cfg(CONFIG_SLAB_OBJ_EXT)]
        refuse!(_slab_flag_bits__SLAB_NO_OBJ_EXT, "SLAB_NO_OBJ_EXT");
        #[cfg(all(CONFIG_SLAB_OBJ_EXT, CONFIG_64BIT))]
        refuse!(_slab_flag_bits__SLAB_OBJ_EXT_IN_OBJ, "SLAB_OBJ_EXT_IN_OBJ");
        refuse!(_slab_flag_bits__SLAB_NO_SHEAVES, "SLAB_NO_SHEAVES");

        if self.0 & !ALLOWED != 0 {
            return Err(BadArgs::bits("unknown flag bits", self.0 & !ALLOWED));
        }
        if self.contains(Self::DMA.with(Self::DMA32)) {
            return Err(BadArgs::new(
                "SLAB_CACHE_DMA and SLAB_CACHE_DMA32 exclude each other",
            ));
        }
        if self.contains(Self::DMA) && !Zone::Dma.exists() {
            return Err(BadArgs::new(
                "SLAB_CACHE_DMA wants a zone that this kernel lacks (CONFIG_ZONE_DMA)",
            ));
        }
        if self.contains(Self::DMA32) && !Zone::Dma32.exists() {
            return Err(BadArgs::new(
                "SLAB_CACHE_DMA32 wants a zone that this kernel lacks (CONFIG_ZONE_DMA32)",
            ));
        }
        Ok(())
    }
}

impl core::ops::BitOr for SlabFlags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// The memory zone that the objects of a cache come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// Any zone that the kernel maps.
    Normal,
    /// `ZONE_DMA`.
    Dma,
    /// `ZONE_DMA32` or `ZONE_DMA`: below 4 GiB.
    Dma32,
}

impl Zone {
    /// All zones.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Dma, Self::Dma32];

    /// The zone for objects whose address must fit in 32 bits.
    ///
    /// [`Dma32`](Self::Dma32) where the kernel has it; without, as on 32-bit Arm,
    /// [`Dma`](Self::Dma). With neither, [`Normal`](Self::Normal), which may reach above 4 GiB. The
    /// address of an object is checked in each case by [`Phys32::new`](crate::slab::Phys32::new).
    pub const LOW: Self = Self::low(Self::Dma32.exists(), Self::Dma.exists());

    /// Returns the zone below 4 GiB, given the zones that exist.
    const fn low(dma32: bool, dma: bool) -> Self {
        match (dma32, dma) {
            (true, _) => Self::Dma32,
            (false, true) => Self::Dma,
            (false, false) => Self::Normal,
        }
    }

    /// Returns whether this kernel has the zone.
    pub const fn exists(self) -> bool {
        match self {
            Self::Normal => true,
            Self::Dma => cfg!(CONFIG_ZONE_DMA),
            Self::Dma32 => cfg!(CONFIG_ZONE_DMA32),
        }
    }

    /// Returns the flags of a cache in this zone.
    pub const fn slab_flags(self) -> SlabFlags {
        match self {
            Self::Normal => SlabFlags::NONE,
            Self::Dma => SlabFlags::DMA,
            Self::Dma32 => SlabFlags::DMA32,
        }
    }

    /// Returns the zone of a cache with these flags.
    pub const fn of(flags: SlabFlags) -> Self {
        if flags.contains(SlabFlags::DMA32) {
            Self::Dma32
        } else if flags.contains(SlabFlags::DMA) {
            Self::Dma
        } else {
            Self::Normal
        }
    }

    /// Returns the name of the zone: `normal`, `dma` or `dma32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Dma => "dma",
            Self::Dma32 => "dma32",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[crate::prelude::kunit_tests(slab_flags)]
mod tests {
    use super::*;

    fn message(flags: u32) -> Option<&'static str> {
        SlabFlags::from_raw(flags)
            .check()
            .err()
            .map(|bad| bad.message())
    }

    #[test]
    fn typed_flags_are_allowed() {
        for flags in [
            SlabFlags::NONE,
            SlabFlags::LOW,
            SlabFlags::HWCACHE_ALIGN,
            SlabFlags::RECLAIM_ACCOUNT,
            SlabFlags::ACCOUNT,
            SlabFlags::NO_MERGE,
            SlabFlags::NOLEAKTRACE,
            SlabFlags::NO_USER_FLAGS,
            SlabFlags::CONSISTENCY_CHECKS,
            SlabFlags::RED_ZONE,
            SlabFlags::POISON,
            SlabFlags::STORE_USER,
        ] {
            assert!(flags.check().is_ok());
            assert!((flags | SlabFlags::HWCACHE_ALIGN).check().is_ok());
        }
    }

    #[test]
    fn typed_flags_are_the_kernel_s() {
        assert_eq!(
            SlabFlags::DMA32.as_raw(),
            1 << bindings::_slab_flag_bits__SLAB_CACHE_DMA32
        );
        assert_eq!(
            (SlabFlags::DMA | SlabFlags::HWCACHE_ALIGN).as_raw(),
            1 << bindings::_slab_flag_bits__SLAB_CACHE_DMA
                | 1 << bindings::_slab_flag_bits__SLAB_HWCACHE_ALIGN
        );
    }

    #[test]
    fn every_other_bit_is_refused() {
        for bit in (0..32).map(bit).filter(|bit| bit & ALLOWED == 0) {
            assert!(message(bit).is_some());
            assert!(message(bit | SlabFlags::HWCACHE_ALIGN.as_raw()).is_some());
        }
    }

    #[test]
    fn refusals_name_the_flag() {
        for (bit, name) in [
            (bindings::_slab_flag_bits__SLAB_PANIC, "SLAB_PANIC "),
            (bindings::_slab_flag_bits__SLAB_KMALLOC, "SLAB_KMALLOC "),
            (
                bindings::_slab_flag_bits__SLAB_TYPESAFE_BY_RCU,
                "SLAB_TYPESAFE_BY_RCU ",
            ),
            (
                bindings::_slab_flag_bits__SLAB_OBJECT_POISON,
                "__OBJECT_POISON ",
            ),
            (
                bindings::_slab_flag_bits__SLAB_NO_SHEAVES,
                "SLAB_NO_SHEAVES ",
            ),
        ] {
            assert!(message(1 << bit).is_some_and(|message| message.starts_with(name)));
        }
        let unknown = SlabFlags::from_raw(0x8000_0000).check();
        assert!(unknown == Err(BadArgs::bits("unknown flag bits", 0x8000_0000)));
    }

    #[test]
    fn zones_exclude_each_other() {
        let both = SlabFlags::DMA | SlabFlags::DMA32;
        assert!(message(both.as_raw()).is_some_and(|message| message.contains("exclude")));
    }

    #[test]
    fn a_zone_that_the_kernel_lacks_is_refused() {
        for (zone, option) in [
            (Zone::Normal, ""),
            (Zone::Dma, "(CONFIG_ZONE_DMA)"),
            (Zone::Dma32, "(CONFIG_ZONE_DMA32)"),
        ] {
            let refused = message(zone.slab_flags().as_raw());
            assert_eq!(refused.is_none(), zone.exists());
            assert!(refused.is_none_or(|message| message.ends_with(option)));
        }
    }

    #[test]
    fn the_zone_below_4g_is_the_best_there_is() {
        assert!(Zone::low(true, true) == Zone::Dma32);
        assert!(Zone::low(true, false) == Zone::Dma32);
        assert!(Zone::low(false, true) == Zone::Dma);
        assert!(Zone::low(false, false) == Zone::Normal);
        assert!(Zone::LOW.exists());
        assert!(Zone::of(SlabFlags::LOW) == Zone::LOW);
        // The founding series asks for DMA32 on arm64, and for DMA on arm.
        if cfg!(CONFIG_ARM64) && cfg!(CONFIG_ZONE_DMA32) {
            assert!(Zone::LOW == Zone::Dma32);
        }
        if cfg!(CONFIG_ARM) && cfg!(CONFIG_ZONE_DMA) {
            assert!(Zone::LOW == Zone::Dma);
        }
    }

    #[test]
    fn zone_of_flags() {
        assert!(Zone::of(SlabFlags::HWCACHE_ALIGN) == Zone::Normal);
        assert!(Zone::of(SlabFlags::DMA | SlabFlags::HWCACHE_ALIGN) == Zone::Dma);
        assert!(Zone::of(SlabFlags::DMA32 | SlabFlags::ACCOUNT) == Zone::Dma32);
    }
}
