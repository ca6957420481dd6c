// SPDX-License-Identifier: GPL-2.0

//! Each allocation of each operation fails once: checks the errno, the mappings before and until
//! then, and that the next call succeeds.

use super::*;

use crate::{
    memory::source::source,
    page_table::TableSource,
    slab::tests::fault, //
};

/// Returns the number of allocations for so many tables that can fail: a pool makes none as long as
/// there is room on the page of the two that are there before. Those of kmemleak are among them now
/// and then, so that one of ours is passed over.
fn failures_of(tables: usize) -> Result<usize> {
    Ok(match source()? {
        TableSource::Pool => {
            usize::from(2 + tables > kernel::page::PAGE_SIZE / kernel::sizes::SZ_1K)
        }
        _ if cfg!(CONFIG_DEBUG_KMEMLEAK) => tables.min(1),
        _ => tables,
    })
}

/// A walker that snoops, one that does not, and one that reaches wider addresses.
fn requests() -> Result<[bindings::io_pgtable_cfg; 3]> {
    let dev = device()?;
    Ok([
        request(0, 32, 32),
        noncoherent(dev, 0, 32, 32),
        // Its tables may lie where the device does not reach.
        request(MTK | quirk::ARM_MTK_TTBR_EXT, 34, 35),
    ])
}

/// Flags of allocations that may not sleep, and of those that may, if these can fail.
fn flags() -> impl Iterator<Item = bindings::gfp_t> {
    let sleeping = fault::is_set_up().then_some(bindings::GFP_KERNEL);
    Iterator::chain(core::iter::once(fault::GFP.as_raw()), sleeping)
}

/// Maps pages next to existing ones, with each allocation failing in turn. Returns true if all
/// results were right, and the call failed as often as expected.
fn map_in_turn(
    cfg: &bindings::io_pgtable_cfg,
    iova: usize,
    pgsize: usize,
    pgcount: usize,
    gfp: bindings::gfp_t,
    least: usize,
) -> Result<bool> {
    const BEFORE: u64 = 0x8000_0000;
    let (paddr, size) = (0x4000_0000, pgsize * pgcount);
    let mut failures = 0;
    for n in 1..1000 {
        let set = Set::new(*cfg)?;
        // In the first table that is used, and in the one behind the last.
        let others = [iova - SZ_64K, iova + size.next_multiple_of(SZ_1M) + SZ_16M];
        let is_there = |other| set.translates(other, BEFORE, SZ_64K);
        let mut right = others
            .iter()
            .all(|other| set.maps(*other, BEFORE, SZ_64K, 1));

        let call = || set.map_gfp(iova, paddr, pgsize, pgcount, RW, gfp);
        let ((ret, mapped), failed) = fault::nth(n, call);
        right &= set.translates(iova, paddr, mapped);
        right &= set.is_gap(iova + mapped, size - mapped);
        if ret == OK {
            right &= mapped == size;
        } else {
            failures += 1;
            right &= failed && ret == errno(ENOMEM) && mapped < size;
            // Up to the table without memory, in which nothing is mapped.
            right &= mapped == 0 || (iova + mapped) % SZ_1M == 0;
            right &= mapped == 0 || set.l1_entry(iova + mapped) == 0;
            // The next call succeeds.
            right &= set.maps(
                iova + mapped,
                paddr + mapped as u64,
                pgsize,
                pgcount - mapped / pgsize,
            );
            right &= set.translates(iova, paddr, size);
        }
        right &= others.into_iter().all(is_there);
        if !right {
            pr_err!("allocation {n} for {pgcount} x {pgsize:#x}: {ret}, {mapped:#x} mapped\n");
            return Err(EINVAL);
        }
        if !failed && failures < least {
            pr_err!("{failures} failures for {pgcount} x {pgsize:#x}, expected {least}\n");
        }
        if !failed {
            return Ok(failures >= least);
        }
    }
    Err(EOVERFLOW)
}

#[kunit_tests(v7s_faults)]
mod suite {
    use super::*;

