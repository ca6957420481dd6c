// SPDX-License-Identifier: GPL-2.0

//! Physical addresses below 4 GiB, as a type.
//!
//! C header: [`include/linux/io.h`](srctree/include/linux/io.h) (`virt_to_phys()`)
//!
//! Hardware that takes 32 bits of an address reads the wrong memory, silently, if
//! it is given more. A [`Phys32`] fits by its type, and comes from one checked
//! place; so does a [`Dma32`], the object at such an address.

use core::ops::{
    Deref,
    DerefMut, //
};

use crate::{
    bindings,
    prelude::*,
    slab::{
        object::Object,
        report::report, //
    }, //
};

/// The physical address, in bytes, of an address in the kernel's linear map.
///
/// # Safety
///
/// `address` lies in the linear map: memory from a slab cache or the page
/// allocator does, vmalloc, module and stack memory does not.
#[inline]
pub unsafe fn virt_to_phys(address: *const c_void) -> u64 {
    // SAFETY: By the safety requirements of this function.
    let phys = unsafe { bindings::virt_to_phys(address) };
    #[allow(clippy::useless_conversion)] // It has 32 bits without CONFIG_PHYS_ADDR_T_64BIT.
    u64::from(phys)
}

/// The physical address of memory that lies below 4 GiB to its last byte.
///
/// # Invariants
///
/// What was made into a `Phys32` ends at or below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub struct Phys32(u32);

/// Memory that does not lie below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Above4G {
    /// Its physical address.
    pub phys: u64,
}

impl From<Above4G> for Error {
    fn from(_: Above4G) -> Self {
        ERANGE
    }
}

impl Phys32 {
    /// Takes the physical address of `size` bytes of memory, if they end at or
    /// below 4 GiB. The only way to make one.
    #[inline]
    pub const fn new(phys: u64, size: usize) -> core::result::Result<Self, Above4G> {
        match phys.checked_add(size as u64) {
            // INVARIANT: The end was just compared. An empty range at 4 GiB itself
            // has no address of 32 bits.
            Some(end) if end <= 1 << 32 && phys < 1 << 32 => Ok(Self(phys as u32)),
            _ => Err(Above4G { phys }),
        }
    }

    /// The address in bytes.
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
/// # Invariants
///
/// `phys` is the physical address of `object`.
pub struct Dma32<'c, T> {
    object: Object<'c, T>,
    phys: Phys32,
}

impl<'c, T> Dma32<'c, T> {
    /// Takes an object, if it lies below 4 GiB; gives it back otherwise.
    ///
    /// Every object of a cache with [`SlabFlags::DMA32`](crate::slab::SlabFlags::DMA32)
    /// does, one of another cache may.
    #[inline]
    pub fn new(object: Object<'c, T>) -> core::result::Result<Self, (Object<'c, T>, Above4G)> {
        match Phys32::new(Object::phys(&object), size_of::<T>()) {
            // INVARIANT: The address was just asked for, and objects do not move.
            Ok(phys) => Ok(Self { object, phys }),
            Err(above) => Err((object, above)),
        }
    }

    /// The physical address, in bytes.
    #[inline]
    pub fn phys(&self) -> u32 {
        self.phys.get()
    }

    /// The physical address, still known to be below 4 GiB.
    #[inline]
    pub fn phys32(&self) -> Phys32 {
        self.phys
    }

    /// The object, without what is known about its place.
    #[inline]
    pub fn into_object(self) -> Object<'c, T> {
        self.object
    }
}

impl<'c, T> TryFrom<Object<'c, T>> for Dma32<'c, T> {
    type Error = Error;

    /// Like [`Dma32::new`], but an object above 4 GiB is freed and one line in the
    /// log says where it was.
    fn try_from(object: Object<'c, T>) -> Result<Self> {
        Self::new(object).map_err(|(_, above)| refuse(above))
    }
}

#[cold]
pub(crate) fn refuse(above: Above4G) -> Error {
    report(fmt!(
        "object at {:#x} does not lie below 4 GiB: its cache lacks SLAB_CACHE_DMA32",
        above.phys
    ));
    above.into()
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

    #[test]
    fn memory_below_4g_has_an_address() {
        assert_eq!(Phys32::new(0, 0).map(Phys32::get), Ok(0));
        assert_eq!(
            Phys32::new(0x8000_0400, 1024).map(Phys32::get),
            Ok(0x8000_0400)
        );
        assert_eq!(Phys32::new(LAST, 1).map(Phys32::get), Ok(u32::MAX));
        assert_eq!(
            Phys32::new(LAST - 1023, 1024).map(Phys32::get),
            Ok(0xffff_fc00)
        );
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
            assert_eq!(Phys32::new(phys, size), Err(Above4G { phys }));
        }
    }

    #[test]
    fn refusal_is_an_errno() {
        assert!(Error::from(Above4G { phys: LAST + 1 }) == ERANGE);
    }
}
