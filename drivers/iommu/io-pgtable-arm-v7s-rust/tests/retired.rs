// SPDX-License-Identifier: GPL-2.0

//! Retired tables: without a `tlb_flush_walk` callback they are kept, and used again, empty, by
//! their set.

use super::*;

/// Callbacks without `tlb_flush_walk`.
static NO_WALK: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: Some(ignore_all),
    tlb_flush_walk: None,
    tlb_add_page: None,
};

extern "C" fn ignore_all(_cookie: *mut c_void) {}

/// Returns the number of retired tables of a set.
fn retired(set: &Set) -> usize {
    set.table().readers().retired()
}

#[kunit_tests(v7s_retired)]
mod suite {
    use super::*;

    #[test]
    fn unmapped_table_is_used_again() -> Result {
        for (quirks, oas) in [
            (0, 32),
            (MTK, 35),
            // Its tables may be anywhere below oas.
            (MTK | quirk::ARM_MTK_TTBR_EXT, 35),
            (quirk::ARM_NS, 32),
        ] {
            let set = Set::of(quirks, 32, oas)?;
            assert!(set.maps(SZ_16M, 0x4000_0000, SZ_4K, 256));
            let table = set.l1_entry(SZ_16M);
            assert_eq!(set.unmap(SZ_16M, SZ_1M, 1), SZ_1M);
            assert_eq!(retired(&set), 1);
            // The next mapping uses it, at any address.
            assert!(set.maps(5 * SZ_1M + SZ_4K, 0x8000_0000, SZ_4K, 1));
            assert_eq!(set.l1_entry(5 * SZ_1M), table);
            assert_eq!(retired(&set), 0);
            assert!(set.is_gap(5 * SZ_1M, SZ_4K));
            assert!(set.is_gap(5 * SZ_1M + 2 * SZ_4K, SZ_1M - 2 * SZ_4K));
        }
        Ok(())
    }

    #[test]
    fn replaced_table_is_retired() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(SZ_1M, 0, SZ_4K, 256));
        let table = set.l1_entry(SZ_1M);
        assert_eq!(set.unmap(SZ_1M, SZ_4K, 256), SZ_1M);
        // An empty table that is still in use is not retired.
        assert_eq!((set.l1_entry(SZ_1M), retired(&set)), (table, 0));
        assert!(set.maps(SZ_1M, 0x4000_0000, SZ_1M, 1));
        assert_eq!(retired(&set), 1);
        Ok(())
    }

    /// Many at a time: each is used again, once, before another is allocated.
    #[test]
    fn tables_come_back() -> Result {
        const COUNT: usize = 40;

        let set = Set::of(0, 32, 32)?;
        let mut tables = KVec::with_capacity(COUNT, GFP_KERNEL)?;
        for section in 0..COUNT {
            assert!(set.maps(section * SZ_1M, 0, SZ_4K, 3));
            tables.push(set.l1_entry(section * SZ_1M), GFP_KERNEL)?;
        }
        assert_eq!(set.unmap(0, SZ_1M, COUNT), COUNT * SZ_1M);
        assert_eq!(retired(&set), COUNT);
        for section in 0..COUNT {
            let iova = 2 * COUNT * SZ_1M + section * SZ_1M;
            assert!(set.maps(iova, 0, SZ_64K, 16));
            let table = set.l1_entry(iova);
            let at = tables.iter().position(|known| *known == table);
            // A new one is different from all of them.
            assert!(at.is_some());
            let _ = tables.remove(at.unwrap_or(0));
            assert_eq!(retired(&set), COUNT - 1 - section);
        }
        assert!(tables.is_empty());
        // Then there are none, and one is allocated.
        assert!(set.maps(SZ_16M, 0, SZ_4K, 1));
        Ok(())
    }

    /// The retired tables of a set are freed with it, and no other set gets them.
    #[test]
    fn tables_are_their_sets() -> Result {
        let other = Set::of(0, 32, 32)?;
        for section in 16..36 {
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(0, 0, SZ_4K, 600));
            assert_eq!(set.unmap(0, SZ_1M, 3), 3 * SZ_1M);
            assert!(other.maps(section * SZ_1M, 0, SZ_4K, 1));
            assert_eq!((retired(&set), retired(&other)), (3, 0));
        }
        Ok(())
    }

    /// With a callback for walks tables are freed, and none is retired.
    #[test]
    fn told_driver() -> Result {
        for (tlb, count) in [(&TOLD, 0), (&NO_WALK, 1)] {
            let mut cfg = request(0, 32, 32);
            cfg.tlb = tlb;
            let set = Set::new(cfg)?;
            assert!(set.maps(0, 0, SZ_4K, 256));
            assert_eq!(set.unmap(0, SZ_1M, 1), SZ_1M);
            assert_eq!(retired(&set), count);
            assert!(set.maps(SZ_1M, 0, SZ_4K, 1));
            assert_eq!(set.unmap(SZ_1M, SZ_4K, 1), SZ_4K);
            assert!(set.maps(SZ_1M, 0, SZ_1M, 1));
            assert_eq!(retired(&set), count);
        }
        Ok(())
    }

    /// A table that is used again is empty, with any former content and any number of tables
    /// retired above it.
    #[test]
    fn tables_are_empty_when_taken() -> Result {
        let set = Set::new(noncoherent(device()?, 0, 32, 32))?;
        for (size, count) in [(SZ_4K, 256), (SZ_64K, 16), (SZ_4K, 1)] {
            for section in 0..3 {
                assert!(set.maps(section * SZ_1M, 0x4000_0000, size, count));
            }
            assert_eq!(set.unmap(0, SZ_1M, 3), 3 * SZ_1M);
            for section in 0..3 {
                let iova = SZ_16M + section * SZ_1M;
                assert!(set.maps(iova + SZ_64K, 0x8000_0000, SZ_4K, 1));
                assert!(set.is_gap(iova, SZ_64K));
                assert!(set.is_gap(iova + SZ_64K + SZ_4K, SZ_1M - SZ_64K - SZ_4K));
                assert!((0..256).all(|page| {
                    page == 16 || set.l2_entry(iova + page * SZ_4K) == entry::INVALID
                }));
            }
            assert_eq!(set.unmap(SZ_16M, SZ_1M, 3), 3 * SZ_1M);
        }
        Ok(())
    }
}
