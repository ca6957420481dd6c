// SPDX-License-Identifier: GPL-2.0

//! The marker type `ArmV7s` for the kernel crate's `IoPageTable`.

use kernel::{
    bindings,
    error::to_result,
    iommu::pgtable::IoPageTableFmt,
    prelude::*, //
};

use crate::{
    module::by_name::{
        io_pgtable_arm_v7s_rust_populate,
        io_pgtable_arm_v7s_rust_trim, //
    },
    slab::Gfp, //
};

/// The `ARM_V7S` page table format.
///
/// A table of this format is made by the provider of ARM_V7S at that time: Rust while this module
/// is loaded with `takeover=1`, the kernel's C otherwise.
pub enum ArmV7s {}

impl IoPageTableFmt for ArmV7s {
    const FORMAT: bindings::io_pgtable_fmt = bindings::io_pgtable_fmt_ARM_V7S;
}

/// The register values of a table of format [`ArmV7s`].
pub trait ArmV7sRegisters {
    /// Translation table base: the physical address of the first-level table and its attributes.
    ///
    /// # Safety
    ///
    /// The device stops using the table before it is dropped.
    unsafe fn ttbr(&self) -> u32;

    /// Primary region remap.
    fn prrr(&self) -> u32;

    /// Normal memory remap.
    fn nmrr(&self) -> u32;

    /// Translation control.
    fn tcr(&self) -> u32;
}

/// Second-level tables of a table of format [`ArmV7s`] ahead of need, if this module serves it.
pub trait ArmV7sTables {
    /// Makes the second-level tables for a range of input addresses, so that no mapping of small or
    /// large pages in it allocates from then on, whatever is unmapped meanwhile. A section that is
    /// mapped in the range takes the place of its table.
    ///
    /// Returns [`ERANGE`] if the range is not inside `ias`, [`EINVAL`] for `gfp` with zone bits or
    /// a table that another provider serves, [`ENOMEM`]; tables made until then stay.
    ///
    /// # Safety
    ///
    /// No other call unmaps, trims or maps all of a MiB that the range touches meanwhile.
    unsafe fn populate(&self, iova: usize, size: usize, gfp: Gfp) -> Result;

    /// Frees the second-level tables that map nothing, of each MiB that lies in the range as a
    /// whole.
    ///
    /// # Safety
    ///
    /// No other call concerns these input addresses meanwhile, and the caller has invalidated the
    /// walker's caches since it last unmapped there.
    unsafe fn trim(&self, iova: usize, size: usize);
}

impl ArmV7sTables for slab_rust::any_page_table!(ArmV7s) {
    unsafe fn populate(&self, iova: usize, size: usize, gfp: Gfp) -> Result {
        // SAFETY: The ops belong to a live table; the caller keeps the rest of the contract.
        to_result(unsafe {
            io_pgtable_arm_v7s_rust_populate(self.raw_ops(), iova, size, gfp.as_raw())
        })
    }

    unsafe fn trim(&self, iova: usize, size: usize) {
        // SAFETY: The ops belong to a live table; the caller keeps the rest of the contract.
        unsafe { io_pgtable_arm_v7s_rust_trim(self.raw_ops(), iova, size) };
    }
}

/// Reads one of the values.
macro_rules! register {
    ($table:expr, $name:ident) => {
        // SAFETY: A table of this format has this part of the configuration, which is not written
        // to after the table is made.
        unsafe { (*$table.raw_cfg()).__bindgen_anon_1.arm_v7s_cfg.$name }
    };
}

// Inlined into its users: a module that uses only the marker does not depend on this module.
impl ArmV7sRegisters for slab_rust::any_page_table!(ArmV7s) {
    #[inline]
    unsafe fn ttbr(&self) -> u32 {
        register!(self, ttbr)
    }

    #[inline]
    fn prrr(&self) -> u32 {
        register!(self, prrr)
    }

    #[inline]
    fn nmrr(&self) -> u32 {
        register!(self, nmrr)
    }

    #[inline]
    fn tcr(&self) -> u32 {
        register!(self, tcr)
    }
}

#[kernel::macros::kunit_tests(v7s_tables_ahead)]
mod tests {
    use super::*;

    use kernel::{
        faux,
        iommu::pgtable::Config,
        sizes::{
            SZ_1M,
            SZ_4K, //
        }, //
    };

    use slab_rust::compat::{
        bound,
        page_table, //
    };

    use crate::module::by_name::is_ours;

    /// Tables of this module are populated and trimmed, tables of C are refused.
    #[test]
    fn populate_and_trim() -> Result {
        let device = faux::Registration::new(c"v7s_tables_ahead", None)?;
        let config = Config {
            quirks: 0,
            pgsize_bitmap: SZ_4K,
            ias: 32,
            oas: 32,
            coherent_walk: true,
        };
        // SAFETY: The table is dropped before the device.
        let table = unsafe { page_table::<ArmV7s>(bound(&device), config)? };
        // SAFETY: The ops belong to a live table.
        let ours = unsafe { is_ours(table.raw_ops()) };
        let expected = if ours { Ok(()) } else { Err(EINVAL) };
        // SAFETY: No other thread and no walker uses the table.
        let result = unsafe { table.populate(0, 2 * SZ_1M, Gfp::KERNEL) };
        assert_eq!(result, expected);
        // SAFETY: No other thread and no walker uses the table.
        unsafe { table.trim(0, SZ_1M) };
        Ok(())
    }
}
