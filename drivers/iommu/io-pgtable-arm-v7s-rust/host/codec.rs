// SPDX-License-Identifier: GPL-2.0

//! The codec compared with an independent one, written from the tables of the manual (DDI 0406,
//! B3.5.1) and of `IO_PGTABLE_QUIRK_ARM_MTK_EXT`, one bit position after the other, and against
//! entries assembled by hand.

use kernel::{
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1K,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use super::{
    request,
    MTK,
    RW,
    SIZES, //
};
use crate::{
    config::{
        quirk,
        Config, //
    },
    format::{
        entry::{
            decode_l1,
            decode_l2,
            encode_table,
            is_table,
            table_paddr,
            with_ns,
            LargePage,
            Leaf,
            Mapping,
            Section,
            SmallPage,
            Supersection, //
        },
        table_phys::TablePhys, //
    }, //
};

/// All valid combinations of the quirks that change entries.
pub(super) const QUIRKS: [usize; 8] = [
    0,
    quirk::ARM_NS,
    quirk::NO_PERMS,
    quirk::NO_PERMS | quirk::ARM_NS,
    MTK,
    MTK | quirk::ARM_NS,
    MTK | quirk::ARM_MTK_TTBR_EXT,
    MTK | quirk::ARM_MTK_TTBR_EXT | quirk::ARM_NS,
];

/// Combinations of READ, WRITE, CACHE, NOEXEC, MMIO and PRIVILEGED.
pub(super) const PROTS: u32 = 64;

pub(super) fn config(quirks: usize) -> Result<Config> {
    let wide = quirks & quirk::ARM_MTK_EXT != 0;
    let (ias, oas) = if wide { (34, 35) } else { (32, 32) };
    Config::new(&request(quirks, ias, oas))
}

/// A word with a bit set for each position whose condition holds.
fn word(bits: &[(u32, bool)]) -> u32 {
    bits.iter()
        .map(|&(position, set)| u32::from(set) << position)
        .sum()
}

/// Returns the entry for a page of `size` bytes, by the manual.
pub(super) fn manual_leaf(size: usize, paddr: u64, flags: u32, quirks: usize) -> u32 {
    let asks = |flag| flags & flag != 0;
    let has = |quirk| quirks & quirk != 0;
    let perms = !has(quirk::NO_PERMS);

    // Where the size keeps them: XN, TEX[0], AP[0], AP[1], AP[2], S, nG.
    let (xn, tex0, ap0, ap1, ap2, s, ng) = match size {
        SZ_4K => (0, 6, 4, 5, 9, 10, 11),
        SZ_64K => (15, 12, 4, 5, 9, 10, 11),
        _ => (4, 12, 10, 11, 15, 16, 17),
    };
    // Memory types: device is B alone, normal is TEX[0], with C and B if cached.
    let device = asks(prot::MMIO);
    let cached = asks(prot::CACHE) && !device;
    let attributes = word(&[
        (2, device || cached),
        (3, cached),
        (tex0, !device),
        (s, true),
        (ng, true),
        // AP[0] is the access flag, AP[1] lets unprivileged accesses in, AP[2] forbids to write.
        (ap0, perms),
        (ap1, perms && !asks(prot::PRIVILEGED)),
        (ap2, perms && !asks(prot::WRITE)),
        (xn, perms && asks(prot::NOEXEC)),
    ]);
    let kind = match size {
        SZ_4K => 1 << 1,
        SZ_64K => 1 << 0,
        SZ_1M => 1 << 1,
        _ => 1 << 1 | 1 << 18,
    };
    let first_level = size >= SZ_1M;
    let ns = word(&[(19, first_level && has(quirk::ARM_NS))]);
    let mtk = word(&[
        (9, has(quirk::ARM_MTK_EXT) && paddr >> 32 & 1 == 1),
        (4, has(quirk::ARM_MTK_EXT) && paddr >> 33 & 1 == 1),
        (5, has(quirk::ARM_MTK_EXT) && paddr >> 34 & 1 == 1),
    ]);
    (paddr & 0xffff_ffff) as u32 + (attributes | kind | ns | mtk)
}

/// Returns the entry of the code under test.
pub(super) fn encode(size: usize, paddr: u64, flags: u32, cfg: &Config) -> u32 {
    let format = cfg.format();
    match size {
        SZ_4K => SmallPage::encode(paddr, SmallPage::template(flags, format), format),
        SZ_64K => LargePage::encode(paddr, LargePage::template(flags, format), format),
        SZ_1M => Section::encode(
            paddr,
            with_ns(Section::template(flags, format), format),
            format,
        ),
        _ => {
            let template = with_ns(Supersection::template(flags, format), format);
            Supersection::encode(paddr, template, format)
        }
    }
}

fn advance(size: usize, entry: u32, pages: usize) -> u32 {
    match size {
        SZ_4K => SmallPage::advance(entry, pages),
        SZ_64K => LargePage::advance(entry, pages),
        SZ_1M => Section::advance(entry, pages),
        _ => Supersection::advance(entry, pages),
    }
}

fn decode(size: usize, raw: u32, extended: bool) -> Option<Mapping> {
    if size >= SZ_1M {
        decode_l1(raw, extended)
    } else {
        decode_l2(raw, extended)
    }
}

/// Returns addresses below 4 GiB for pages of `size`: each of their bits alone, none and all.
fn low_addresses(size: usize) -> impl Iterator<Item = u64> {
    let bits = (size.trailing_zeros()..32).map(|bit| 1u64 << bit);
    Iterator::chain(bits, [0, (1 << 32) - size as u64])
}

/// Returns the combinations of address bits 32 to 34 that a walker has.
fn high_addresses(quirks: usize) -> impl Iterator<Item = u64> {
    let wide = quirks & quirk::ARM_MTK_EXT != 0;
    (0..if wide { 8 } else { 1 }).map(|high| high << 32)
}

/// Entries assembled by hand, bit by bit.
///
/// Columns: page size, prot, quirks, paddr, entry.
const GOLDEN: [(usize, u32, usize, u64, u32); 40] = {
    use prot::{CACHE, MMIO, NOEXEC, PRIVILEGED, READ, WRITE};
    use quirk::{ARM_MTK_EXT, ARM_NS, NO_PERMS};

    [
        // nG 800, S 400, TEX[0] 40, AP[1] 20, AP[0] 10, small page 2.
        (SZ_4K, RW, 0, 0x8054_5000, 0x8054_5c72),
        (SZ_4K, WRITE, 0, 0x8054_5000, 0x8054_5c72),
        // AP[2] 200.
        (SZ_4K, READ, 0, 0x8054_5000, 0x8054_5e72),
        // C 8 and B 4.
        (SZ_4K, RW | CACHE, 0, 0xffff_f000, 0xffff_fc7e),
        // No TEX[0], B 4; never cached.
        (SZ_4K, RW | MMIO, 0, 0x1000, 0x1c36),
        (SZ_4K, RW | MMIO | CACHE, 0, 0x1000, 0x1c36),
        // XN 1.
        (SZ_4K, RW | NOEXEC, 0, 0x1000, 0x1c73),
        // No AP[1].
        (SZ_4K, RW | PRIVILEGED, 0, 0x1000, 0x1c52),
        // All at once: nG 800, S 400, AP[2] 200, AP[0] 10, B 4, 2, XN 1.
        (SZ_4K, READ | PRIVILEGED | NOEXEC | MMIO, 0, 0, 0xe17),
        // Small pages have no NS bit.
        (SZ_4K, RW, ARM_NS, 0x8054_5000, 0x8054_5c72),
        // Neither AP nor XN.
        (SZ_4K, READ | NOEXEC, NO_PERMS, 0x8054_5000, 0x8054_5c42),
        (SZ_4K, RW | PRIVILEGED, NO_PERMS, 0x8054_5000, 0x8054_5c42),
        // Bits 32, 33, 34 in 200, 10, 20.
        (SZ_4K, RW, MTK, 0x1_8054_5000, 0x8054_5e42),
        (SZ_4K, RW, MTK, 0x2_8054_5000, 0x8054_5c52),
        (SZ_4K, RW, MTK, 0x4_8054_5000, 0x8054_5c62),
        (SZ_4K, RW | CACHE, MTK, 0x7_ffff_f000, 0xffff_fe7e),
        (SZ_4K, READ | NOEXEC, MTK, 0x8054_5000, 0x8054_5c42),
        // nG 800, S 400, TEX[0] 1000, AP[1] 20, AP[0] 10, large page 1.
        (SZ_64K, RW, 0, 0x8055_0000, 0x8055_1c31),
        (SZ_64K, READ, 0, 0x8055_0000, 0x8055_1e31),
        (SZ_64K, RW | CACHE, 0, 0xffff_0000, 0xffff_1c3d),
        (SZ_64K, RW | MMIO, 0, 0x1_0000, 0x1_0c35),
        // XN 8000.
        (SZ_64K, RW | NOEXEC, 0, 0x1_0000, 0x1_9c31),
        (SZ_64K, RW | PRIVILEGED, ARM_NS, 0x1_0000, 0x1_1c11),
        (SZ_64K, READ | NOEXEC, NO_PERMS, 0, 0x1c01),
        (SZ_64K, RW, MTK, 0x1_0001_0000, 0x1_1e01),
        (SZ_64K, RW | CACHE, MTK | ARM_NS, 0x6_0001_0000, 0x1_1c3d),
        // nG 20000, S 10000, TEX[0] 1000, AP[1] 800, AP[0] 400, section 2.
        (SZ_1M, RW, 0, 0x8010_0000, 0x8013_1c02),
        // AP[2] 8000.
        (SZ_1M, READ, 0, 0x8010_0000, 0x8013_9c02),
        (SZ_1M, RW | CACHE, 0, 0xfff0_0000, 0xfff3_1c0e),
        (SZ_1M, RW | MMIO, 0, 0, 0x3_0c06),
        // XN 10.
        (SZ_1M, RW | NOEXEC, 0, 0, 0x3_1c12),
        (SZ_1M, RW | PRIVILEGED, 0, 0, 0x3_1402),
        // NS 80000.
        (SZ_1M, RW, ARM_NS, 0, 0xb_1c02),
        (SZ_1M, READ | NOEXEC, NO_PERMS | ARM_NS, 0, 0xb_1002),
        (SZ_1M, RW, MTK, 0x7_0010_0000, 0x13_1232),
        // A section with 40000.
        (SZ_16M, RW, 0, 0x8100_0000, 0x8107_1c02),
        (
            SZ_16M,
            READ | NOEXEC | CACHE,
            ARM_NS,
            0xff00_0000,
            0xff0f_9c1e,
        ),
        (SZ_16M, RW | MMIO, NO_PERMS, 0, 0x7_0006),
        (
            SZ_16M,
            RW,
            NO_PERMS | ARM_MTK_EXT,
            0x3_0100_0000,
            0x107_1212,
        ),
        (SZ_16M, RW, MTK | ARM_NS, 0x4_0100_0000, 0x10f_1022),
    ]
};

#[test]
fn golden_leaves() -> Result {
    for (size, flags, quirks, paddr, expected) in GOLDEN {
        let raw = encode(size, paddr, flags, &config(quirks)?);
        assert_eq!(
            raw, expected,
            "{size:#x} at {paddr:#x}, prot {flags:#x}, quirks {quirks:#x}"
        );
    }
    Ok(())
}

/// The independent codec has the same values as the entries by hand.
#[test]
fn golden_manual() {
    for (size, flags, quirks, paddr, expected) in GOLDEN {
        let raw = manual_leaf(size, paddr, flags, quirks);
        assert_eq!(raw, expected, "the manual's entry");
    }
}

/// All leaf entries are encoded and decoded as in the manual.
#[test]
fn leaves_agree_with_manual() -> Result {
    for quirks in QUIRKS {
        let cfg = config(quirks)?;
        for size in SIZES {
            for low in low_addresses(size) {
                for paddr in high_addresses(quirks).map(|high| high | low) {
                    for flags in 0..PROTS {
                        let raw = encode(size, paddr, flags, &cfg);
                        let expected = manual_leaf(size, paddr, flags, quirks);
                        assert_eq!(raw, expected, "{size:#x} {paddr:#x} {flags:#x} {quirks:#x}");
                        let back = decode(size, raw, cfg.format().extended);
                        assert_eq!(back, Some(Mapping { paddr, size }));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Undefined flags change nothing.
#[test]
fn other_flags_mean_nothing() -> Result {
    let cfg = config(0)?;
    for size in SIZES {
        for flags in 0..PROTS {
            let with_others = encode(size, 0, flags | !(PROTS - 1), &cfg);
            assert_eq!(with_others, encode(size, 0, flags, &cfg));
        }
    }
    Ok(())
}

/// Entries of consecutive pages differ by their size, up to the next 4 GiB.
#[test]
fn entries_advance_with_addresses() -> Result {
    for quirks in QUIRKS {
        let cfg = config(quirks)?;
        for size in SIZES {
            for high in high_addresses(quirks) {
                let pages = (1 << 32) / size;
                let first = encode(size, high, RW, &cfg);
                for page in [0, 1, 2, 15, 16, 17, 255, pages / 2, pages - 1] {
                    let paddr = high + (page * size) as u64;
                    assert_eq!(advance(size, first, page), encode(size, paddr, RW, &cfg));
                }
            }
        }
    }
    Ok(())
}

/// A translation has the page's address and the input address's offset in it.
#[test]
fn offsets_stay() {
    for size in SIZES {
        let paddr = 0x7_0000_0000 + size as u64;
        let mapping = Mapping { paddr, size };
        for offset in [0, 1, size / 2, size - 1] {
            assert_eq!(mapping.translate(offset), paddr + offset as u64);
            assert_eq!(mapping.translate(5 * size + offset), paddr + offset as u64);
        }
    }
}

#[test]
fn tables_below_4g() -> Result {
    for (quirks, phys, expected) in [
        (0, 0x8054_5400, 0x8054_5401u32),
        (0, 0xffff_fc00, 0xffff_fc01),
        (quirk::NO_PERMS, 0x400, 0x401),
        // NS 8.
        (quirk::ARM_NS, 0x8054_5400, 0x8054_5409),
        (MTK, 0x8054_5400, 0x8054_5401),
        (MTK | quirk::ARM_NS, 0xffff_fc00, 0xffff_fc09),
        (MTK | quirk::ARM_MTK_TTBR_EXT, 0x400, 0x401),
    ] {
        let cfg = config(quirks)?;
        let raw = encode_table(
            TablePhys::new(phys, SZ_1K, cfg.ext_max()).ok_or(ERANGE)?,
            cfg.format(),
        );
        assert_eq!(raw, expected, "table at {phys:#x}, quirks {quirks:#x}");
    }
    Ok(())
}

#[test]
fn tables_above_4g() -> Result {
    for (phys, expected) in [
        // Bits 32, 33, 34 in 200, 10, 20.
        (0x1_8054_5400, 0x8054_5601u32),
        (0x2_8054_5400, 0x8054_5411),
        (0x4_8054_5400, 0x8054_5421),
        (0x7_ffff_fc00, 0xffff_fe31),
    ] {
        let quirks = MTK | quirk::ARM_MTK_TTBR_EXT;
        let cfg = config(quirks)?;
        let raw = encode_table(
            TablePhys::new(phys, SZ_1K, cfg.ext_max()).ok_or(ERANGE)?,
            cfg.format(),
        );
        assert_eq!(raw, expected, "table at {phys:#x}");

        let cfg = config(quirks | quirk::ARM_NS)?;
        let raw = encode_table(
            TablePhys::new(phys, SZ_1K, cfg.ext_max()).ok_or(ERANGE)?,
            cfg.format(),
        );
        assert_eq!(raw, expected | 8, "table at {phys:#x}");
    }
    Ok(())
}

/// Addresses are decoded as they were encoded: every base bit, every high bit.
#[test]
fn tables_and_back() -> Result {
    for quirks in QUIRKS {
        let cfg = config(quirks)?;
        let extended = cfg.mtk_ttbr_ext();
        for high in 0..if extended { 8u64 } else { 1 } {
            for low in low_addresses(SZ_1K) {
                let phys = high << 32 | low;
                let raw = encode_table(
                    TablePhys::new(phys, SZ_1K, cfg.ext_max()).ok_or(ERANGE)?,
                    cfg.format(),
                );
                assert!(is_table(raw));
                assert_eq!(table_paddr(raw, extended), phys);
            }
        }
    }
    Ok(())
}
