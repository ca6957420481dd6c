// SPDX-License-Identifier: GPL-2.0

//! Misuse by drivers: each call is refused, and earlier mappings stay.
//!
//! Wrong sizes, counts and alignments are in the suites of `map` and `unmap`; `v7s_fuzz` has the
//! combinations.

use kernel::bindings::gfp_t;

use super::*;

/// A mapping of each size.
const MAPPED: [(usize, u64, usize); 4] = [
    (0x3000, 0x4000_1000, SZ_4K),
    (0x4_0000, 0x5001_0000, SZ_64K),
    (0x20_0000, 0x6010_0000, SZ_1M),
    (0x100_0000, 0x7000_0000, SZ_16M),
];

/// Makes a set with a mapping of each size.
fn mapped() -> Result<Set> {
    let set = Set::of(0, 32, 32)?;
    for (iova, paddr, size) in MAPPED {
        if !set.maps(iova, paddr, size, 1) {
            return Err(EIO);
        }
    }
    Ok(set)
}

/// Returns true if exactly these mappings are there.
fn intact(set: &Set) -> bool {
    let mut end = 0;
    MAPPED.iter().all(|(iova, paddr, size)| {
        let gap = set.is_gap(end, iova - end);
        end = iova + size;
        gap && set.translates(*iova, *paddr, *size)
    }) && set.is_gap(end, SZ_16M)
        && set.table().l1()[end >> 20..]
            .iter()
            .all(|slot| slot.load() == 0)
}

/// Changes the DMA mask of a device; `None` removes it.
fn set_mask(dev: NonNull<bindings::device>, mask: Option<&'static mut u64>) {
    let mask = mask.map_or(null_mut(), core::ptr::from_mut);
    // SAFETY: The device is alive, and used by this test only.
    unsafe { (*dev.as_ptr()).dma_mask = mask };
}

/// A device of the test whose mask is `mask`.
fn device_with(mask: u64) -> Result<NonNull<bindings::device>> {
    let dev = device()?;
    // SAFETY: The device lives as long as the test, and has a mask.
    unsafe { *(*dev.as_ptr()).dma_mask = mask };
    Ok(dev)
}

#[kunit_tests(v7s_misuse)]
mod suite {
    use super::*;

    /// Every single bit in addition to the usual flags: zone bits, bits about memory tags, and
    /// unknown bits are refused, where a table has to be made.
    #[test]
    fn gfp_bits() -> Result {
        let set = mapped()?;
        for bit in 0..gfp_t::BITS {
            let gfp = bindings::GFP_KERNEL | 1 << bit;
            let zone = [
                bindings::___GFP_DMA_BIT,
                bindings::___GFP_DMA32_BIT,
                bindings::___GFP_HIGHMEM_BIT,
                bindings::___GFP_MOVABLE_BIT,
            ]
            .contains(&bit);
            let tags = [
                bindings::___GFP_ZEROTAGS_BIT,
                #[cfg(CONFIG_KASAN_HW_TAGS)]
                bindings::___GFP_SKIP_ZERO_BIT,
                #[cfg(CONFIG_KASAN_HW_TAGS)]
                bindings::___GFP_SKIP_KASAN_BIT,
            ]
            .contains(&bit);
            let refused = zone || tags || bit >= bindings::___GFP_LAST_BIT;
            let (iova, other) = (0x1000_0000 + bit as usize * SZ_1M, 0x2000_0000);
            let expected = if refused {
                (errno(EINVAL), 0)
            } else {
                (OK, SZ_4K)
            };
            assert!(same!(
                set.map_gfp(iova, 0, SZ_4K, 1, RW, gfp),
                expected,
                "gfp bit {bit}"
            ));
            assert_eq!(set.has_table(iova), !refused);
            assert_eq!(set.unmap(iova, SZ_1M, 1), if refused { 0 } else { SZ_1M });
            // No table, no allocation.
            assert_eq!(set.map_gfp(other, 0, SZ_1M, 1, RW, gfp), (OK, SZ_1M));
            assert_eq!(set.unmap(other, SZ_1M, 1), SZ_1M);
        }
        assert!(intact(&set));
        Ok(())
    }

