// SPDX-License-Identifier: GPL-2.0

//! `map_pages` and `iova_to_phys`.

use super::*;

const G4: u64 = 1 << 32;

/// Quirks, ias and oas of usual walkers.
const WALKERS: [(usize, u32, u32); 4] = [
    (0, 32, 32),
    (quirk::ARM_NS, 32, 32),
    (quirk::NO_PERMS, 32, 32),
    (MTK, 34, 35),
];

/// Numbers of pages that end before, at and behind the ends of tables and of blocks of entries.
fn counts(size: usize) -> &'static [usize] {
    match size {
        SZ_4K => &[1, 2, 3, 15, 16, 17, 31, 33, 255, 256, 257, 600],
        SZ_64K => &[1, 2, 15, 16, 17, 40],
        SZ_1M => &[1, 2, 15, 16, 17, 33],
        _ => &[1, 2, 5],
    }
}

/// Returns true if `iova` to `iova + size` translates to `paddr`, and what is before and behind
/// does not.
fn maps_only(set: &Set, iova: usize, paddr: u64, size: usize) -> bool {
    set.translates(iova, paddr, size)
        && set.is_gap(iova - SZ_4K, SZ_4K)
        && set.is_gap(iova + size, SZ_4K)
}

#[kunit_tests(v7s_map)]
mod suite {
    use super::*;

    #[test]
    fn nothing_is_mapped_at_first() -> Result {
        for (quirks, ias, oas) in WALKERS {
            let set = Set::of(quirks, ias, oas)?;
            for iova in [0, 42, SZ_1M, SZ_16M + 42, 1 << 30, last(ias)] {
                assert_eq!(set.phys(iova), 0);
            }
        }
        Ok(())
    }

    #[test]
    fn each_size() -> Result {
        for (quirks, ias, oas) in WALKERS {
            let set = Set::of(quirks, ias, oas)?;
            for (i, size) in SIZES.into_iter().enumerate() {
                let iova = (i + 1) * 4 * SZ_16M;
                let paddr = (1 << (oas - 1)) + 2 * iova as u64;
                assert_eq!(set.map(iova, paddr, size, 1), (OK, size));
                assert!(maps_only(&set, iova, paddr, size));
            }
        }
        Ok(())
    }

    /// Before, at and behind the ends of tables, at all places in one.
    #[test]
    fn runs() -> Result {
        for size in SIZES {
            for &count in counts(size) {
                for first in [0, 1, 2, 7, 13, 14, 15] {
                    let set = Set::of(0, 32, 32)?;
                    let iova = SZ_16M + first * size;
                    let paddr = 0x4000_0000 + (first * size) as u64 * 2;
                    assert!(set.maps(iova, paddr, size, count));
                    assert!(maps_only(&set, iova, paddr, size * count));
                }
            }
        }
        Ok(())
    }

    /// The bits of entries do not depend on the number of pages in a call. Numbers as in the suite
    /// of the codec.
    #[test]
    fn entries_of_runs() -> Result {
        let set = Set::of(quirk::ARM_NS, 32, 32)?;
        for (iova, size, count, first) in [
            (0x10_f000, SZ_4K, 300, 0x8000_0c72_u32),
            (0x40_0000, SZ_64K, 20, 0x9000_1c31),
            (0x100_0000, SZ_1M, 20, 0xa00b_1c02),
            (0x1000_0000, SZ_16M, 3, 0xb00f_1c02),
        ] {
            // A large page and a supersection have sixteen equal entries.
            let (reach, entry): (_, fn(&Set, usize) -> u32) = if size < SZ_1M {
                (SZ_4K, Set::l2_entry)
            } else {
                (SZ_1M, Set::l1_entry)
            };
            assert!(set.maps(iova, (first >> 28 << 28).into(), size, count));
            for at in (0..size * count).step_by(reach) {
                assert!(same!(
                    entry(&set, iova + at),
                    first + (at / size * size) as u32,
                    "{size:#x} at {at:#x}"
                ));
            }
        }
        Ok(())
    }

