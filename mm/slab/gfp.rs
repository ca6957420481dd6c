// SPDX-License-Identifier: GPL-2.0

//! Allocation flags that C and Rust callers can both make.
//!
//! C header: [`include/linux/gfp_types.h`](srctree/include/linux/gfp_types.h)
//!
//! The kernel's own [`Flags`] cannot be built from a number, and a page-table
//! format gets its `gfp_t` from C. [`Gfp`] holds either.
//!
//! The zone of an object comes from its cache, never from the flags of one
//! allocation: SLUB strips such bits with a warning and a stack dump for each new
//! slab. [`Gfp::allowed`] refuses them before the kernel sees them.

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
/// ```ignore
/// let object = cache.alloc(value, Gfp::ATOMIC)?;
/// let table = cache.alloc_zeroed(Gfp::from(GFP_KERNEL | __GFP_NOWARN))?;
/// let other = cache.alloc_zeroed(Gfp::from_raw(gfp))?;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Gfp(bindings::gfp_t);

const fn bit(number: u32) -> bindings::gfp_t {
    1 << number
}

/// The caller may sleep (`__GFP_DIRECT_RECLAIM`).
#[cfg(MODULE)]
pub(crate) const DIRECT_RECLAIM: bindings::gfp_t = bit(bindings::___GFP_DIRECT_RECLAIM_BIT);

/// Try, and do without (`__GFP_NORETRY`).
#[cfg(MODULE)]
pub(crate) const NORETRY: bindings::gfp_t = bit(bindings::___GFP_NORETRY_BIT);

/// Must not fail (`__GFP_NOFAIL`).
pub(crate) const NOFAIL: bindings::gfp_t = bit(bindings::___GFP_NOFAIL_BIT);

/// The bits that choose a zone (`GFP_ZONEMASK`).
const ZONES: bindings::gfp_t = bit(bindings::___GFP_DMA_BIT)
    | bit(bindings::___GFP_HIGHMEM_BIT)
    | bit(bindings::___GFP_DMA32_BIT)
    | bit(bindings::___GFP_MOVABLE_BIT);

/// Bits that mean nothing (outside of `__GFP_BITS_MASK`).
const UNKNOWN: bindings::gfp_t = !(bit(bindings::___GFP_LAST_BIT) - 1);

impl Gfp {
    /// The caller may sleep; the usual choice.
    pub const KERNEL: Self = Self(bindings::GFP_KERNEL);

    /// The caller may not sleep and may use the reserves.
    pub const ATOMIC: Self = Self(bindings::GFP_ATOMIC);

    /// The caller may not sleep and can do without.
    pub const NOWAIT: Self = Self(bindings::GFP_NOWAIT);

    /// Takes a raw `gfp_t`, as a C caller passes it.
    ///
    /// Any value is accepted here; what a cache cannot serve is refused when the
    /// flags are used.
    #[inline]
    pub const fn from_raw(gfp: bindings::gfp_t) -> Self {
        Self(gfp)
    }

    /// The raw `gfp_t`.
    #[inline]
    pub const fn as_raw(self) -> bindings::gfp_t {
        self.0
    }

    /// The same flags, and the memory zeroed (`__GFP_ZERO`).
    #[inline]
    pub const fn zeroed(self) -> Self {
        Self(self.0 | bindings::__GFP_ZERO)
    }

    /// The same flags, and no stack dump if there is no memory (`__GFP_NOWARN`).
    #[inline]
    pub const fn no_warn(self) -> Self {
        Self(self.0 | bindings::__GFP_NOWARN)
    }

    /// Whether the log may hear that there is no memory.
    #[inline]
    pub const fn may_warn(self) -> bool {
        self.0 & bindings::__GFP_NOWARN == 0
    }

    /// Whether the memory will be zeroed.
    #[inline]
    pub const fn is_zeroed(self) -> bool {
        self.0 & bindings::__GFP_ZERO != 0
    }

    /// The raw flags, if a slab cache can serve them.
    ///
    /// Zone bits (`__GFP_DMA`, `__GFP_DMA32`, `__GFP_HIGHMEM`, `__GFP_MOVABLE`)
    /// and unknown bits are refused with [`EINVAL`] and one line in the log, which
    /// is rate-limited. Callable from any context.
    // Both masks together are one run of bits (with wrap-around): for flags not
    // known at compile time this is one test and one branch.
    #[inline(always)]
    pub fn allowed(self) -> Result<bindings::gfp_t> {
        if self.0 & (ZONES | UNKNOWN) != 0 {
            return Err(refuse(self));
        }
        Ok(self.0)
    }
}

#[cold]
#[inline(never)]
fn refuse(gfp: Gfp) -> Error {
    report(fmt!(
        "allocation flags refused: zone bits {:#x}, unknown bits {:#x} (an object's zone is its \
         cache's)",
        gfp.0 & ZONES,
        gfp.0 & UNKNOWN
    ));
    EINVAL
}

#[cold]
#[inline(never)]
pub(crate) fn refuse_zero() -> Error {
    report(fmt!(
        "allocation flags refused: __GFP_ZERO in a cache with a constructor"
    ));
    EINVAL
}

impl From<Flags> for Gfp {
    /// Exact for every value that can be made outside of the `kernel` crate.
    // `Flags` hides its number. Its values are what `|`, `&` and `!` make of the
    // public constants, so each is a union of the classes below, and `contains`
    // says of which. With constant flags nothing of this is left at run time.
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
        for known in bindings::___GFP_RECLAIMABLE_BIT..bindings::___GFP_LAST_BIT {
            assert!(Gfp::from_raw(bit(known)).allowed() == Ok(bit(known)));
        }
    }
}
