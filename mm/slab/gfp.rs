// SPDX-License-Identifier: GPL-2.0

//! Allocation flags that C and Rust callers can both make.
//!
//! C header: [`include/linux/gfp_types.h`](srctree/include/linux/gfp_types.h)
//!
//! The kernel's own [`Flags`] cannot be made from a number, but a page-table format gets its
//! `gfp_t` from C. [`Gfp`] converts from either.

use core::panic::Location;

use crate::{
    alloc::Flags,
    bindings,
    prelude::*,
    slab::report::report, //
};

/// Flags of one allocation, a `gfp_t`.
///
/// # Examples
///
/// ```
/// # use kernel::{bindings, prelude::*, slab::{Gfp, KmemCache}};
/// let cache = KmemCache::<[u64; 8]>::builder(c"doc_gfp").build()?;
/// let atomic = cache.alloc([1; 8], Gfp::ATOMIC)?;
/// let rust = cache.alloc_zeroed(Gfp::from(GFP_KERNEL | __GFP_NOWARN))?;
/// let c = cache.alloc_zeroed(Gfp::from_raw(bindings::GFP_KERNEL))?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Gfp(bindings::gfp_t);

const fn bit(number: u32) -> bindings::gfp_t {
    1 << number
}

/// `__GFP_NOFAIL`.
const NOFAIL: bindings::gfp_t = bit(bindings::___GFP_NOFAIL_BIT);

/// Bits that choose a zone (`GFP_ZONEMASK`). The zone of an object is that of its cache; the
/// allocator removes such bits, with a stack dump for each new slab.
const ZONES: bindings::gfp_t = bit(bindings::___GFP_DMA_BIT)
    | bit(bindings::___GFP_HIGHMEM_BIT)
    | bit(bindings::___GFP_DMA32_BIT)
    | bit(bindings::___GFP_MOVABLE_BIT);

/// Bits outside of `__GFP_BITS_MASK`.
const UNKNOWN: bindings::gfp_t = !(bit(bindings::___GFP_LAST_BIT) - 1);

/// Bits about the tags of memory, which are for pages of user space and for vmalloc(): with some of
/// them, memory is not zeroed although `__GFP_ZERO` is set.
const TAGS: bindings::gfp_t = {
    #[allow(unused_mut)]
    let mut bits = bit(bindings::___GFP_ZEROTAGS_BIT);
    #[cfg(CONFIG_KASAN_HW_TAGS)]
    {
        bits |= bit(bindings::___GFP_SKIP_ZERO_BIT) | bit(bindings::___GFP_SKIP_KASAN_BIT);
    }
    bits
};

/// Bits that no allocation may have. The page allocator warns of `__GFP_NOFAIL` where it may not
/// sleep, and of slabs of more than two pages that must not fail.
const REFUSED: bindings::gfp_t = ZONES | UNKNOWN | TAGS | NOFAIL;

impl Gfp {
    /// The caller may sleep; the usual choice.
    pub const KERNEL: Self = Self(bindings::GFP_KERNEL);

    /// The caller may not sleep, and may use the reserves.
    pub const ATOMIC: Self = Self(bindings::GFP_ATOMIC);

    /// The caller may not sleep, and has a fallback.
    pub const NOWAIT: Self = Self(bindings::GFP_NOWAIT);

    /// Converts a raw `gfp_t`, as a C caller passes it.
    ///
    /// Any value is accepted; it is checked by [`allowed`](Self::allowed) when it is used.
    #[inline]
    pub const fn from_raw(gfp: bindings::gfp_t) -> Self {
        Self(gfp)
    }

    /// Returns the raw `gfp_t`.
    #[inline]
    pub const fn as_raw(self) -> bindings::gfp_t {
        self.0
    }

    /// Returns the flags with `__GFP_ZERO`: the memory is zeroed.
    #[inline]
    pub const fn zeroed(self) -> Self {
        Self(self.0 | bindings::__GFP_ZERO)
    }

    /// Returns the flags with `__GFP_NOWARN`: no stack dump if there is no memory.
    #[inline]
    pub const fn no_warn(self) -> Self {
        Self(self.0 | bindings::__GFP_NOWARN)
    }

    /// Returns the flags without `__GFP_NOFAIL`, for callers that handle a failure.
    #[inline]
    pub const fn may_fail(self) -> Self {
        Self(self.0 & !NOFAIL)
    }

