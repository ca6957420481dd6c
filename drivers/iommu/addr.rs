// SPDX-License-Identifier: GPL-2.0

//! Physical addresses of tables.
//!
//! An entry and a base register have 32 bits for them, 35 with ARM_MTK_TTBR_EXT. That the address
//! of a table fits is checked in one place, [`TablePhys::new`]; behind it a type says so.

use crate::{
    config::Config,
    report::report, //
};
use kernel::prelude::*;
use slab_rust::slab::Phys32;

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
    Low(Phys32),
    /// Wider, for walkers that can follow it.
    Ext(ExtPhys),
}

impl TablePhys {
    /// Checks that a table of `size` bytes for `cfg` may lie at `phys`; [`ERANGE`] and a line in
    /// the log if not.
    pub(crate) fn new(phys: u64, size: usize, cfg: &Config) -> Result<Self> {
        let fits = if !cfg.mtk_ttbr_ext() {
            Phys32::new(phys, size).ok().map(Self::Low)
        } else if phys + (size as u64 - 1) <= cfg.paddr_max() {
            // INVARIANT: Just checked.
            Some(Self::Ext(ExtPhys(phys)))
        } else {
            None
        };
        fits.ok_or_else(|| {
            report(fmt!("page table does not fit in PTE: {phys:#x}"));
            ERANGE
        })
    }

    /// The address.
    pub(crate) fn as_u64(self) -> u64 {
        match self {
            Self::Low(phys) => phys.get().into(),
            Self::Ext(ExtPhys(phys)) => phys,
        }
    }

    /// Bits 31 to 0.
    pub(crate) fn low_bits(self) -> u32 {
        self.as_u64() as u32
    }

    /// Bits 34 to 32, moved down to bit 0.
    pub(crate) fn high_bits(self) -> u32 {
        (self.as_u64() >> 32) as u32
    }
}
