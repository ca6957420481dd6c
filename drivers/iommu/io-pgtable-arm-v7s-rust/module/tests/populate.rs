// SPDX-License-Identifier: GPL-2.0

//! Populate and trim: second-level tables made ahead of need, and freed again.

use crate::slab::Gfp;

use super::*;

impl Set {
    /// Makes second-level tables for a range.
    pub(super) fn populate(&self, iova: usize, size: usize) -> c_int {
        self.populate_gfp(iova, size, bindings::GFP_KERNEL)
    }

    /// Makes second-level tables for a range, with flags for the allocations.
    pub(super) fn populate_gfp(&self, iova: usize, size: usize, gfp: bindings::gfp_t) -> c_int {
        // SAFETY: A live set, used by one thread.
        let result = unsafe { self.table().populate(iova, size, Gfp::from_raw(gfp)) };
        result.map_or_else(Error::to_errno, |()| OK)
    }

    /// Frees second-level tables of a range that map nothing.
    pub(super) fn trim(&self, iova: usize, size: usize) {
        // SAFETY: A live set, used by one thread and by no walker.
        unsafe { self.table().trim(iova, size) };
    }
}

/// Returns a bitmap of the first `mibs` MiB: those that have a table.
fn tables(set: &Set, mibs: usize) -> u32 {
    let has = |mib: usize| u32::from(set.has_table(mib * SZ_1M)) << mib;
    (0..mibs).map(has).sum()
}

#[kunit_tests(v7s_populate)]
mod suite {
    use super::*;

    /// Populating makes a table for each MiB that the range touches.
    #[test]
    fn tables_of_a_range() -> Result {
        for (iova, size, expected) in [
            (0, 1, 0b1),
            (0, SZ_1M, 0b1),
            (0, SZ_1M + 1, 0b11),
            (SZ_1M - 1, 2, 0b11),
            (SZ_1M, 3 * SZ_1M, 0b1110),
            (2 * SZ_1M + SZ_64K, SZ_4K, 0b100),
        ] {
            let set = Set::of(0, 32, 32)?;
            assert_eq!(set.populate(iova, size), OK);
            assert!(same!(
                tables(&set, 8),
                expected,
                "tables for {size:#x} from {iova:#x}"
            ));
            assert!(set.is_gap(0, 8 * SZ_1M));
            // A second call changes nothing.
            let first = set.l1_entry(iova);
            assert_eq!(set.populate(iova, size), OK);
            assert_eq!(set.l1_entry(iova), first);
        }
        Ok(())
    }

    #[test]
    fn ranges_that_cannot_be() -> Result {
        let set = Set::of(0, 24, 32)?;
        for (iova, size) in [
            (0, 0),
            (0, SZ_16M + 1),
            (SZ_16M, 1),
            (SZ_16M - 1, 2),
            (usize::MAX, 1),
            (usize::MAX, 2),
            (1, usize::MAX),
        ] {
            assert!(same!(
                set.populate(iova, size),
                errno(ERANGE),
                "{size:#x} from {iova:#x}"
            ));
            set.trim(iova, size);
        }
        let zone = 1 << bindings::___GFP_DMA32_BIT;
        let ret = set.populate_gfp(0, SZ_1M, bindings::GFP_KERNEL | zone);
        assert_eq!(ret, errno(EINVAL));
        assert_eq!(tables(&set, 16), 0);
        // The last addresses.
        assert_eq!(set.populate(SZ_16M - 1, 1), OK);
        assert_eq!(tables(&set, 16), 1 << 15);
        Ok(())
    }