    /// Returns whether a failure may be logged, as `__GFP_NOWARN` is not set.
    #[inline]
    pub const fn may_warn(self) -> bool {
        self.0 & bindings::__GFP_NOWARN == 0
    }

    /// Returns whether the memory is zeroed.
    #[inline]
    pub const fn is_zeroed(self) -> bool {
        self.0 & bindings::__GFP_ZERO != 0
    }

    /// Returns the reason why no cache serves the flags, if there is one: zone bits (`__GFP_DMA`,
    /// `__GFP_DMA32`, `__GFP_HIGHMEM`, `__GFP_MOVABLE`), bits about memory tags, unknown bits, or
    /// `__GFP_NOFAIL`.
    #[inline]
    pub const fn why_refused(self) -> Option<&'static str> {
        if self.0 & REFUSED == 0 {
            None
        } else if self.0 & NOFAIL != 0 {
            Some("__GFP_NOFAIL")
        } else if self.0 & ZONES != 0 {
            Some("zone bits (the zone of an object is that of its cache)")
        } else if self.0 & TAGS != 0 {
            Some("bits about memory tags")
        } else {
            Some("unknown bits")
        }
    }

    /// Returns the raw flags if a slab cache can serve them without a warning of the kernel.
    /// Callable from any context.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is a [reason](Self::why_refused), and one line in the log, which is
    /// rate-limited, with the place of the call.
    #[inline(always)]
    #[track_caller]
    pub fn allowed(self) -> Result<bindings::gfp_t> {
        match self.why_refused() {
            Some(why) => Err(refuse(self, why, Location::caller())),
            None => Ok(self.0),
        }
    }
}

#[cold]
#[inline(never)]
pub(crate) fn refuse(gfp: Gfp, why: &str, caller: &Location<'_>) -> Error {
    report(fmt!(
        "allocation flags {:#x} refused at {}:{}: {why}",
        gfp.0,
        caller.file(),
        caller.line()
    ));
    EINVAL
}

impl From<Flags> for Gfp {
    /// Converts flags of the `kernel` crate; exact for every value that can be made outside of it.
    // `Flags` has no function that returns its number. Its values are made of the public constants
    // by `|`, `&` and `!`, so that each is a union of the classes below, and `contains` tells of
    // which. With constant flags nothing of this is left at run time.
    #[inline]
    fn from(flags: Flags) -> Self {
        let mut raw = 0;
        macro_rules! class {
            ($of:expr) => {
                let class: (Flags, bindings::gfp_t) = $of;
                if flags.contains(class.0) {
                    raw |= class.1;
                }
            };
        }

        let kernel = (GFP_KERNEL, bindings::GFP_KERNEL);
        let atomic = (GFP_ATOMIC, bindings::GFP_ATOMIC);
        let account = (GFP_KERNEL_ACCOUNT, bindings::GFP_KERNEL_ACCOUNT);
        let zero = (__GFP_ZERO, bindings::__GFP_ZERO);
        let highmem = (__GFP_HIGHMEM, bindings::__GFP_HIGHMEM);
        let nowarn = (__GFP_NOWARN, bindings::__GFP_NOWARN);

        class!((kernel.0 & atomic.0, kernel.1 & atomic.1));
        class!((kernel.0 & !atomic.0, kernel.1 & !atomic.1));
        class!((atomic.0 & !kernel.0, atomic.1 & !kernel.1));
        class!((account.0 & !kernel.0, account.1 & !kernel.1));
        class!(zero);
        class!(highmem);
        class!(nowarn);
        class!((
            !(account.0 | atomic.0 | zero.0 | highmem.0 | nowarn.0),
            !(account.1 | atomic.1 | zero.1 | highmem.1 | nowarn.1),
        ));
        Self(raw)
    }
}

// The remaining constant adds no class of its own.
static_assert!(bindings::GFP_NOWAIT & !(bindings::GFP_ATOMIC | bindings::__GFP_NOWARN) == 0);
static_assert!(bindings::GFP_NOWAIT & bindings::GFP_ATOMIC & !bindings::GFP_KERNEL == 0);

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_gfp)]
mod tests {
    use super::*;
    use crate::slab::KmemCache;