    /// A map ends at the first table without memory, for one page and for many of each size.
    #[test]
    fn map() -> Result {
        for cfg in requests()? {
            for gfp in flags() {
                let map = |iova, size, count, tables| {
                    map_in_turn(&cfg, iova, size, count, gfp, failures_of(tables)?)
                };
                for size in [SZ_4K, SZ_64K] {
                    // From the end of a section on, in four tables, the first of which is there.
                    let iova = SZ_16M + SZ_1M - SZ_64K;
                    assert!(map(iova, size, (2 * SZ_1M + 2 * SZ_64K) / size, 3)?);
                    assert!(map(iova, size, 1, 0)?);
                    assert!(map(SZ_16M, size, 1, 1)?);
                }
                // These need no table.
                for size in [SZ_1M, SZ_16M] {
                    assert!(map(2 * SZ_16M, size, 3, 0)?);
                }
            }
        }
        Ok(())
    }

    /// No mapping of small or large pages in a populated range allocates, whatever was unmapped
    /// before and by any page size.
    #[test]
    fn populated() -> Result {
        for cfg in requests()? {
            let set = Set::new(cfg)?;
            assert_eq!(set.populate(SZ_16M, SZ_16M), OK);
            for (size, unmap) in [
                (SZ_4K, SZ_4K),
                (SZ_64K, SZ_1M),
                (SZ_4K, SZ_16M),
                (SZ_64K, SZ_64K),
            ] {
                for gfp in flags() {
                    let map = || set.map_gfp(SZ_16M, 0x4000_0000, size, SZ_16M / size, RW, gfp);
                    // No allocation is made that could fail.
                    let (ret, failed) = fault::nth(1, || fault::all(map));
                    assert!(same!(ret, (OK, SZ_16M), "pages of {size:#x}"));
                    assert!(!failed);
                    assert!(set.translates(SZ_16M, 0x4000_0000, SZ_16M));
                    assert_eq!(set.unmap(SZ_16M, unmap, SZ_16M / unmap), SZ_16M);
                }
            }
        }
        Ok(())
    }

    /// Tables made before an allocation fails stay, and so do mappings.
    #[test]
    fn populate() -> Result {
        for cfg in requests()? {
            let mut failures = 0;
            for n in 1..1000 {
                let set = Set::new(cfg)?;
                assert!(set.maps(0, 0x8000_0000, SZ_4K, 512));
                let call = || set.populate_gfp(0, 8 * SZ_1M, fault::GFP.as_raw());
                let (ret, failed) = fault::nth(n, call);
                failures += usize::from(ret != OK);
                assert!(ret == OK || failed && ret == errno(ENOMEM));
                assert!(set.translates(0, 0x8000_0000, 2 * SZ_1M));
                // The next call succeeds.
                assert_eq!(set.populate(0, 8 * SZ_1M), OK);
                assert!((0..8).all(|mib| set.has_table(mib * SZ_1M)));
                if !failed {
                    break;
                }
            }
            assert!(same!(
                failures >= failures_of(6)?,
                true,
                "{failures} failures"
            ));
        }
        Ok(())
    }

    /// `__GFP_NOFAIL` changes nothing.
    #[test]
    fn no_fail() -> Result {
        if fault::skip_unless_set_up() {
            return Ok(());
        }
        let gfp = fault::WAITING.as_raw() | 1 << bindings::___GFP_NOFAIL_BIT;
        for cfg in requests()? {
            let least = failures_of(1)?;
            assert!(map_in_turn(&cfg, SZ_16M, SZ_4K, 1, gfp, least)?);
        }
        Ok(())
    }

    /// Making a set fails; the C interface has no errno for it.
    #[test]
    fn create() -> Result {
        if fault::skip_unless_set_up() {
            return Ok(());
        }
        for cfg in requests()? {
            let mut failures = 0;
            for n in 1..1000 {
                let (set, failed) = fault::nth(n, || Set::new(cfg));
                assert!(failed || set.is_ok());
                failures += usize::from(set.is_err());
                let set = set.or_else(|_| Set::new(cfg))?;
                assert!(set.maps(SZ_16M, 0x4000_0000, SZ_4K, 600));
                assert!(set.translates(SZ_16M, 0x4000_0000, 600 * SZ_4K));
                if !failed {
                    break;
                }
            }
            // The set itself, its first level, and its place in the list.
            assert!(failures >= 3);
        }
        Ok(())
    }
}
