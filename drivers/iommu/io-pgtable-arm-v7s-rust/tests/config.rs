// SPDX-License-Identifier: GPL-2.0

//! Accepted and refused configurations, and register values.

use core::ptr::dangling_mut;

use super::*;

use crate::{
    config::Config,
    format::table_phys::TablePhys,
    registers::{
        self,
        Registers, //
    }, //
};

/// PRRR for TEX remap: TR1 device (1 in bits 3:2), TR4 and TR7 normal (2 in 9:8 and 15:14), DS0
/// and DS1 (16, 17), NS1 (19), NOS7 (31).
const PRRR: u32 = 0x800b_8204;

/// NMRR: IR7 and OR7 write-back, write-allocate (1 in 15:14 and 31:30).
const NMRR: u32 = 0x4000_4000;

/// Attributes in TTBR of a coherent walker: IRGN write-back, write-allocate (bit 6), NOS (5), RGN
/// the same (1 in 4:3), S (1).
const TTBR_COHERENT: u64 = 0x6a;

/// Attributes in TTBR of another walker: S, not cacheable.
const TTBR_NONCOHERENT: u64 = 0x02;

/// Returns the register values in a completed request.
fn registers_of(cfg: &bindings::io_pgtable_cfg) -> Registers {
    // SAFETY: This part of the union was filled in, and any bits are numbers.
    unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg }
}

/// Returns the expected register values for a first-level table at `l1`.
fn registers_for(cfg: bindings::io_pgtable_cfg, l1: u64) -> Result<Registers> {
    let config = Config::new(&cfg)?;
    let l1 = TablePhys::new(l1, SZ_16K, config.ext_max()).ok_or(ERANGE)?;
    Ok(registers::of(&config, l1))
}

fn accepts(cfg: bindings::io_pgtable_cfg) -> bool {
    Set::new(cfg).is_ok()
}

/// An allocator that is never called.
extern "C" fn custom_alloc(
    _cookie: *mut c_void,
    _size: usize,
    _gfp: bindings::gfp_t,
) -> *mut c_void {
    null_mut()
}

/// A free function that is never called.
extern "C" fn custom_free(_cookie: *mut c_void, _pages: *mut c_void, _size: usize) {}

#[kunit_tests(v7s_config)]
mod suite {
    use super::*;

    /// Bit numbers as in include/linux/io-pgtable.h.
    #[test]
    fn only_known_quirks() {
        for bit in 0..usize::BITS {
            let known = match bit {
                // ARM_NS, NO_PERMS, NO_WARN.
                0 | 1 | 9 => true,
                // ARM_MTK_EXT wants NO_PERMS, ARM_MTK_TTBR_EXT wants ARM_MTK_EXT.
                3 | 4 => false,
                _ => false,
            };
            // Quirks of other formats, and undefined ones.
            if known || bit <= 12 || bit == usize::BITS - 1 {
                assert_eq!(accepts(request(1 << bit, 32, 32)), known);
            }
        }
        assert!(!accepts(request(quirk::ARM_NS | 1 << 2, 32, 32)));
    }

    #[test]
    fn quirks_that_need_others() {
        const NS: usize = 1 << 0;
        const NO_PERMS: usize = 1 << 1;
        const MTK_EXT: usize = 1 << 3;
        const TTBR_EXT: usize = 1 << 4;
        const NO_WARN: usize = 1 << 9;

        for others in [0, NS, NO_WARN, NS | NO_WARN] {
            for (quirks, served) in [
                (0, true),
                (NO_PERMS, true),
                (MTK_EXT, false),
                (TTBR_EXT, false),
                (NO_PERMS | MTK_EXT, true),
                (NO_PERMS | TTBR_EXT, false),
                (MTK_EXT | TTBR_EXT, false),
                (NO_PERMS | MTK_EXT | TTBR_EXT, true),
            ] {
                // Tables with ARM_MTK_TTBR_EXT may be anywhere below oas.
                let oas = if quirks & MTK_EXT != 0 { 35 } else { 32 };
                assert_eq!(accepts(request(quirks | others, 32, oas)), served);
            }
        }
    }

    #[test]
    fn input_addresses() {
        for ias in 20..=32 {
            assert!(accepts(request(0, ias, 32)));
            assert!(accepts(request(MTK, ias, 35)));
        }
        assert!(accepts(request(MTK, 33, 35)));
        assert!(accepts(request(MTK, 34, 35)));
        assert!(accepts(request(MTK, 34, 32)));
        for ias in [0, 12, 19, 33, 34, 35, 64, u32::MAX] {
            assert!(!accepts(request(0, ias, 32)));
            assert!(!accepts(request(quirk::NO_PERMS, ias, 32)));
        }
        for ias in [0, 19, 35, 64, u32::MAX] {
            assert!(!accepts(request(MTK, ias, 35)));
        }
    }

    #[test]
    fn output_addresses() {
        for oas in [12, 20, 28, 31, 32] {
            assert!(accepts(request(0, 32, oas)));
        }
        for oas in 32..=35 {
            assert!(accepts(request(MTK, 32, oas)));
        }
        for oas in [33, 35, 36, 64, u32::MAX] {
            assert!(!accepts(request(0, 32, oas)));
            assert!(!accepts(request(quirk::NO_PERMS, 32, oas)));
        }
        for oas in [36, 64, u32::MAX] {
            assert!(!accepts(request(MTK, 32, oas)));
        }
    }

    #[test]
    fn noncoherent_walker_needs_device() {
        let mut cfg = request(0, 32, 32);
        cfg.coherent_walk = false;
        assert!(!accepts(cfg));
    }

