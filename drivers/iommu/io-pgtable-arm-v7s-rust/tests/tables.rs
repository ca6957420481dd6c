// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: addresses, DMA mapping for a walker that does not snoop, and refusals.

use super::*;

/// `struct bus_dma_region`, which the kernel crate has no bindings for.
#[repr(C)]
struct DmaRegion {
    cpu_start: bindings::phys_addr_t,
    dma_start: bindings::dma_addr_t,
    size: u64,
}

// SAFETY: Numbers.
unsafe impl Sync for DmaRegion {}

/// A bus whose DMA addresses are 64 KiB above physical addresses.
static SHIFTED: [DmaRegion; 2] = [
    DmaRegion {
        cpu_start: 0,
        dma_start: 0x1_0000,
        size: 1 << 36,
    },
    // The end of the list.
    DmaRegion {
        cpu_start: 0,
        dma_start: 0,
        size: 0,
    },
];

/// Moves a device to that bus, or back.
fn shift(dev: NonNull<bindings::device>, on: bool) {
    let regions = if on {
        SHIFTED.as_ptr()
    } else {
        core::ptr::null()
    };
    // SAFETY: The device is alive, and used by this test only. The kernel only reads the regions.
    unsafe { (*dev.as_ptr()).dma_range_map = regions.cast_mut().cast() };
}

#[kunit_tests(v7s_tables)]
mod suite {
    use super::*;

    /// Tables of a set lie at the addresses in their entries.
    #[test]
    fn tables_are_where_entries_say() -> Result {
        for quirks in [0, MTK, MTK | quirk::ARM_MTK_TTBR_EXT] {
            let extended = quirks & quirk::ARM_MTK_TTBR_EXT != 0;
            let set = Set::of(quirks, 30, if extended { 35 } else { 32 })?;
            for section in 0..40 {
                assert!(set.maps(section * SZ_1M, 0, SZ_4K, 1));
                let raw = set.l1_entry(section * SZ_1M);
                // SAFETY: Read from this set.
                let table = unsafe { set.table().l2(raw) };
                // SAFETY: A table is in the linear map.
                let phys = unsafe { crate::slab::tests::virt_to_phys(table.as_ptr().cast()) };
                assert_eq!(entry::table_paddr(raw, extended), phys);
                assert_eq!(phys & 0x3ff, 0);
                assert!(extended || phys >> 32 == 0);
            }
        }
        Ok(())
    }

    #[test]
    fn tables_are_not_shared() -> Result {
        let (one, other) = (Set::of(0, 32, 32)?, Set::of(0, 32, 32)?);
        for section in 0..20 {
            assert!(one.maps(section * SZ_1M, 0x4000_0000, SZ_4K, 1));
            assert!(other.maps(section * SZ_1M, 0x8000_0000, SZ_4K, 1));
        }
        for section in 0..20 {
            assert!(one.translates(section * SZ_1M, 0x4000_0000, SZ_4K));
            assert!(other.translates(section * SZ_1M, 0x8000_0000, SZ_4K));
            // New ones are empty.
            assert!(one.is_gap(section * SZ_1M + SZ_4K, SZ_1M - SZ_4K));
        }
        Ok(())
    }

    /// A table that comes back from the cache is empty again.
    #[test]
    fn tables_are_empty_again() -> Result {
        let set = Set::of(0, 32, 32)?;
        for _ in 0..100 {
            assert!(set.maps(SZ_16M, 0x4000_0000, SZ_4K, 256));
            assert_eq!(set.unmap(SZ_16M, SZ_1M, 1), SZ_1M);
            assert!(set.maps(SZ_16M + SZ_64K, 0x8000_0000, SZ_4K, 1));
            assert!(set.is_gap(SZ_16M, SZ_64K));
            assert!(set.is_gap(SZ_16M + SZ_64K + SZ_4K, SZ_64K));
            assert_eq!(set.unmap(SZ_16M, SZ_1M, 1), SZ_1M);
        }
        Ok(())
    }

    /// With a walker that does not snoop only TTBR differs for a caller.
    #[test]
    fn noncoherent_walker() -> Result {
        let dev = device()?;
        for (quirks, ias, oas, attributes) in [(0, 32, 32, 2), (MTK, 34, 35, 0)] {
            let set = Set::new(noncoherent(dev, quirks, ias, oas))?;
            // SAFETY: Filled in.
            let ttbr = unsafe { set.cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr };
            assert_eq!(u64::from(ttbr), set.table().l1_phys() | attributes);

            for size in SIZES {
                let (iova, count) = (2 * SZ_16M + 3 * size, if size == SZ_4K { 600 } else { 20 });
                assert!(set.maps(iova, 0x4000_0000, size, count));
                assert!(set.translates(iova, 0x4000_0000, count * size));
                assert_eq!(set.map(iova - size, 0, size, 2), (errno(EEXIST), size));
                assert_eq!(set.unmap(iova - size, size, count + 1), (count + 1) * size);
                assert!(set.is_gap(iova - size, (count + 1) * size));
            }
            // Tables are freed, one by one and with their set.
            assert!(set.maps(SZ_1M, 0, SZ_4K, 256));
            assert_eq!(set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
            assert!(set.maps(SZ_1M, 0, SZ_64K, 20));
            assert!(set.maps(SZ_16M, 0, SZ_1M, 1));
        }
        Ok(())
    }

    /// No set is made if DMA addresses differ from physical ones, which entries cannot express.
    #[test]
    fn device_sees_other_addresses() -> Result {
        let dev = device()?;
        shift(dev, true);
        let refused = Set::new(noncoherent(dev, 0, 32, 32)).is_err();
        shift(dev, false);
        assert!(refused);
        Ok(())
    }

    /// A second-level table with another DMA address is refused: earlier pages stay mapped.
    #[test]
    fn device_comes_to_see_other_addresses() -> Result {
        let dev = device()?;
        let set = Set::new(noncoherent(dev, 0, 32, 32))?;
        assert!(set.maps(SZ_16M, 0x4000_0000, SZ_4K, 1));
        shift(dev, true);
        let (ret, mapped) = set.map(SZ_16M + SZ_4K, 0x8000_0000, SZ_4K, 300);
        shift(dev, false);
        assert!(ret < 0);
        assert_eq!(mapped, 255 * SZ_4K);
        assert!(set.translates(SZ_16M + SZ_4K, 0x8000_0000, 255 * SZ_4K));
        assert_eq!(set.l1_entry(SZ_16M + SZ_1M), 0);
        assert!(set.maps(SZ_16M + SZ_1M, 0, SZ_4K, 1));
        Ok(())
    }
}
