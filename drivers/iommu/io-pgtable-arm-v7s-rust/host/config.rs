// SPDX-License-Identifier: GPL-2.0

//! Requests for a set: which are served, and what comes back.

use kernel::{
    bindings,
    helpers,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};
use proptest::prelude::*;

use super::{
    init,
    request,
    DEVICE,
    MTK, //
};
use crate::{
    config::{
        quirk,
        Config,
        PAGE_SIZES, //
    },
    table_set::IoPgtableArmV7s, //
};

/// Returns true if a request can be served, by the rules of `struct io_pgtable_cfg`.
fn is_served(cfg: &bindings::io_pgtable_cfg) -> bool {
    let has = |quirk| cfg.quirks & quirk != 0;
    let known = [0, 1, 3, 4, 9]
        .map(|bit| 1usize << bit)
        .iter()
        .sum::<usize>();
    let wide = has(quirk::ARM_MTK_EXT);
    cfg.quirks & !known == 0
        && (!wide || has(quirk::NO_PERMS))
        && (!has(quirk::ARM_MTK_TTBR_EXT) || wide)
        && cfg.ias >= 20
        && cfg.ias <= if wide { 34 } else { 32 }
        && cfg.oas <= if wide { 35 } else { 32 }
        && (cfg.coherent_walk || !cfg.iommu_dev.is_null())
}

proptest! {
    #[test]
    fn requests_are_served_or_refused(
        quirks in prop_oneof![0..32usize, Just(MTK), Just(1 << 9), any::<usize>()],
        ias in 0..40u32,
        oas in 0..40u32,
        sizes in any::<usize>(),
        coherent in any::<bool>(),
        device in any::<bool>(),
    ) {
        let mut cfg = request(quirks, ias, oas);
        cfg.pgsize_bitmap = sizes;
        cfg.coherent_walk = coherent;
        if device {
            cfg.iommu_dev = (&raw const DEVICE).cast_mut();
        }
        let lines = helpers::lines();
        let config = Config::new(&cfg);
        prop_assert_eq!(config.is_ok(), is_served(&cfg));
        // The reason is in the log.
        prop_assert_eq!(helpers::lines() - lines, usize::from(config.is_err()));
        if let Ok(config) = config {
            let wide = quirks & quirk::ARM_MTK_EXT != 0;
            prop_assert_eq!(config.ias(), ias);
            prop_assert_eq!(config.oas(), oas);
            prop_assert_eq!(config.quirks(), quirks);
            prop_assert_eq!(config.iova_max() as u64, (1u64 << ias) - 1);
            prop_assert_eq!(config.paddr_max(), (1u64 << oas) - 1);
            prop_assert_eq!(config.l1_entries(), 1usize << (ias - 20));
            prop_assert_eq!(config.page_sizes(), sizes & 0x0111_1000);
            prop_assert_eq!(config.walker().is_coherent(), coherent);
            prop_assert_eq!(config.format().perms, quirks & quirk::NO_PERMS == 0);
            prop_assert_eq!(config.format().extended, wide);
            prop_assert_eq!(config.format().ns, quirks & quirk::ARM_NS != 0);
            prop_assert_eq!(config.no_warn(), quirks & quirk::NO_WARN != 0);
            let far = quirks & quirk::ARM_MTK_TTBR_EXT != 0;
            prop_assert_eq!(config.ext_max(), far.then_some((1u64 << oas) - 1));
        }
    }
}

/// Values of registers, by the manual: TTBR0 with attributes, PRRR and NMRR for the indices that
/// entries have.
#[test]
fn registers() {
    init();
    for (quirks, coherent, attributes) in [
        (0, true, 0x6a),
        (0, false, 0x02),
        (MTK, true, 0),
        (MTK, false, 0),
    ] {
        let mut cfg = request(quirks, 32, 32);
        cfg.coherent_walk = coherent;
        cfg.iommu_dev = (&raw const DEVICE).cast_mut();
        let set = IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).unwrap();
        let registers = cfg.__bindgen_anon_1.arm_v7s_cfg;
        assert_eq!(u64::from(registers.ttbr), set.l1_phys() | attributes);
        assert_eq!(registers.tcr, 0);
        assert_eq!(registers.prrr, 0x800b_8204, "PRRR");
        assert_eq!(registers.nmrr, 0x4000_4000, "NMRR");
        assert_eq!(cfg.pgsize_bitmap, PAGE_SIZES);
        assert_eq!(set.l1_bytes(), 16384);
        assert_eq!(set.l2_bytes(3), 3 * 1024);
    }
    // Bits 32 to 34 of the address are in bits 0 to 2.
    let mut cfg = request(MTK | quirk::ARM_MTK_TTBR_EXT, 34, 35);
    let set = IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).unwrap();
    let ttbr = cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr;
    let (low, high) = (set.l1_phys() & 0xffff_ffff, set.l1_phys() >> 32);
    assert!(high != 0);
    assert_eq!(u64::from(ttbr), low | high);
}

/// No set without memory, with a first-level table above 4 GiB, or one that the device does not
/// reach.
#[test]
fn no_set_without_its_first_level_table() {
    init();
    let new = |coherent| {
        let mut cfg = request(0, 32, 32);
        cfg.coherent_walk = coherent;
        cfg.iommu_dev = (&raw const DEVICE).cast_mut();
        IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).map(|_| ())
    };
    let mut failing = 0;
    while {
        helpers::fail_after(Some(failing));
        new(true) == Err(ENOMEM)
    } {
        failing += 1;
    }
    // The lock, the marks, the table and the set.
    assert_eq!(failing, 4);
    assert_eq!(new(true), Err(ENOMEM));
    helpers::fail_after(None);
    assert_eq!(new(true), Ok(()));
    helpers::misplace(true);
    assert_eq!(new(true), Err(ERANGE));
    helpers::misplace(false);
    helpers::hide_from_devices(true);
    assert_eq!(new(false), Err(EIO));
    assert_eq!(new(true), Ok(()));
    helpers::hide_from_devices(false);
}

/// Lines in the log: one for each call that is refused, none for a walker of a driver that wants
/// none, and one for memory that is missing.
#[test]
fn lines_in_the_log() {
    use crate::slab::Gfp;

    init();
    for (quirks, expected) in [(0, 1), (quirk::NO_WARN, 0)] {
        let mut cfg = request(quirks, 32, 32);
        let set = IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).unwrap();
        let map = |paddr, flags, gfp| {
            let lines = helpers::lines();
            // SAFETY: One thread uses the set.
            let result = unsafe { set.map_pages(SZ_1M, paddr, SZ_4K, 1, flags, gfp, &mut 0) };
            (result, helpers::lines() - lines)
        };
        assert_eq!(map(1 << 32, 3, Gfp::KERNEL), (Err(ERANGE), expected));
        // As in C, this one has no line.
        assert_eq!(map(0, 0, Gfp::KERNEL), (Err(EINVAL), 0));
        helpers::fail_after(Some(0));
        assert_eq!(map(0, 3, Gfp::KERNEL), (Err(ENOMEM), 1));
        assert_eq!(map(0, 3, Gfp::KERNEL.no_warn()), (Err(ENOMEM), 0));
        helpers::fail_after(None);
        assert_eq!(map(0, 3, Gfp::from_raw(1)), (Err(EINVAL), expected));
        assert_eq!(map(0, 3, Gfp::KERNEL), (Ok(()), 0));
        assert_eq!(map(0, 3, Gfp::KERNEL), (Err(EEXIST), expected));
    }
}