    #[test]
    fn no_custom_allocator() {
        let mut cfg = request(0, 32, 32);
        cfg.alloc = Some(custom_alloc);
        cfg.free = Some(custom_free);
        assert!(!accepts(cfg));
        cfg.alloc = None;
        assert!(!accepts(cfg));
        cfg.alloc = Some(custom_alloc);
        cfg.free = None;
        assert!(!accepts(cfg));
    }

    #[test]
    fn page_sizes_are_narrowed() -> Result {
        const ALL: usize = 0x1000 | 0x1_0000 | 0x10_0000 | 0x100_0000;
        for (asked, served) in [
            (usize::MAX, ALL),
            (ALL, ALL),
            (0x1000, 0x1000),
            (0x1000 | 0x20_0000 | 0x4000_0000, 0x1000),
            (0x10_0000 | 0x1_0000, 0x10_0000 | 0x1_0000),
            (0x2000, 0),
            (0, 0),
        ] {
            let mut cfg = request(0, 32, 32);
            cfg.pgsize_bitmap = asked;
            assert_eq!(Set::new(cfg)?.cfg.pgsize_bitmap, served);
        }
        Ok(())
    }

    #[test]
    fn remap_and_control_registers() -> Result {
        for quirks in [0, quirk::ARM_NS, quirk::NO_PERMS, MTK] {
            let registers = registers_of(&Set::of(quirks, 32, 32)?.cfg);
            assert_eq!(registers.prrr, PRRR);
            assert_eq!(registers.nmrr, NMRR);
            assert_eq!(registers.tcr, 0);
        }
        Ok(())
    }

    #[test]
    fn table_base_of_coherent_walker() -> Result {
        let set = Set::of(0, 32, 32)?;
        let ttbr = registers_of(&set.cfg).ttbr;
        assert_eq!(u64::from(ttbr), set.table().l1_phys() | TTBR_COHERENT);

        let registers = registers_for(request(quirk::NO_PERMS, 32, 32), 0xffff_c000)?;
        assert_eq!(registers.ttbr, 0xffff_c06a);
        Ok(())
    }

    /// MediaTek: no attributes; address bits 32 to 34 in bits 0 to 2.
    #[test]
    fn table_base_of_mediatek_walker() -> Result {
        let quirks = MTK | quirk::ARM_MTK_TTBR_EXT;
        for quirks in [MTK, quirks] {
            let set = Set::of(quirks, 34, 35)?;
            let (ttbr, phys) = (registers_of(&set.cfg).ttbr, set.table().l1_phys());
            assert_eq!(u64::from(ttbr), phys & 0xffff_ffff | phys >> 32);
        }
        for (l1, ttbr) in [
            (0x8054_4000, 0x8054_4000),
            (0x1_8054_4000, 0x8054_4001),
            (0x2_8054_4000, 0x8054_4002),
            (0x4_8054_4000, 0x8054_4004),
            (0x7_ffff_c000, 0xffff_c007),
        ] {
            assert_eq!(registers_for(request(quirks, 34, 35), l1)?.ttbr, ttbr);
        }
        Ok(())
    }

    #[test]
    fn table_base_of_noncoherent_walker() -> Result {
        let mut cfg = request(0, 32, 32);
        cfg.coherent_walk = false;
        // Compared with null only.
        cfg.iommu_dev = dangling_mut();
        let registers = registers_for(cfg, 0x8054_4000)?;
        assert_eq!(u64::from(registers.ttbr), 0x8054_4000 | TTBR_NONCOHERENT);
        assert_eq!(registers.prrr, PRRR);
        assert_eq!(registers.nmrr, NMRR);

        cfg.quirks = MTK;
        assert_eq!(registers_for(cfg, 0x8054_4000)?.ttbr, 0x8054_4000);
        Ok(())
    }

    /// An entry for each MiB, all empty, at an address that is a multiple of the table's size.
    #[test]
    fn first_level_table() -> Result {
        for ias in 20..=34 {
            let set = Set::of(MTK, ias, 35)?;
            let entries = 1 << (ias - 20);
            assert_eq!(set.table().l1().len(), entries);
            assert_eq!(set.table().l1_phys() & (4 * entries as u64 - 1), 0);
            assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        }
        Ok(())
    }

    /// The io-pgtable core's part: consumers find it behind the ops.
    #[test]
    fn core_fields() -> Result {
        let mut mark = 0u32;
        let cookie = (&raw mut mark).cast();
        // SAFETY: Without callbacks the cookie is not used.
        let set = unsafe { Set::with_cookie(request(quirk::ARM_NS, 30, 31), cookie)? };
        let iop = set.table().iop();
        // SAFETY: Valid as long as the set.
        let (fmt, kept_cookie, kept) = unsafe { ((*iop).fmt, (*iop).cookie, (*iop).cfg) };
        assert_eq!(fmt, bindings::io_pgtable_fmt_ARM_V7S);
        assert_eq!(kept_cookie, cookie);
        assert_eq!(kept.quirks, quirk::ARM_NS);
        assert_eq!((kept.ias, kept.oas), (30, 31));
        assert_eq!(registers_of(&kept).ttbr, registers_of(&set.cfg).ttbr);
        Ok(())
    }

    /// Null is ignored, as by `free_io_pgtable_ops()`.
    #[test]
    fn freeing_nothing_is_fine() {
        // SAFETY: Null is allowed.
        unsafe { free_ops(null_mut()) };
    }
}