    /// Table entries: kind 1, NS 8, a multiple of 1 KiB.
    #[test]
    fn entries_of_tables() -> Result {
        for (quirks, low_bits) in [
            (0, 1),
            (quirk::ARM_NS, 9),
            (MTK, 1),
            (MTK | quirk::ARM_NS, 9),
        ] {
            let set = Set::of(quirks, 32, 32)?;
            assert!(set.maps(SZ_1M, SZ_1M as u64, SZ_4K, 1));
            assert_eq!(set.l1_entry(SZ_1M) & 0x3ff, low_bits);
        }
        Ok(())
    }

    /// Every flag is in the entry, for one page and for several.
    #[test]
    fn flags() -> Result {
        use prot::{CACHE, MMIO, NOEXEC, PRIVILEGED, READ, WRITE};

        let set = Set::of(0, 32, 32)?;
        for (i, (flags, page, section)) in [
            (RW, 0xc72, 0x3_1c02),
            (READ, 0xe72, 0x3_9c02),
            (WRITE, 0xc72, 0x3_1c02),
            (RW | CACHE, 0xc7e, 0x3_1c0e),
            (RW | NOEXEC, 0xc73, 0x3_1c12),
            (RW | MMIO, 0xc36, 0x3_0c06),
            (RW | PRIVILEGED, 0xc52, 0x3_1402),
        ]
        .into_iter()
        .enumerate()
        {
            let (iova, paddr) = (i * SZ_16M, SZ_16M as u64);
            assert_eq!(set.map_prot(iova, paddr, SZ_4K, 1, flags), (OK, SZ_4K));
            let more = iova + SZ_4K;
            assert_eq!(
                set.map_prot(more, paddr, SZ_4K, 20, flags),
                (OK, 20 * SZ_4K)
            );
            let third = iova + 2 * SZ_1M;
            assert_eq!(set.map_prot(third, paddr, SZ_1M, 1, flags), (OK, SZ_1M));
            assert_eq!(set.l2_entry(iova), 0x100_0000 | page);
            assert_eq!(set.l2_entry(more), 0x100_0000 | page);
            assert_eq!(set.l1_entry(third), 0x100_0000 | section);
        }
        Ok(())
    }

    #[test]
    fn first_and_last_page() -> Result {
        for (quirks, ias, oas) in [
            (0, 20, 32),
            (0, 24, 32),
            (0, 32, 32),
            (MTK, IAS - 1, 35),
            (MTK, IAS, 35),
        ] {
            let end = last(ias);
            for size in SIZES.into_iter().filter(|size| *size < end) {
                let set = Set::of(quirks, ias, oas)?;
                let page = end & !(size - 1);
                let (first, last) = (0x8000_0000, (1 << oas) - size as u64);
                assert!(set.maps(0, first, size, 1));
                assert!(set.maps(page, last, size, 1));
                assert!(set.translates(0, first, size));
                assert!(set.translates(page, last, size));
                assert_eq!(set.phys(end), (1 << oas) - 1);
                // A space of two pages has no gap.
                assert!(page == size || set.is_gap(size, SZ_4K));
                assert!(page == size || set.is_gap(page - SZ_4K, SZ_4K));
                // Nothing is mapped behind the space, if there are such addresses.
                for beyond in (ias..usize::BITS).take(2).map(|bit| 1 << bit) {
                    assert!(set.is_gap(beyond, SZ_4K));
                    assert_eq!(set.phys(usize::MAX), 0);
                }
            }
        }
        Ok(())
    }

    /// One call for all of the space.
    #[test]
    fn whole_space() -> Result {
        let set = Set::of(0, 20, 32)?;
        assert!(set.maps(0, 0x8000_0000, SZ_4K, 256));
        assert!(set.translates(0, 0x8000_0000, SZ_1M));

        let set = Set::of(0, 20, 32)?;
        assert!(set.maps(0, 0x8000_0000, SZ_1M, 1));
        assert!(set.translates(0, 0x8000_0000, SZ_1M));

        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(0, 0, SZ_16M, 256));
        for iova in (0..=last(32)).step_by(SZ_1M) {
            assert_eq!(set.phys(iova + 0x1234), iova as u64 + 0x1234);
        }