    #[test]
    fn flags_of_rust_are_those_of_c() {
        for (rust, c) in [
            (GFP_KERNEL, bindings::GFP_KERNEL),
            (GFP_ATOMIC, bindings::GFP_ATOMIC),
            (GFP_NOWAIT, bindings::GFP_NOWAIT),
            (GFP_KERNEL_ACCOUNT, bindings::GFP_KERNEL_ACCOUNT),
            (__GFP_ZERO, bindings::__GFP_ZERO),
            (__GFP_NOWARN, bindings::__GFP_NOWARN),
            (__GFP_HIGHMEM, bindings::__GFP_HIGHMEM),
            (
                GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
                bindings::GFP_KERNEL | bindings::__GFP_ZERO | bindings::__GFP_NOWARN,
            ),
            (
                GFP_ATOMIC & !GFP_KERNEL,
                bindings::GFP_ATOMIC & !bindings::GFP_KERNEL,
            ),
            (!GFP_KERNEL, !bindings::GFP_KERNEL),
            (GFP_KERNEL & !GFP_KERNEL, 0),
        ] {
            assert_eq!(Gfp::from(rust).as_raw(), c);
        }
    }

    #[test]
    fn constants_are_those_of_c() {
        assert_eq!(Gfp::KERNEL.as_raw(), bindings::GFP_KERNEL);
        assert_eq!(Gfp::ATOMIC.as_raw(), bindings::GFP_ATOMIC);
        assert_eq!(Gfp::NOWAIT.as_raw(), bindings::GFP_NOWAIT);
        assert_eq!(
            Gfp::ATOMIC.zeroed().as_raw(),
            bindings::GFP_ATOMIC | bindings::__GFP_ZERO
        );
        assert_eq!(
            Gfp::KERNEL.no_warn().as_raw(),
            bindings::GFP_KERNEL | bindings::__GFP_NOWARN
        );
        assert!(Gfp::KERNEL.may_warn() && !Gfp::KERNEL.no_warn().may_warn());
    }

    #[test]
    fn zones_are_refused() {
        for zone in [
            bindings::___GFP_DMA_BIT,
            bindings::___GFP_DMA32_BIT,
            bindings::___GFP_HIGHMEM_BIT,
            bindings::___GFP_MOVABLE_BIT,
        ] {
            let gfp = Gfp::from_raw(bindings::GFP_KERNEL | bit(zone));
            assert!(gfp.allowed() == Err(EINVAL));
        }
        assert!(Gfp::from(GFP_KERNEL | __GFP_HIGHMEM).allowed() == Err(EINVAL));
    }

    #[test]
    fn unknown_bits_are_refused() {
        for unknown in bindings::___GFP_LAST_BIT..32 {
            let gfp = Gfp::from_raw(bindings::GFP_KERNEL | bit(unknown));
            assert!(gfp.allowed() == Err(EINVAL));
        }
    }

    #[test]
    fn the_rest_is_allowed() {
        let known = (0..bindings::___GFP_LAST_BIT).map(bit);
        for known in known.filter(|known| known & REFUSED == 0) {
            assert!(Gfp::from_raw(known).allowed() == Ok(known));
        }
        assert!(Gfp::KERNEL.allowed() == Ok(bindings::GFP_KERNEL));
    }

    // The kernel warns of none: each allocation takes a new slab from the page allocator.
    #[test]
    fn all_bits_and_pairs() -> Result {
        let cache = KmemCache::<[u64; 512]>::builder(c"test_gfp_pairs").build()?;
        for one in (0..bindings::gfp_t::BITS).map(bit) {
            for other in (0..bindings::gfp_t::BITS).map(bit) {
                let gfp = Gfp::from_raw(one | other).no_warn();
                let refused = (one | other) & REFUSED != 0;
                match cache.alloc_uninit(gfp) {
                    Err(e) if e == EINVAL => assert!(refused),
                    made => assert!(!refused && (made.is_ok() || made.err() == Some(ENOMEM))),
                }
                cache.shrink();
            }
        }
        Ok(())
    }

    #[test]
    fn nofail_is_refused() {
        for gfp in [Gfp::KERNEL, Gfp::NOWAIT, Gfp::ATOMIC] {
            let nofail = Gfp::from_raw(gfp.as_raw() | NOFAIL);
            assert!(nofail.allowed() == Err(EINVAL));
            assert!(nofail.may_fail() == gfp);
        }
    }
}
