// SPDX-License-Identifier: GPL-2.0

//! `unmap_pages`.

use super::*;

/// An address in the middle of the space.
const BASE: usize = 4 * SZ_16M;
const PADDR: u64 = 0x4000_0000;

#[kunit_tests(v7s_unmap)]
mod suite {
    use super::*;

    #[test]
    fn each_size() -> Result {
        for (quirks, ias, oas) in [(0, 32, 32), (quirk::ARM_NS, 32, 32), (MTK, 34, 35)] {
            for size in SIZES {
                let set = Set::of(quirks, ias, oas)?;
                let paddr = 1 << (oas - 1);
                assert!(set.maps(BASE, paddr, size, 3));
                assert_eq!(set.unmap(BASE + size, size, 1), size);
                assert!(set.translates(BASE, paddr, size));
                assert!(set.is_gap(BASE + size, size));
                assert!(set.translates(BASE + 2 * size, paddr + 2 * size as u64, size));
                // A second time nothing is mapped.
                assert_eq!(set.unmap(BASE + size, size, 1), 0);
                // The pages can be mapped again.
                assert!(set.maps(BASE + size, 0, size, 1));
                assert!(set.translates(BASE + size, 0, size));
            }
        }
        Ok(())
    }

    /// A run in the middle of another, at all places in and around a table.
    #[test]
    fn runs() -> Result {
        for size in SIZES {
            let all = if size == SZ_4K { 700 } else { 40 };
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(BASE, PADDR, size, all));
            for first in [0, 1, 2, 15, 16, 17] {
                for count in [1, 2, 3, 15, 16, 17, 22, 256, 257, 600] {
                    if first + count > all {
                        continue;
                    }
                    let (start, end) = (first * size, (first + count) * size);
                    assert_eq!(set.unmap(BASE + start, size, count), end - start);
                    assert!(set.translates(BASE, PADDR, start));
                    assert!(set.is_gap(BASE + start, end - start));
                    assert!(set.translates(BASE + end, PADDR + end as u64, all * size - end));
                    assert!(set.maps(BASE + start, PADDR + start as u64, size, count));
                }
            }
        }
        Ok(())
    }

    /// Entries are zero after unmapping.
    #[test]
    fn entries_are_zero() -> Result {
        let set = Set::of(quirk::ARM_NS, 32, 32)?;
        assert!(set.maps(BASE, PADDR, SZ_4K, 1));
        assert!(set.maps(BASE + SZ_64K, PADDR, SZ_64K, 2));
        assert!(set.maps(BASE + SZ_1M, PADDR, SZ_1M, 2));
        assert!(set.maps(BASE + SZ_16M, PADDR, SZ_16M, 2));
        assert_eq!(set.unmap(BASE, SZ_4K, 1), SZ_4K);
        assert_eq!(set.unmap(BASE + SZ_64K, SZ_64K, 2), 2 * SZ_64K);
        assert_eq!(set.unmap(BASE + SZ_1M, SZ_1M, 2), 2 * SZ_1M);
        assert_eq!(set.unmap(BASE + SZ_16M, SZ_16M, 2), 2 * SZ_16M);
        for page in 0..256 {
            assert_eq!(set.l2_entry(BASE + page * SZ_4K), 0);
        }
        for section in 1..64 {
            assert_eq!(set.l1_entry(BASE + section * SZ_1M), 0);
        }
        Ok(())
    }

    /// The first and the last page of the space.
    #[test]
    fn edges() -> Result {
        for (quirks, ias, oas) in [(0, 20, 32), (0, 24, 32), (0, 32, 32), (MTK, IAS, 35)] {
            for size in SIZES.into_iter().filter(|size| *size < last(ias)) {
                let set = Set::of(quirks, ias, oas)?;
                let last = last(ias) & !(size - 1);
                assert!(set.maps(0, PADDR, size, 1));
                assert!(set.maps(last, PADDR, size, 1));
                assert_eq!(set.unmap(last, size, 1), size);
                assert!(set.is_gap(last, size));
                assert!(set.translates(0, PADDR, size));
                assert_eq!(set.unmap(0, size, 1), size);
                assert!(set.is_gap(0, size));
            }
        }
        Ok(())
    }

    #[test]
    fn whole_space() -> Result {
        let set = Set::of(MTK, IAS, 35)?;
        let pages = 1 << (IAS - 24);
        assert!(set.maps(0, 0, SZ_16M, pages));
        assert_eq!(set.unmap(0, SZ_16M, pages), SZ_16M.wrapping_mul(pages));
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        assert!(set.maps(0, 0, SZ_4K, 1 << 12));
        assert_eq!(set.unmap(0, SZ_1M, 16), SZ_16M);
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        Ok(())
    }

    /// 64 KiB at once of what was mapped as sixteen small pages.
    #[test]
    fn large_over_small_pages() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(BASE, PADDR, SZ_4K, 64));
        assert_eq!(set.unmap(BASE + SZ_64K, SZ_64K, 2), 2 * SZ_64K);
        assert!(set.translates(BASE, PADDR, SZ_64K));
        assert!(set.is_gap(BASE + SZ_64K, 2 * SZ_64K));
        assert!(set.translates(BASE + 3 * SZ_64K, PADDR + 0x3_0000, SZ_64K));
        // Large and small pages in a row.
        assert!(set.maps(BASE + SZ_64K, 0, SZ_64K, 1));
        assert!(set.maps(BASE + 2 * SZ_64K, 0, SZ_4K, 16));
        assert_eq!(set.unmap(BASE, SZ_64K, 4), 4 * SZ_64K);
        assert!(set.is_gap(BASE, SZ_1M));
        Ok(())
    }

    /// Fifteen pages are not 64 KiB.
    #[test]
    fn large_over_too_few_small_pages() -> Result {
        for missing in 0..16 {
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(BASE, PADDR, SZ_4K, 32));
            let hole = SZ_64K + missing * SZ_4K;
            assert_eq!(set.unmap(BASE + hole, SZ_4K, 1), SZ_4K);
            assert_eq!(set.unmap(BASE + SZ_64K, SZ_64K, 1), 0);
            assert_eq!(set.unmap(BASE, SZ_64K, 2), SZ_64K);
            assert!(set.is_gap(BASE, SZ_64K));
            assert!(set.is_gap(BASE + hole, SZ_4K));
            let (before, after) = (missing * SZ_4K, (15 - missing) * SZ_4K);
            assert!(set.translates(BASE + SZ_64K, PADDR + 0x1_0000, before));
            let behind = hole + SZ_4K;
            assert!(set.translates(BASE + behind, PADDR + behind as u64, after));
        }
        Ok(())
    }

    /// Unmapping 1 MiB at once removes the table, with all its mappings.
    #[test]
    fn section_over_table() -> Result {
        let set = Set::of(0, 32, 32)?;
        for (size, count) in [(SZ_4K, 256), (SZ_64K, 16), (SZ_4K, 1), (SZ_64K, 1)] {
            assert!(set.maps(BASE, PADDR, SZ_4K, 256));
            assert!(set.maps(BASE + SZ_1M, PADDR, size, count));
            assert!(set.maps(BASE + 2 * SZ_1M, PADDR, SZ_4K, 256));
            assert_eq!(set.unmap(BASE + SZ_1M, SZ_1M, 1), SZ_1M);
            assert!(!set.has_table(BASE + SZ_1M));
            assert_eq!(set.l1_entry(BASE + SZ_1M), 0);
            assert!(set.is_gap(BASE + SZ_1M, SZ_1M));
            assert!(set.translates(BASE, PADDR, SZ_1M));
            assert!(set.translates(BASE + 2 * SZ_1M, PADDR, SZ_1M));
            assert_eq!(set.unmap(BASE, SZ_1M, 1), SZ_1M);
            assert_eq!(set.unmap(BASE + 2 * SZ_1M, SZ_1M, 1), SZ_1M);
        }
        Ok(())
    }

    /// Tables and sections in a row.
    #[test]
    fn sections_over_anything() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(BASE, PADDR, SZ_1M, 17));
        assert!(set.maps(BASE + 17 * SZ_1M, PADDR, SZ_4K, 512));
        assert!(set.maps(BASE + 19 * SZ_1M, PADDR, SZ_1M, 3));
        assert_eq!(set.unmap(BASE, SZ_1M, 22), 22 * SZ_1M);
        assert!(set.is_gap(BASE, 22 * SZ_1M));
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        Ok(())
    }

    /// 16 MiB at once of sixteen sections, or sections and tables.
    #[test]
    fn supersection_over_sections() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(BASE, PADDR, SZ_1M, 48));
        assert_eq!(set.unmap(BASE + SZ_16M, SZ_16M, 1), SZ_16M);
        assert!(set.translates(BASE, PADDR, SZ_16M));
        assert!(set.is_gap(BASE + SZ_16M, SZ_16M));
        assert!(set.translates(BASE + 2 * SZ_16M, PADDR + 2 * SZ_16M as u64, SZ_16M));

        assert!(set.maps(BASE + SZ_16M, PADDR, SZ_1M, 7));
        assert!(set.maps(BASE + SZ_16M + 7 * SZ_1M, PADDR, SZ_4K, 256));
        assert!(set.maps(BASE + SZ_16M + 8 * SZ_1M, PADDR, SZ_1M, 8));
        assert_eq!(set.unmap(BASE, SZ_16M, 3), 3 * SZ_16M);
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        Ok(())
    }

    /// Fifteen sections are not 16 MiB.
    #[test]
    fn supersection_over_too_few_sections() -> Result {
        for missing in 0..16 {
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(BASE, PADDR, SZ_16M, 1));
            assert!(set.maps(BASE + SZ_16M, PADDR, SZ_1M, 16));
            let hole = SZ_16M + missing * SZ_1M;
            assert_eq!(set.unmap(BASE + hole, SZ_1M, 1), SZ_1M);
            assert_eq!(set.unmap(BASE + SZ_16M, SZ_16M, 1), 0);
            assert_eq!(set.unmap(BASE, SZ_16M, 2), SZ_16M);
            assert!(set.is_gap(BASE, SZ_16M));
            assert!(set.translates(BASE + SZ_16M, PADDR, missing * SZ_1M));
            assert!(set.is_gap(BASE + hole, SZ_1M));
            let behind = BASE + hole + SZ_1M;
            let paddr = PADDR + ((missing + 1) * SZ_1M) as u64;
            assert!(set.translates(behind, paddr, (15 - missing) * SZ_1M));
        }
        Ok(())
    }

    /// Unmapping part of a page is refused at any place, and changes nothing.
    #[test]
    fn part_of_something_larger() -> Result {
        for large in SIZES {
            let set = Set::of(0, 32, 32)?;
            assert!(set.maps(BASE, PADDR, large, 1));
            for small in SIZES.into_iter().filter(|small| *small < large) {
                let pages = large / small;
                for page in [0, 1, pages / 2, pages - 1] {
                    assert_eq!(set.unmap(BASE + page * small, small, 1), 0);
                    assert_eq!(set.unmap(BASE + page * small, small, pages - page), 0);
                }
            }
            assert!(set.translates(BASE, PADDR, large));
        }
        Ok(())
    }

    /// A run ends where something larger begins.
    #[test]
    fn prefix_before_something_larger() -> Result {
        for (small, large) in [
            (SZ_4K, SZ_64K),
            (SZ_4K, SZ_1M),
            (SZ_64K, SZ_1M),
            (SZ_1M, SZ_16M),
        ] {
            let set = Set::of(0, 32, 32)?;
            let pages = large / small;
            assert!(set.maps(BASE, PADDR, small, pages));
            assert!(set.maps(BASE + large, 0, large, 1));
            assert_eq!(set.unmap(BASE, small, 2 * pages), large);
            assert!(set.is_gap(BASE, large));
            assert!(set.translates(BASE + large, 0, large));
        }
        Ok(())
    }

    /// A run ends where nothing is mapped: in a table, and where there is none.
    #[test]
    fn prefix_before_a_hole() -> Result {
        for size in SIZES {
            let count = if size == SZ_4K { 700 } else { 36 };
            for hole in [0, 1, 2, 15, 16, 17, 31, 32, 33, count - 1] {
                let set = Set::of(0, 32, 32)?;
                assert!(set.maps(BASE, PADDR, size, count));
                assert_eq!(set.unmap(BASE + hole * size, size, 1), size);
                assert_eq!(set.unmap(BASE, size, count), hole * size);
                assert!(set.is_gap(BASE, (hole + 1) * size));
                let behind = (hole + 1) * size;
                let rest = count * size - behind;
                assert!(set.translates(BASE + behind, PADDR + behind as u64, rest));
            }
        }
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(BASE, PADDR, SZ_4K, 256));
        assert_eq!(set.unmap(BASE, SZ_4K, 600), SZ_1M);
        assert!(set.maps(BASE, PADDR, SZ_64K, 16));
        assert_eq!(set.unmap(BASE, SZ_64K, 40), SZ_1M);
        Ok(())
    }

    /// Invalid requests.
    #[test]
    fn refused() -> Result {
        let set = Set::of(0, 30, 32)?;
        let space = 1usize << 30;
        for size in SIZES {
            assert!(set.maps(space - 4 * size, PADDR, size, 4));
            let last = space - size;
            for (iova, pgsize, count) in [
                // No pages.
                (last, size, 0),
                // Outside of the space, or at its end.
                (space, size, 1),
                (usize::MAX & !(size - 1), size, 1),
                (last, size, 2),
                (last - size, size, 3),
                // Counts whose bytes overflow.
                (last, size, usize::MAX),
                (last, size, 1 << (usize::BITS - size.trailing_zeros())),
                (last, size, (1 << (usize::BITS - size.trailing_zeros())) + 1),
                // Not aligned.
                (last + 1, size, 1),
                (last - size / 2, size, 1),
                (last - size + 0x800, size, 2),
                // No such size.
                (last, 0, 1),
                (last, 0x2000, 1),
                (last, 0x20_0000, 1),
                #[cfg(CONFIG_64BIT)]
                (last, size | 1 << 40, 1),
            ] {
                assert!(same!(
                    set.unmap(iova, pgsize, count),
                    0,
                    "unmap {count} * {pgsize:#x} at {iova:#x}"
                ));
            }
            assert!(set.translates(space - 4 * size, PADDR, 4 * size));
            assert_eq!(set.unmap(space - 4 * size, size, 4), 4 * size);
        }
        Ok(())
    }

    /// Page sizes that are not in the bitmap of the driver.
    #[test]
    fn sizes_not_in_the_bitmap() -> Result {
        for has in SIZES {
            let mut cfg = request(0, 32, 32);
            cfg.pgsize_bitmap = has;
            let set = Set::new(cfg)?;
            assert!(set.maps(BASE, PADDR, has, 2 * SZ_16M / has));
            for size in SIZES.into_iter().filter(|size| *size != has) {
                assert_eq!(set.unmap(BASE, size, 1), 0);
                assert_eq!(set.unmap(BASE, size, 2), 0);
            }
            assert!(set.translates(BASE, PADDR, 2 * SZ_16M));
        }
        Ok(())
    }
}
