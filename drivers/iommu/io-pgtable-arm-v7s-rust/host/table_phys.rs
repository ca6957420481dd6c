// SPDX-License-Identifier: GPL-2.0

//! Addresses of tables that fit in an entry.

use kernel::{
    prelude::*,
    sizes::{
        SZ_16K,
        SZ_1K,
        SZ_64K, //
    }, //
};

use super::{
    request,
    MTK, //
};
use crate::{
    config::{
        quirk,
        Config, //
    },
    format::table_phys::TablePhys, //
};

/// All of a table below 4 GiB, or below 2^oas with ARM_MTK_TTBR_EXT.
#[test]
fn addresses_that_fit() -> Result {
    const WIDE: usize = MTK | quirk::ARM_MTK_TTBR_EXT;
    for (quirks, oas, phys, size, fits) in [
        (0, 32, 0, SZ_1K, true),
        (0, 32, 0xffff_fc00, SZ_1K, true),
        (0, 32, 0xffff_c000, SZ_16K, true),
        (0, 32, 0xffff_fc00, SZ_16K, false),
        (0, 32, 0x1_0000_0000, SZ_1K, false),
        (0, 32, 0x1_8000_0000, SZ_1K, false),
        (0, 32, 0x10_0000_0000, SZ_16K, false),
        // Wide output addresses alone do not help.
        (MTK, 35, 0xffff_fc00, SZ_1K, true),
        (MTK, 35, 0x1_0000_0000, SZ_1K, false),
        (WIDE, 35, 0x1_0000_0000, SZ_1K, true),
        (WIDE, 35, 0x7_ffff_fc00, SZ_1K, true),
        (WIDE, 35, 0x7_ffff_0000, SZ_64K, true),
        (WIDE, 35, 0x7_ffff_fc00, SZ_64K, false),
        (WIDE, 35, 0x8_0000_0000, SZ_1K, false),
        (WIDE, 33, 0x1_ffff_fc00, SZ_1K, true),
        (WIDE, 33, 0x2_0000_0000, SZ_1K, false),
        (WIDE, 32, 0xffff_fc00, SZ_1K, true),
        (WIDE, 32, 0x1_0000_0000, SZ_1K, false),
        (WIDE, 31, 0x7fff_fc00, SZ_1K, true),
        (WIDE, 31, 0x8000_0000, SZ_1K, false),
    ] {
        let cfg = Config::new(&request(quirks, 32, oas))?;
        match TablePhys::new(phys, size, cfg.ext_max()) {
            Some(table) => {
                assert!(fits, "{size:#x} bytes at {phys:#x} do not");
                assert_eq!(table.as_u64(), phys);
                assert_eq!(table.low_bits(), (phys & 0xffff_ffff) as u32);
                assert_eq!(u64::from(table.high_bits()), phys >> 32);
            }
            None => assert!(!fits, "{size:#x} bytes at {phys:#x} do"),
        }
    }
    Ok(())
}