    /// Tables stay when all they map is unmapped, by any page size, with any driver.
    #[test]
    fn tables_stay() -> Result {
        for told in [true, false] {
            let mut cfg = request(0, 32, 32);
            if told {
                cfg.tlb = &TOLD;
            }
            let set = Set::new(cfg)?;
            assert_eq!(set.populate(0, SZ_16M), OK);
            let before = [0, SZ_1M, SZ_16M - SZ_1M].map(|iova| set.l1_entry(iova));
            for (size, count) in [(SZ_4K, 4096), (SZ_64K, 256), (SZ_1M, 16), (SZ_16M, 1)] {
                assert!(set.maps(0, 0x4000_0000, SZ_4K, 4096));
                assert!(set.maps(SZ_16M, 0x5000_0000, SZ_4K, 1));
                assert_eq!(set.unmap(0, size, count), SZ_16M);
                assert!(set.is_gap(0, SZ_16M));
                assert!(set.translates(SZ_16M, 0x5000_0000, SZ_4K));
                assert_eq!(set.unmap(SZ_16M, SZ_4K, 1), SZ_4K);
                let after = [0, SZ_1M, SZ_16M - SZ_1M].map(|iova| set.l1_entry(iova));
                assert_eq!(after, before);
            }
            assert_eq!(set.table().readers().retired(), 0);
            // A table that was not populated is removed.
            assert_eq!(set.unmap(SZ_16M, SZ_1M, 1), SZ_1M);
            assert!(!set.has_table(SZ_16M));
        }
        Ok(())
    }

    /// An existing table becomes a populated one.
    #[test]
    fn tables_that_were_there() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(0, 0x4000_0000, SZ_4K, 256));
        assert_eq!(set.populate(0, SZ_1M), OK);
        assert!(set.translates(0, 0x4000_0000, SZ_1M));
        assert_eq!(set.unmap(0, SZ_1M, 1), SZ_1M);
        assert!(set.has_table(0));
        Ok(())
    }

    /// Sections stay, and replace populated tables.
    #[test]
    fn sections() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(SZ_1M, 0x4000_0000, SZ_1M, 1));
        assert_eq!(set.populate(0, 4 * SZ_1M), OK);
        assert_eq!(tables(&set, 4), 0b1101);
        assert!(set.translates(SZ_1M, 0x4000_0000, SZ_1M));
        assert!(set.maps(2 * SZ_1M, 0x8000_0000, SZ_1M, 1));
        assert_eq!(tables(&set, 4), 0b1001);
        // A table made later is an ordinary one.
        assert_eq!(set.unmap(2 * SZ_1M, SZ_1M, 1), SZ_1M);
        assert!(set.maps(2 * SZ_1M, 0x8000_0000, SZ_4K, 256));
        assert_eq!(set.unmap(2 * SZ_1M, SZ_1M, 1), SZ_1M);
        assert_eq!(tables(&set, 4), 0b1001);
        Ok(())
    }

    /// A trim takes empty tables of whole MiB, populated or not, and no others.
    #[test]
    fn trim() -> Result {
        for (iova, size, left) in [
            (0, 8 * SZ_1M, 0b1000),
            (0, 5 * SZ_1M - 1, 0b1111_1000),
            (1, 8 * SZ_1M - 1, 0b1001),
            (SZ_4K, SZ_1M, 0xff),
            (2 * SZ_1M, SZ_1M, 0b1111_1011),
            (0, 0, 0xff),
        ] {
            let set = Set::of(0, 32, 32)?;
            assert_eq!(set.populate(0, 4 * SZ_1M), OK);
            for mib in 4..8 {
                assert!(set.maps(mib * SZ_1M, 0, SZ_4K, 1));
                assert_eq!(set.unmap(mib * SZ_1M, SZ_4K, 1), SZ_4K);
            }
            assert!(set.maps(4 * SZ_1M - SZ_4K, 0x4000_0000, SZ_4K, 1));
            set.trim(iova, size);
            assert!(same!(
                tables(&set, 8),
                left,
                "trim of {size:#x} from {iova:#x}"
            ));
            assert!(set.translates(4 * SZ_1M - SZ_4K, 0x4000_0000, SZ_4K));
            // All of it can be mapped again.
            assert!(set.maps(0, 0x4000_0000, SZ_4K, 4 * 256 - 1));
            assert!(set.maps(4 * SZ_1M, 0x8000_0000, SZ_64K, 64));
        }
        Ok(())
    }
}
