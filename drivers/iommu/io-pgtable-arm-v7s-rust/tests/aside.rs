// SPDX-License-Identifier: GPL-2.0

//! Tables that go under a driver that does not flush when told: they are kept, empty, and used
//! again by the set they belong to.

use super::*;

/// Callbacks, though none for walks.
static NO_WALK: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: Some(ignore_all),
    tlb_flush_walk: None,
    tlb_add_page: None,
};

extern "C" fn ignore_all(_cookie: *mut c_void) {}

/// Whether the table of an entry, which the set owns though no entry refers to it, is empty as a
/// walker sees it.
fn is_empty(set: &Set, table_entry: u32) -> bool {
    // SAFETY: It is kept, and one thread uses the set.
    let l2 = unsafe { set.table().l2(table_entry) };
    l2.iter().enumerate().all(|(i, slot)| {
        let raw = slot.load();
        same!(
            entry::decode_l2(raw, false).is_none(),
            true,
            "entry {i}, {raw:#x}, maps nothing"
        )
    })
}

/// Tables of the set that no entry refers to.
fn kept(set: &Set) -> usize {
    set.table().readers().retired()
}

#[kunit_tests(v7s_aside)]
mod suite {
    use super::*;

    #[test]
    fn unmapped_table_is_kept_empty() -> Result {
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
            assert_eq!(kept(&set), 1);
            assert!(is_empty(&set, table));
            // It is what the next mapping uses, wherever that is.
            assert!(set.maps(5 * SZ_1M + SZ_4K, 0x8000_0000, SZ_4K, 1));
            assert_eq!(set.l1_entry(5 * SZ_1M), table);
            assert_eq!(kept(&set), 0);
            assert!(set.is_gap(5 * SZ_1M, SZ_4K));
            assert!(set.is_gap(5 * SZ_1M + 2 * SZ_4K, SZ_1M - 2 * SZ_4K));
        }
        Ok(())
    }

    #[test]
    fn replaced_table_is_kept() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(SZ_1M, 0, SZ_4K, 256));
        let table = set.l1_entry(SZ_1M);
        assert_eq!(set.unmap(SZ_1M, SZ_4K, 256), SZ_1M);
        // An empty table in its place is not kept besides.
        assert_eq!((set.l1_entry(SZ_1M), kept(&set)), (table, 0));
        assert!(set.maps(SZ_1M, 0x4000_0000, SZ_1M, 1));
        assert_eq!(kept(&set), 1);
        assert!(is_empty(&set, table));
        Ok(())
    }

    /// Many at a time: each is used again, once, and no other is allocated.
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
        assert_eq!(kept(&set), COUNT);
        assert!(tables.iter().all(|table| is_empty(&set, *table)));
        for section in 0..COUNT {
            let iova = 2 * COUNT * SZ_1M + section * SZ_1M;
            assert!(set.maps(iova, 0, SZ_64K, 16));
            let table = set.l1_entry(iova);
            let at = tables.iter().position(|known| *known == table);
            // A new one is none of those.
            assert!(at.is_some());
            let _ = tables.remove(at.unwrap_or(0));
            assert_eq!(kept(&set), COUNT - 1 - section);
        }
        assert!(tables.is_empty());
        // Then there are none, and one is allocated.
        assert!(set.maps(SZ_16M, 0, SZ_4K, 1));
        Ok(())
    }

    /// A set with kept tables goes without a trace, and others do not get them.
    #[test]
    fn tables_are_their_sets() -> Result {
        let other = Set::of(0, 32, 32)?;
        for section in 16..36 {
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(0, 0, SZ_4K, 600));
            assert_eq!(set.unmap(0, SZ_1M, 3), 3 * SZ_1M);
            assert!(other.maps(section * SZ_1M, 0, SZ_4K, 1));
            assert_eq!((kept(&set), kept(&other)), (3, 0));
        }
        Ok(())
    }

    /// A driver that can be told has been told: nothing is kept.
    #[test]
    fn told_driver() -> Result {
        for (tlb, count) in [(&TOLD, 0), (&NO_WALK, 1)] {
            let mut cfg = request(0, 32, 32);
            cfg.tlb = tlb;
            let set = Set::new(cfg)?;
            assert!(set.maps(0, 0, SZ_4K, 256));
            assert_eq!(set.unmap(0, SZ_1M, 1), SZ_1M);
            assert_eq!(kept(&set), count);
            assert!(set.maps(SZ_1M, 0, SZ_4K, 1));
            assert_eq!(set.unmap(SZ_1M, SZ_4K, 1), SZ_4K);
            assert!(set.maps(SZ_1M, 0, SZ_1M, 1));
            assert_eq!(kept(&set), count);
        }
        Ok(())
    }

    /// A walker that does not snoop: what it may still read is as empty as what the CPU sees.
    #[test]
    fn noncoherent_walker() -> Result {
        let dev = device()?;
        let set = Set::new(noncoherent(dev, 0, 32, 32))?;
        for _ in 0..3 {
            assert!(set.maps(SZ_1M, 0, SZ_4K, 256));
            assert_eq!(set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
            assert_eq!(kept(&set), 1);
        }
        Ok(())
    }
}
