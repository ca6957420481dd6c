// SPDX-License-Identifier: GPL-2.0

//! The format as the kernel crate's consumers know it.

use kernel::{
    bindings,
    iommu::pgtable::IoPageTableFmt, //
};

/// The `ARM_V7S` page table format.
///
/// A table of this format is served by whoever serves ARM_V7S when it is made: Rust while this
/// module is loaded with `takeover=1`, the kernel's C otherwise.
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

/// Reads one of the values.
macro_rules! register {
    ($table:expr, $name:ident) => {
        // SAFETY: A table of this format has this part of the configuration, and nobody writes to
        // it once the table is made.
        unsafe { (*$table.raw_cfg()).__bindgen_anon_1.arm_v7s_cfg.$name }
    };
}

// All of it is inlined into its users, so that they depend on this module for serving them at most.
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