    /// A run that begins in a table and ends where one would have to be made.
    #[test]
    fn gfp_in_the_middle() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(0, 0, SZ_4K, 1));
        let gfp = bindings::GFP_KERNEL | 1 << bindings::___GFP_DMA_BIT;
        let result = set.map_gfp(0x1000, 0x1000, SZ_4K, 300, RW, gfp);
        assert_eq!(result, (errno(EINVAL), 255 * SZ_4K));
        assert!(set.translates(0, 0, SZ_1M));
        assert!(set.is_gap(SZ_1M, SZ_1M));
        assert!(!set.has_table(SZ_1M));
        Ok(())
    }

    /// Undefined flags change nothing, not even the sign bit.
    #[test]
    fn prot_bits() -> Result {
        let set = mapped()?;
        for bit in 6..u32::BITS {
            let (iova, paddr) = (0x1000_0000, 0x8000_0000);
            let inval = (errno(EINVAL), 0);
            assert_eq!(set.map_prot(iova, paddr, SZ_4K, 1, 1 << bit), inval);
            assert_eq!(set.map_prot(iova, paddr, SZ_1M, 1, 1 << bit), inval);
            for (size, entry) in [(SZ_4K, 0x8000_0c72), (SZ_1M, 0x8003_1c02)] {
                let result = set.map_prot(iova, paddr, size, 1, RW | 1 << bit);
                assert_eq!(result, (OK, size));
                let found = if size == SZ_4K {
                    set.l2_entry(iova)
                } else {
                    set.l1_entry(iova)
                };
                assert!(same!(found, entry, "prot bit {bit}"));
                assert_eq!(set.unmap(iova, SZ_1M, 1), SZ_1M);
            }
        }
        assert!(intact(&set));
        Ok(())
    }

    /// Addresses that would be mapped ones if bits above those of the space were ignored.
    #[test]
    fn addresses_with_bits_above_the_space() -> Result {
        let set = mapped()?;
        for bit in 32..usize::BITS {
            for (iova, paddr, size) in MAPPED {
                let above = iova | 1 << bit;
                assert_eq!(set.phys(above), 0);
                assert_eq!(set.unmap(above, size, 1), 0);
                assert_eq!(set.unmap(above, size, 2), 0);
                let range = (errno(ERANGE), 0);
                assert_eq!(set.map(above + size, paddr, size, 1), range);
                let wide = paddr | 1 << bit;
                assert_eq!(set.map(iova + size, wide, size, 1), range);
                assert_eq!(set.map(iova + size, wide, size, 2), range);
            }
        }
        assert!(intact(&set));
        Ok(())
    }

    /// Sizes whose low 32 bits are those of a page, and counts whose low bits are few.
    #[test]
    fn sizes_and_counts_with_high_bits() -> Result {
        let set = mapped()?;
        for bit in 32..usize::BITS {
            for (iova, _, size) in MAPPED {
                let inval = (errno(EINVAL), 0);
                assert_eq!(set.unmap(iova, size | 1 << bit, 1), 0);
                assert_eq!(set.unmap(iova, size, 1 | 1 << bit), 0);
                assert_eq!(set.map(0x1000_0000, 0, 1 << bit, 1), inval);
                let range = (errno(ERANGE), 0);
                assert_eq!(set.map(0x1000_0000, 0, size, 1 | 1 << bit), range);
            }
        }
        assert!(intact(&set));
        Ok(())
    }

    /// A call that is refused after some pages were mapped leaves those, and earlier mappings.
    #[test]
    fn runs_into_what_is_mapped() -> Result {
        for (iova, _, size) in MAPPED {
            let set = mapped()?;
            let exists = (errno(EEXIST), 0);
            for other in SIZES {
                let start = iova & !(other - 1);
                let (ret, done) = set.map(start, 0x8000_0000, other, 3);
                assert_eq!(ret, errno(EEXIST));
                assert!(done <= iova - start);
                assert_eq!(set.unmap(start, other, done / other), done);
            }
            assert_eq!(set.map(iova, 0x8000_0000, size, 1), exists);
            assert!(intact(&set));
        }
        Ok(())
    }

    /// A device that cannot reach any table: an error, and no warning of the DMA layer.
    #[test]
    fn devices_that_reach_no_table() -> Result {
        let dev = device_with(SZ_16M as u64 - 1)?;
        assert!(Set::new(noncoherent(dev, 0, 32, 32)).is_err());
        assert!(Set::new(noncoherent(dev, MTK | quirk::ARM_MTK_TTBR_EXT, 34, 35)).is_err());
        // SAFETY: The device is alive, and has a mask, which is a part of it.
        let mask = unsafe { &mut *(*dev.as_ptr()).dma_mask };
        set_mask(dev, None);
        assert!(Set::new(noncoherent(dev, 0, 32, 32)).is_err());
        set_mask(dev, Some(mask));
        Ok(())
    }

    /// A device that loses its reach while it has a set.
    #[test]
    fn devices_that_reach_no_more_tables() -> Result {
        let dev = device_with(u32::MAX.into())?;
        let set = Set::new(noncoherent(dev, 0, 32, 32))?;
        assert!(set.maps(0, 0x4000_0000, SZ_4K, 16));
        // SAFETY: The device lives as long as the test, and has a mask.
        unsafe { *(*dev.as_ptr()).dma_mask = SZ_16M as u64 - 1 };
        assert_eq!(set.map(SZ_1M, 0, SZ_4K, 1), (errno(ENOMEM), 0));
        assert!(!set.has_table(SZ_1M));
        let result = set.map(0x1_0000, 0x4001_0000, SZ_4K, 300);
        assert_eq!(result, (errno(ENOMEM), 240 * SZ_4K));
        assert!(set.translates(0, 0x4000_0000, SZ_1M));
        Ok(())
    }

    /// A refused request is left unchanged.
    #[test]
    fn refused_requests_are_not_changed() {
        const MARK: u32 = 0x5a5a_5a5a;
        for (quirks, ias, oas) in [(1 << 2, 32, 32), (0, 19, 32), (0, 32, 33), (MTK, 35, 35)] {
            let mut cfg = request(quirks, ias, oas);
            cfg.pgsize_bitmap = usize::MAX;
            cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr = MARK;
            // SAFETY: `cfg` is valid and names no device.
            let ops = unsafe { alloc_ops(&mut cfg, null_mut()) };
            assert!(ops.is_null());
            assert_eq!(cfg.pgsize_bitmap, usize::MAX);
            assert_eq!((cfg.quirks, cfg.ias, cfg.oas), (quirks, ias, oas));
            // SAFETY: All bit patterns are valid.
            assert_eq!(unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr }, MARK);
            // A driver may free the NULL that it got. SAFETY: Null is allowed.
            unsafe { free_ops(ops) };
        }
    }

    /// Sets may be freed in any order, by the exported function or as the io-pgtable core does.
    #[test]
    fn sets_go_in_any_order() -> Result {
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut sets = [Some(mapped()?), Some(mapped()?), Some(mapped()?)];
            for which in order {
                drop(sets[which].take());
                assert!(sets.iter().flatten().all(intact));
            }
        }
        Ok(())
    }

    /// Null is ignored; the io-pgtable core never passes it, but the functions are exported.
    #[test]
    fn nothing_is_freed_by_the_core() -> Result {
        let free = crate::INIT_FNS.free.ok_or(ENOENT)?;
        // SAFETY: Null is allowed.
        unsafe { free(null_mut()) };
        Ok(())
    }
}
