// SPDX-License-Identifier: GPL-2.0

//! Physical addresses of tables.
//!
//! Entries and base registers hold 32 bits of an address, 35 with ARM_MTK_TTBR_EXT. The one check
//! that an address fits is in [`TablePhys::new`]; a [`TablePhys`] is known to fit.

/// The physical address of a table with ARM_MTK_TTBR_EXT.
///
/// # Invariants
///
/// Below 2^`oas` of the table set, hence below 2^35.
#[derive(Clone, Copy)]
pub(crate) struct ExtPhys(u64);

/// The physical address of a table, known to fit.
#[derive(Clone, Copy)]
pub(crate) enum TablePhys {
    /// Below 4 GiB.
    Low(u32),
    /// Wider, for walkers that can follow it.
    Ext(ExtPhys),
}

impl TablePhys {
    /// Returns the address of a table of `size` bytes at `phys` if all of it lies below 4 GiB or,
    /// for walkers that can follow wider addresses, not above `ext_max`.
    pub(crate) fn new(phys: u64, size: usize, ext_max: Option<u64>) -> Option<Self> {
        let last = phys.checked_add(size as u64 - 1)?;
        match ext_max {
            // INVARIANT: `ext_max` is the last address of 2^`oas`.
            Some(max) => (last <= max).then_some(Self::Ext(ExtPhys(phys))),
            None => u32::try_from(last).ok().map(|_| Self::Low(phys as u32)),
        }
    }

    /// Returns the address.
    pub(crate) fn as_u64(self) -> u64 {
        match self {
            Self::Low(phys) => phys.into(),
            Self::Ext(ExtPhys(phys)) => phys,
        }
    }

    /// Returns bits 31 to 0.
    pub(crate) fn low_bits(self) -> u32 {
        self.as_u64() as u32
    }

    /// Returns bits 34 to 32, moved down to bit 0.
    pub(crate) fn high_bits(self) -> u32 {
        (self.as_u64() >> 32) as u32
    }
}
