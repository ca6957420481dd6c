// SPDX-License-Identifier: GPL-2.0

//! The values that a driver writes to its IOMMU's registers.
//!
//! Layouts: ARM Architecture Reference Manual ARMv7-A/R (DDI 0406), B4.1 (TTBR0, TTBCR, PRRR,
//! NMRR). IOMMUs with this format have registers of the same layout.

use kernel::{
    bindings,
    bitfield, //
};

use crate::{
    config::Config,
    format::table_phys::TablePhys, //
};

bitfield! {
    /// Primary region remap: the memory type of each index TEX\[0\], C, B.
    struct Prrr(u32) {
        31:31 nos7;
        19:19 ns1;
        17:17 ds1;
        16:16 ds0;
        15:14 tr7;
        9:8 tr4;
        3:2 tr1;
    }
}

bitfield! {
    /// Normal memory remap: the cacheability of each index of type normal.
    struct Nmrr(u32) {
        31:30 or7;
        15:14 ir7;
    }
}

bitfield! {
    /// Translation table base.
    struct Ttbr(u32) {
        6:6 irgn0;
        5:5 nos;
        4:3 rgn;
        1:1 s;
        0:0 irgn1;
    }
}

/// Memory types of PRRR.
const DEVICE: u32 = 1;
const NORMAL: u32 = 2;

/// Write-back, write-allocate.
const WBWA: u32 = 1;

/// Indices as they come out of an entry: 1 for device memory (B), 4 for normal uncached (TEX\[0\])
/// and 7 for normal cached memory (all three). Each maps to the meaning of the bits without remap.
const PRRR: Prrr = Prrr::from_raw(0)
    .with_const_tr1::<DEVICE>()
    .with_const_tr4::<NORMAL>()
    .with_const_tr7::<NORMAL>()
    .with_const_ds0::<1>()
    .with_const_ds1::<1>()
    .with_const_ns1::<1>()
    .with_const_nos7::<1>();

const NMRR: Nmrr = Nmrr::from_raw(0)
    .with_const_ir7::<WBWA>()
    .with_const_or7::<WBWA>();

/// T0SZ 0 and EAE 0: TTBR0 translates everything, with short descriptors.
const TCR: u32 = 0;

/// The part of `struct io_pgtable_cfg` that a driver writes to its registers.
pub(crate) type Registers = bindings::io_pgtable_cfg__bindgen_ty_1__bindgen_ty_3;

/// The registers for a table set whose first-level table is at `l1`.
pub(crate) fn of(config: &Config, l1: TablePhys) -> Registers {
    Registers {
        ttbr: ttbr(config, l1),
        tcr: TCR,
        nmrr: NMRR.into_raw(),
        prrr: PRRR.into_raw(),
    }
}

fn ttbr(config: &Config, l1: TablePhys) -> u32 {
    // MediaTek has address bits 32 to 34 in the lowest bits of the register and no attributes.
    if config.format().extended {
        return l1.low_bits() | l1.high_bits();
    }
    let attributes = Ttbr::from_raw(l1.low_bits()).with_const_s::<1>();
    if config.walker().is_coherent() {
        attributes
            .with_const_nos::<1>()
            .with_const_irgn0::<1>()
            .with_const_rgn::<WBWA>()
            .into_raw()
    } else {
        attributes.into_raw()
    }
}