        let set = Set::of(MTK, IAS, 35)?;
        assert!(set.maps(0, 4 * G4, SZ_1M, 1 << (IAS - 20)));
        for iova in (0..=last(IAS)).step_by(SZ_1M) {
            assert_eq!(set.phys(iova + 0x1234), 4 * G4 + iova as u64 + 0x1234);
        }
        Ok(())
    }

    #[test]
    fn gaps_stay_gaps() -> Result {
        for size in SIZES {
            let set = Set::of(0, 32, 32)?;
            for i in 0..20 {
                assert!(set.maps(2 * i * size, (i * size) as u64, size, 1));
            }
            for i in 0..20 {
                assert!(set.translates(2 * i * size, (i * size) as u64, size));
                assert!(set.is_gap((2 * i + 1) * size, size));
            }
        }
        Ok(())
    }

    /// Runs whose output addresses cross a 4 GiB boundary, where MediaTek's bits change.
    #[test]
    fn output_crosses_4g() -> Result {
        for size in SIZES {
            for boundary in 1..8 {
                for before in [1, 2, 3, 16] {
                    let set = Set::of(MTK, 34, 35)?;
                    let paddr = boundary * G4 - (before * size) as u64;
                    let iova = SZ_16M + 5 * size;
                    assert!(set.maps(iova, paddr, size, before + 5));
                    assert!(maps_only(&set, iova, paddr, (before + 5) * size));
                }
            }
        }
        Ok(())
    }

    /// The boundary inside a table, at its end, and several boundaries in a run.
    #[test]
    fn output_crosses_4g_and_tables() -> Result {
        let set = Set::of(MTK, 34, 35)?;
        assert!(set.maps(0x1f_f000, G4 - 0x1000, SZ_4K, 600));
        assert!(maps_only(&set, 0x1f_f000, G4 - 0x1000, 600 * SZ_4K));
        assert!(set.maps(0x50_0000, 2 * G4 - 0x20_0000, SZ_4K, 1024));
        assert!(maps_only(&set, 0x50_0000, 2 * G4 - 0x20_0000, 1024 * SZ_4K));

        let set = Set::of(MTK, IAS, 35)?;
        assert!(set.maps(0, 0, SZ_16M, 1 << (IAS - 24)));
        for iova in (0..=last(IAS)).step_by(SZ_1M) {
            assert_eq!(set.phys(iova | 0xf_ffff), iova as u64 | 0xf_ffff);
        }
        Ok(())
    }

    /// Input addresses above 4 GiB.
    #[cfg(CONFIG_64BIT)]
    #[test]
    fn input_above_4g() -> Result {
        let set = Set::of(MTK, 34, 35)?;
        for size in SIZES {
            let iova = 0x1_0000_0000 - 2 * size + 4 * SZ_16M * size.trailing_zeros() as usize;
            let iova = iova & !(size - 1);
            assert!(set.maps(iova, 5 * G4, size, 4));
            assert!(maps_only(&set, iova, 5 * G4, 4 * size));
            // Bits 32 and 33 are part of the address.
            assert!(set.is_gap(iova & 0xffff_ffff, SZ_4K) || iova >> 32 == 0);
            assert_eq!(set.phys(iova | 3 << 32), 0);
        }
        Ok(())
    }

    /// Pages before the obstacle are mapped and counted, pages behind it are not.
    #[test]
    fn prefix_before_something_mapped() -> Result {
        for size in SIZES {
            let count = if size == SZ_4K { 600 } else { 20 };
            for at in [0, 1, 2, 15, 16, 17, 19, count - 1] {
                let set = Set::of(0, 32, 32)?;
                let (iova, there) = (SZ_16M, SZ_16M + at * size);
                assert!(set.maps(there, 0x1000_0000, size, 1));
                let result = set.map(iova, 0x4000_0000, size, count);
                assert_eq!(result, (errno(EEXIST), at * size));
                assert!(set.translates(iova, 0x4000_0000, at * size));
                assert!(set.translates(there, 0x1000_0000, size));
                assert!(set.is_gap(there + size, (count - 1 - at) * size));
            }
        }
        Ok(())
    }

    /// A page is refused where any part of another is mapped, of any size.
    #[test]
    fn nothing_is_mapped_twice() -> Result {
        for old in SIZES {
            for new in SIZES {
                let (small, large) = (old.min(new), old.max(new));
                for offset in [0, large / 2 & !(small - 1), large - small] {
                    let set = Set::of(0, 32, 32)?;
                    let base = 2 * SZ_16M;
                    let (old_at, new_at) = if old < new {
                        (base + offset, base)
                    } else {
                        (base, base + offset)
                    };
                    assert!(set.maps(old_at, 0x4000_0000, old, 1));
                    let result = set.map(new_at, 0x8000_0000, new, 1);
                    assert_eq!(result, (errno(EEXIST), 0));
                    assert!(set.translates(old_at, 0x4000_0000, old));
                    assert!(set.is_gap(base, old_at - base));
                    assert!(set.is_gap(old_at + old, base + large - (old_at + old)));
                }
            }
        }
        Ok(())
    }

    /// A run of several pages stops where something is mapped.
    #[test]
    fn runs_meet_other_sizes() -> Result {
        // Pages up to a section, in the middle of the second table.
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(2 * SZ_1M, 0, SZ_1M, 1));
        assert_eq!(
            set.map(0, 0x4000_0000, SZ_4K, 1024),
            (errno(EEXIST), 2 * SZ_1M)
        );
        assert!(set.translates(0, 0x4000_0000, 2 * SZ_1M));
        assert!(set.translates(2 * SZ_1M, 0, SZ_1M));
        assert!(set.is_gap(3 * SZ_1M, SZ_1M));

        // Sections up to a table with a page in it.
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(6 * SZ_1M - SZ_4K, 0, SZ_4K, 1));
        assert_eq!(
            set.map(0, 0x4000_0000, SZ_1M, 20),
            (errno(EEXIST), 5 * SZ_1M)
        );
        assert!(set.translates(0, 0x4000_0000, 5 * SZ_1M));
        assert!(set.is_gap(5 * SZ_1M, SZ_1M - SZ_4K));
        assert!(set.is_gap(6 * SZ_1M, SZ_1M));

        // Supersections up to a section.
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(SZ_16M + 3 * SZ_1M, 0, SZ_1M, 1));
        assert_eq!(set.map(0, 0x4000_0000, SZ_16M, 3), (errno(EEXIST), SZ_16M));
        assert!(set.translates(0, 0x4000_0000, SZ_16M));
        assert!(set.is_gap(SZ_16M, 3 * SZ_1M));
        Ok(())
    }

    /// Empty tables stay, and are replaced by sections.
    #[test]
    fn section_replaces_empty_table() -> Result {
        let set = Set::of(0, 32, 32)?;
        for size in [SZ_1M, SZ_16M] {
            assert!(set.maps(SZ_16M + 7 * SZ_1M, 0, SZ_4K, 256));
            assert!(set.maps(SZ_16M + 9 * SZ_1M, 0, SZ_64K, 1));
            assert_eq!(set.unmap(SZ_16M + 7 * SZ_1M, SZ_4K, 256), SZ_1M);
            assert_eq!(set.unmap(SZ_16M + 9 * SZ_1M, SZ_64K, 1), SZ_64K);
            assert!(set.has_table(SZ_16M + 7 * SZ_1M));
            assert!(set.has_table(SZ_16M + 9 * SZ_1M));

            let all = 2 * SZ_16M;
            assert!(set.maps(SZ_16M, 0x4000_0000, size, all / size));
            assert!(maps_only(&set, SZ_16M, 0x4000_0000, all));
            assert_eq!(set.unmap(SZ_16M, size, all / size), all);
        }
        Ok(())
    }

    /// A supersection over an empty table and a section is refused: neither changes.
    #[test]
    fn supersection_replaces_all_or_nothing() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(3 * SZ_1M, 0, SZ_4K, 1));
        assert_eq!(set.unmap(3 * SZ_1M, SZ_4K, 1), SZ_4K);
        assert!(set.maps(15 * SZ_1M, 0x1000_0000, SZ_1M, 1));
        let table = set.l1_entry(3 * SZ_1M);
        assert_eq!(set.map(0, 0x4000_0000, SZ_16M, 1), (errno(EEXIST), 0));
        assert_eq!(set.l1_entry(3 * SZ_1M), table);
        assert!(set.translates(15 * SZ_1M, 0x1000_0000, SZ_1M));

        // The table is still used.
        assert!(set.maps(3 * SZ_1M, 0, SZ_4K, 256));
        assert_eq!(set.l1_entry(3 * SZ_1M), table);
        Ok(())
    }

    /// Errors of a request in the order of the C code: addresses, permissions, the rest.
    #[test]
    fn errors() -> Result {
        const BITS: u32 = usize::BITS;
        const IAS: usize = 1 << 30;
        const OAS: u64 = 1 << 31;
        const CASES: &[(usize, u64, usize, usize, u32, Error)] = &[
            (IAS, 0, SZ_4K, 1, RW, ERANGE),
            (0, OAS, SZ_4K, 1, RW, ERANGE),
            (usize::MAX & !0xfff, 0, SZ_4K, 1, RW, ERANGE),
            (0, u64::MAX & !0xfff, SZ_4K, 1, RW, ERANGE),
            // Whatever else is wrong.
            (IAS, 0, SZ_4K, 1, 0, ERANGE),
            (0, OAS, SZ_4K, 0, RW, ERANGE),
            (IAS, 0, 0, 1, RW, ERANGE),
            (IAS + 1, OAS + 1, 3, 0, 0, ERANGE),
            // Neither readable nor writable.
            (0, 0, SZ_4K, 1, 0, EINVAL),
            (0, 0, SZ_4K, 1, prot::CACHE | prot::NOEXEC, EINVAL),
            (0, 0, SZ_4K, 1, prot::MMIO | prot::PRIVILEGED, EINVAL),
            (0, 0, SZ_16M, 1, prot::CACHE, EINVAL),
            (1, 0, SZ_4K, usize::MAX >> 24, 0, EINVAL),
            // No pages.
            (0, 0, SZ_4K, 0, RW, EINVAL),
            (0, 0, SZ_64K, 0, RW, EINVAL),
            (0, 0, SZ_1M, 0, RW, EINVAL),
            (0, 0, SZ_16M, 0, RW, EINVAL),
            // No such size.
            (0, 0, 0, 1, RW, EINVAL),
            (0, 0, 1, 1, RW, EINVAL),
            (0, 0, 0x2000, 1, RW, EINVAL),
            (0, 0, 0x3000, 1, RW, EINVAL),
            (0, 0, 0x20_0000, 1, RW, EINVAL),
            (0, 0, SZ_4K | SZ_64K, 1, RW, EINVAL),
            #[cfg(CONFIG_64BIT)]
            (0, 0, 1 << 32, 1, RW, EINVAL),
            // The start fits, the end does not.
            (IAS - SZ_4K, 0, SZ_4K, 2, RW, ERANGE),
            (IAS - SZ_64K, 0, SZ_64K, 2, RW, ERANGE),
            (IAS - SZ_1M, 0, SZ_1M, 2, RW, ERANGE),
            (IAS - SZ_16M, 0, SZ_16M, 2, RW, ERANGE),
            (0, OAS - 0x1000, SZ_4K, 2, RW, ERANGE),
            (0, OAS - 0x1_0000, SZ_64K, 2, RW, ERANGE),
            (0, OAS - 0x10_0000, SZ_1M, 2, RW, ERANGE),
            (0, OAS - 0x100_0000, SZ_16M, 2, RW, ERANGE),
            (0, 0, SZ_4K, (1 << 18) + 1, RW, ERANGE),
            (0, 0, SZ_16M, 65, RW, ERANGE),
            // Counts whose bytes overflow.
            (0, 0, SZ_4K, usize::MAX, RW, ERANGE),
            (0, 0, SZ_4K, 1 << (BITS - 12), RW, ERANGE),
            (0, 0, SZ_64K, 1 << (BITS - 16), RW, ERANGE),
            (0, 0, SZ_1M, (1 << (BITS - 20)) + 1, RW, ERANGE),
            (0, 0, SZ_16M, (1 << (BITS - 24)) + 1, RW, ERANGE),
            (SZ_4K, 0, SZ_4K, (1 << (BITS - 12)) - 1, RW, ERANGE),
        ];

        let set = Set::of(0, 30, 31)?;
        for &(iova, paddr, size, count, flags, error) in CASES {
            let result = set.map_prot(iova, paddr, size, count, flags);
            assert!(same!(
                result.0,
                errno(error),
                "map {count} * {size:#x} at {iova:#x} to {paddr:#x}, prot {flags:#x}"
            ));
            assert_eq!(result.1, 0);
        }
        // Nothing is mapped.
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        Ok(())
    }

    #[test]
    fn unaligned() -> Result {
        let set = Set::of(MTK, 34, 35)?;
        for size in SIZES {
            for off in [1, size / 2, size - 1, 0xfff] {
                let inval = (errno(EINVAL), 0);
                assert_eq!(set.map(size + off, 0, size, 1), inval);
                assert_eq!(set.map(size, (size + off) as u64, size, 1), inval);
                assert_eq!(set.map(size, G4 + off as u64, size, 3), inval);
            }
        }
        assert!(set.table().l1().iter().all(|slot| slot.load() == 0));
        Ok(())
    }

    /// Page sizes that are not in the bitmap of the driver.
    #[test]
    fn sizes_not_in_the_bitmap() -> Result {
        for has in SIZES {
            let mut cfg = request(0, 32, 32);
            cfg.pgsize_bitmap = has;
            let set = Set::new(cfg)?;
            for size in SIZES.into_iter().filter(|size| *size != has) {
                assert_eq!(set.map(SZ_16M, 0, size, 1), (errno(EINVAL), 0));
                assert_eq!(set.map(SZ_16M, 0, size, 2), (errno(EINVAL), 0));
            }
            assert!(set.maps(SZ_16M, 0, has, 2));
        }
        Ok(())
    }

    /// A page that is larger than all of the space.
    #[test]
    fn supersection_in_a_small_space() -> Result {
        for ias in 20..24 {
            let set = Set::of(0, ias, 32)?;
            assert_eq!(set.map(0, 0, SZ_16M, 1), (errno(ERANGE), 0));
            assert_eq!(set.map(0, 0, SZ_16M, 2), (errno(ERANGE), 0));
            assert!(set.maps(0, 0, SZ_1M, 1));
            assert_eq!(set.unmap(0, SZ_16M, 1), 0);
            assert!(set.translates(0, 0, SZ_1M));
        }
        let set = Set::of(0, 24, 32)?;
        assert!(set.maps(0, 0, SZ_16M, 1));
        assert!(set.translates(0, 0, SZ_16M));
        // Output addresses likewise.
        let set = Set::of(0, 32, 20)?;
        assert_eq!(set.map(0, 0, SZ_16M, 1), (errno(ERANGE), 0));
        assert!(set.maps(0, 0, SZ_1M, 1));
        Ok(())
    }

    /// NO_WARN changes the log only.
    #[test]
    fn no_warn_changes_no_result() -> Result {
        let set = Set::of(quirk::NO_WARN, 31, 32)?;
        assert!(set.maps(0x3000, 0x4000_0000, SZ_4K, 1));
        assert_eq!(set.map(0, 0, SZ_4K, 8), (errno(EEXIST), 0x3000));
        assert_eq!(set.map(0, 0, SZ_1M, 1), (errno(EEXIST), 0));
        assert_eq!(set.map(1 << 31, 0, SZ_4K, 1), (errno(ERANGE), 0));
        assert_eq!(set.map(1, 0, SZ_4K, 1), (errno(EINVAL), 0));
        assert_eq!(set.unmap(0x10_0000, SZ_4K, 1), 0);
        assert!(set.translates(0x3000, 0x4000_0000, SZ_4K));
        Ok(())
    }
}
