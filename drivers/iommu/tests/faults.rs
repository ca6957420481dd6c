// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail, each that an operation makes, in turn: the errno, what was mapped until
//! then, what was mapped before, and that the next call works.

use super::*;
use slab_rust::{
    fault,
    TableSource, //
};

/// How many of the allocations that four tables take can fail: a pool has all of them in one page,
/// genalloc takes none, and page_frag makes do with a page if there is no chunk.
fn allocations() -> Result<usize> {
    Ok(match crate::caches::source()? {
        TableSource::Genalloc { .. } | TableSource::PageFrag => 0,
        TableSource::Pool => 1,
        _ => 4,
    })
}

#[kunit_tests(v7s_faults)]
mod suite {
    use super::*;

    /// A map that needs four tables.
    #[test]
    fn map() -> Result {
        let mut failures = 0;
        for n in 1..100 {
            let set = Set::of(0, 32, 32)?;
            let (iova, size) = (SZ_16M + 0xf_f000, SZ_4K * 600);
            let gfp = fault::GFP.as_raw();
            let ((ret, mapped), failed) =
                fault::nth(n, || set.map_gfp(iova, 0x4000_0000, SZ_4K, 600, RW, gfp));
            if ret == OK {
                assert_eq!(mapped, size);
            } else {
                failures += 1;
                assert!(failed);
                assert_eq!(ret, errno(ENOMEM));
                // Up to the table that there was no memory for.
                assert!(mapped < size && (mapped == 0 || (iova + mapped) % SZ_1M == 0));
                assert!(set.is_gap(iova + mapped, size - mapped));
                assert_eq!(set.l1_entry(iova + mapped), 0);
                // And then there is some.
                assert!(set.maps(iova + mapped, 0, SZ_4K, 1));
            }
            assert!(set.translates(iova, 0x4000_0000, mapped));
            if !failed {
                break;
            }
        }
        // 600 pages from the end of a section on are in four tables.
        assert!(failures >= allocations()?);
        Ok(())
    }

    /// One page, which has a way of its own.
    #[test]
    fn map_of_one_page() -> Result {
        if allocations()? == 0 {
            return Ok(());
        }
        let gfp = fault::GFP.as_raw();
        for size in [SZ_4K, SZ_64K] {
            let set = Set::of(0, 32, 32)?;
            let result = fault::nth(1, || set.map_gfp(SZ_16M, 0, size, 1, RW, gfp));
            assert_eq!(result, ((errno(ENOMEM), 0), true));
            assert_eq!(set.l1_entry(SZ_16M), 0);
            // A section takes no memory.
            let result = fault::nth(1, || set.map_gfp(SZ_16M, 0, SZ_1M, 1, RW, gfp));
            assert_eq!(result, ((OK, SZ_1M), false));
        }
        Ok(())
    }
}
