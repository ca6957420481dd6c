// SPDX-License-Identifier: GPL-2.0

//! Physical addresses below 4 GiB, and the objects at them.
//!
//! Hardware that takes 32 bits of an address reads the wrong memory, silently, if it is given more.
//! A [`Phys32`] is known to fit, and is made in one place; so is a [`Dma32`], the object at such an
//! address.

use core::ops::{
    Deref,
    DerefMut, //
};

use crate::{
    prelude::*,
    slab::{
        object::Object,
        report::report, //
    }, //
};

/// Physical address of memory that lies below 4 GiB to its last byte.
///
/// # Invariants
///
/// The memory ends at or below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub struct Phys32(u32);

impl Phys32 {
    /// Converts the physical address of `size` bytes of memory.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] if the memory does not end at or below 4 GiB.
    #[inline]
    pub const fn new(phys: u64, size: usize) -> Result<Self> {
        match phys.checked_add(size as u64) {
            // INVARIANT: The end was just compared. An empty range at 4 GiB itself has no address
            // of 32 bits.
            Some(end) if end <= 1 << 32 && phys < 1 << 32 => Ok(Self(phys as u32)),
            _ => Err(ERANGE),
        }
    }

    /// Returns the address in bytes.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<Phys32> for u32 {
    #[inline]
    fn from(phys: Phys32) -> Self {
        phys.0
    }
}

/// An owned object that lies below 4 GiB.
///
/// # Examples
///
/// A driver programs its device with the address that the DMA API returns for an object. If neither
/// an IOMMU nor the bus translates addresses, it is the physical address, and an object below 4 GiB
/// needs no bounce buffer for a device with 32-bit addresses.
///
/// ```
/// # use kernel::{prelude::*, slab::{Dma32, Gfp, KmemCache, SlabFlags}};
/// let cache = KmemCache::<[u32; 256]>::builder(c"doc_descriptors")
///     .flags(SlabFlags::LOW)
///     .build()?;
/// let descriptors = cache.alloc_dma32_zeroed(Gfp::KERNEL)?;
/// assert!(u64::from(Dma32::phys(&descriptors).get()) + 1024 <= 1 << 32);
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// `phys` is the physical address of `object`.
pub struct Dma32<'c, T> {
    object: Object<'c, T>,
    phys: Phys32,
}

impl<'c, T> Dma32<'c, T> {
    /// Takes an object that lies below 4 GiB.
    ///
    /// Every object of a cache with [`SlabFlags::DMA32`](crate::slab::SlabFlags::DMA32) does, one
    /// of another cache may.
    ///
    /// # Errors
    ///
    /// Gives the object back if it does not.
    #[inline]
    pub fn new(object: Object<'c, T>) -> core::result::Result<Self, Object<'c, T>> {
        match Phys32::new(Object::phys(&object), size_of::<T>()) {
            // INVARIANT: The address is that of the object, which does not move.
            Ok(phys) => Ok(Self { object, phys }),
            Err(_) => Err(object),
        }
    }

    /// Returns the physical address of the object: see [`Object::phys`].
    #[inline]
    pub fn phys(this: &Self) -> Phys32 {
        this.phys
    }
}

impl<'c, T> TryFrom<Object<'c, T>> for Dma32<'c, T> {
    type Error = Error;

    /// Takes an object that lies below 4 GiB.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] and one line in the log with its address if it does not; it is freed.
    #[inline]
    fn try_from(object: Object<'c, T>) -> Result<Self> {
        Self::new(object).map_err(|object| refuse(Object::phys(&object)))
    }
}

#[cold]
fn refuse(phys: u64) -> Error {
    report(fmt!(
        "object at {phys:#x} does not lie below 4 GiB: its cache lacks SLAB_CACHE_DMA32"
    ));
    ERANGE
}

impl<T> Deref for Dma32<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T> DerefMut for Dma32<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_phys32)]
mod tests {
    use super::*;

    const LAST: u64 = u32::MAX as u64;

    fn address(phys: u64, size: usize) -> Option<u32> {
        Phys32::new(phys, size).ok().map(Phys32::get)
    }

    #[test]
    fn memory_below_4g_has_an_address() {
        assert_eq!(address(0, 0), Some(0));
        assert_eq!(address(0x8000_0400, 1024), Some(0x8000_0400));
        assert_eq!(address(LAST, 1), Some(u32::MAX));
        assert_eq!(address(LAST - 1023, 1024), Some(0xffff_fc00));
    }

    #[test]
    fn memory_that_ends_above_has_none() {
        for (phys, size) in [
            (LAST, 2),
            (LAST - 1022, 1024),
            (LAST + 1, 0),
            (LAST + 1, 1024),
            (0x1_8000_0400, 1024),
            (u64::MAX, 1),
            (u64::MAX, usize::MAX),
            #[cfg(CONFIG_64BIT)]
            (0, usize::MAX),
        ] {
            assert!(Phys32::new(phys, size).err() == Some(ERANGE));
        }
    }
}
