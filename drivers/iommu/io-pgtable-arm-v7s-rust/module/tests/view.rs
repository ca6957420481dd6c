// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs, and `pgtable_walk`.

use core::marker::PhantomData;

use kernel::{
    page::PAGE_SIZE,
    str::CString, //
};

use super::*;

use crate::{
    debugfs::{
        entries::Entries,
        line_file::Lines,
        runs::Runs,
        set_lines::{
            OfSets,
            SetLines, //
        },
        sets::Sets, //
    },
    memory::source::source,
    page_table::TableSource,
    set_list, //
};

/// Returns the lines about a set.
struct Shown<'a, L: SetLines>(&'a Set, PhantomData<L>);

impl<L: SetLines> fmt::Display for Shown<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut reader, mut at): (L, _) = (pin_init::zeroed(), 0);
        while let Some(next) = reader.find(self.0.table(), at) {
            reader.show(f)?;
            at = next;
        }
        Ok(())
    }
}

/// Returns all lines of a file.
struct All<L: SetLines>(PhantomData<L>);

impl<L: SetLines> fmt::Display for All<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(<OfSets<L> as Lines>::HEADER)?;
        let (mut reader, mut at): (OfSets<L>, _) = (pin_init::zeroed(), 0);
        while let Some(next) = reader.find(&(), at) {
            reader.show(&(), f)?;
            at = next;
        }
        Ok(())
    }
}

/// Returns true if these are the lines about a set.
fn reads<L: SetLines>(set: &Set, expected: &str) -> Result<bool> {
    let text = CString::try_from_fmt(fmt!("{}", Shown::<L>(set, PhantomData)))?;
    let got = text.to_str()?;
    if got != expected {
        pr_err!("got:\n{got}expected:\n{expected}");
    }
    Ok(got == expected)
}

/// Returns the number of a live set, by the address of its first-level table.
fn number_of(set: &Set) -> Option<u64> {
    set_list::find_from(0, |number, other| {
        (other.l1_phys() == set.table().l1_phys()).then_some(number)
    })
}

/// The line that a reader found last.
struct ShownLast<'a>(&'a OfSets<Runs>);

impl fmt::Display for ShownLast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(&(), f)
    }
}

/// Returns the line of `runs` about a set with one run.
fn only_run(set: &Set) -> Result<CString> {
    CString::try_from_fmt(fmt!("{}", Shown::<Runs>(set, PhantomData)))
}

/// Calls `pgtable_walk` with entries that are not zero before.
fn walk(set: &Set, iova: usize) -> (c_int, [u64; 4]) {
    let mut data = bindings::arm_lpae_io_pgtable_walk_data { ptes: [UNSET; 4] };
    let ops = set.ops.as_ptr();
    // SAFETY: A live set, and the data that it takes.
    let ret = unsafe {
        (*ops).pgtable_walk.map_or(1, |pgtable_walk| {
            pgtable_walk(ops, iova, (&raw mut data).cast())
        })
    };
    (ret, data.ptes)
}

/// An entry that a walk does not write.
const UNSET: u64 = 0x5a5a;

/// The entry of a section with all permissions: type 2, TEX\[0\] 12, AP\[0\]
/// 10, AP\[1\] 11, S 16, nG 17.
const SECTION: u64 = 0x3_1c02;
/// The entries of a supersection (18), a large page (type 1, TEX\[0\] 12, AP 4 and 5, S 10, nG 11)
/// and a small one (type 2, TEX\[0\] 6, the rest as before).
const SUPERSECTION: u64 = 0x7_1c02;
const LARGE: u64 = 0x1c31;
const SMALL: u64 = 0xc72;

#[kunit_tests(v7s_view)]
mod suite {
    use super::*;

    /// An empty set has no line.
    #[test]
    fn empty() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(reads::<Runs>(&set, "")?);
        assert!(reads::<Entries>(&set, "")?);
        Ok(())
    }

    /// Pages in a row are a run, across tables too, until one of the addresses, the size or the
    /// access is another.
    #[test]
    fn runs() -> Result {
        let set = Set::of(0, 32, 32)?;
        // Across a table, in several calls.
        assert!(set.maps(0x000f_e000, 0x8000_0000, SZ_4K, 1));
        assert!(set.maps(0x000f_f000, 0x8000_1000, SZ_4K, 2));
        assert!(set.maps(0x0010_1000, 0x8000_3000, SZ_4K, 1));
        // Another output address, after a gap of nothing.
        assert!(set.maps(0x0010_2000, 0x8000_5000, SZ_4K, 1));
        // Another access.
        let mapped = set.map_prot(0x0010_3000, 0x8000_6000, SZ_4K, 1, prot::READ);
        assert!(mapped == (OK, SZ_4K));
        // A gap of input addresses.
        let mapped = set.map_prot(0x0010_5000, 0x8000_7000, SZ_4K, 1, prot::READ);
        assert!(mapped == (OK, SZ_4K));
        // Other sizes, with addresses in a row.
        assert!(set.maps(0x002e_f000, 0x9000_f000, SZ_4K, 1));
        assert!(set.maps(0x002f_0000, 0x9001_0000, SZ_64K, 1));
        assert!(set.maps(0x0030_0000, 0x9010_0000, SZ_1M, 2));
        assert!(set.maps(0x0100_0000, 0xa000_0000, SZ_16M, 2));
        // To the end.
        assert!(set.maps(0xffff_f000, 0xffff_f000, SZ_4K, 1));
        assert!(reads::<Runs>(
            &set,
            "0x0000fe000 0x080000000 0x4000 4K read,write,uncached\n\
             0x000102000 0x080005000 0x1000 4K read,write,uncached\n\
             0x000103000 0x080006000 0x1000 4K read,uncached\n\
             0x000105000 0x080007000 0x1000 4K read,uncached\n\
             0x0002ef000 0x09000f000 0x1000 4K read,write,uncached\n\
             0x0002f0000 0x090010000 0x10000 64K read,write,uncached\n\
             0x000300000 0x090100000 0x200000 1M read,write,uncached\n\
             0x001000000 0x0a0000000 0x2000000 16M read,write,uncached\n\
             0x0fffff000 0x0fffff000 0x1000 4K read,write,uncached\n"
        )?);
        Ok(())
    }

    /// Addresses beyond 32 bits on either side.
    #[cfg(CONFIG_64BIT)]
    #[test]
    fn wide_runs() -> Result {
        let set = Set::of(MTK, 34, 35)?;
        assert!(set.maps(0x0_ffff_f000, 0x6_ffff_f000, SZ_4K, 2));
        assert!(set.maps(0x3_ff00_0000, 0x7_ff00_0000, SZ_16M, 1));
        assert!(reads::<Runs>(
            &set,
            "0x0fffff000 0x6fffff000 0x2000 4K read,write,uncached\n\
             0x3ff000000 0x7ff000000 0x1000000 16M read,write,uncached\n"
        )?);
        Ok(())
    }

    /// The words for each combination of flags, for entries of each size.
    #[test]
    fn access() -> Result {
        for flags in 0..64 {
            if flags & RW == 0 {
                continue;
            }
            let word = |flag, word| if flags & flag != 0 { word } else { "" };
            let memory = match flags & (prot::MMIO | prot::CACHE) {
                0 => ",uncached",
                prot::CACHE => ",cached",
                _ => ",device",
            };
            for (size, name) in SIZES.into_iter().zip(["4K", "64K", "1M", "16M"]) {
                // Writable pages are readable.
                let set = Set::of(0, 32, 32)?;
                let mapped = set.map_prot(SZ_16M, 0x8000_0000, size, 1, flags);
                assert!(mapped == (OK, size));
                let expected = CString::try_from_fmt(fmt!(
                    "0x001000000 0x080000000 {size:#x} {name} read{}{memory}{}{}\n",
                    word(prot::WRITE, ",write"),
                    word(prot::PRIVILEGED, ",privileged"),
                    word(prot::NOEXEC, ",noexec")
                ))?;
                assert!(*only_run(&set)? == *expected);

                // Without permissions, and with address bits in their place.
                let set = Set::of(MTK | quirk::ARM_NS, 32, 35)?;
                let mapped = set.map_prot(SZ_16M, 0x7_8000_0000, size, 1, flags);
                assert!(mapped == (OK, size));
                let expected = CString::try_from_fmt(fmt!(
                    "0x001000000 0x780000000 {size:#x} {name} read,write{memory},ns\n"
                ))?;
                assert!(*only_run(&set)? == *expected);
            }
        }
        Ok(())
    }

    /// Entries of both levels, tables without mappings among them.
    #[test]
    fn entries() -> Result {
        let set = Set::of(0, 32, 32)?;
        assert!(set.maps(0x0000_0000, 0x8000_0000, SZ_4K, 1));
        assert!(set.maps(0x000f_f000, 0x8000_1000, SZ_4K, 1));
        assert!(set.maps(0x0020_0000, 0x8010_0000, SZ_1M, 1));
        assert!(set.maps(0x0fff_f000, 0x8000_2000, SZ_4K, 1));
        assert!(set.unmap(0x0fff_f000, SZ_4K, 1) == SZ_4K);
        assert!(set.maps(0xfff0_0000, 0x8020_0000, SZ_1M, 1));
        let [first, last] = [0, 0x0ff0_0000].map(|iova| set.l1_entry(iova));
        let expected = CString::try_from_fmt(fmt!(
            "0x000000000 1 {first:#010x}\n\
             0x000000000 2 0x80000c72\n\
             0x0000ff000 2 0x80001c72\n\
             0x000200000 1 0x80131c02\n\
             0x00ff00000 1 {last:#010x}\n\
             0x0fff00000 1 0x80231c02\n"
        ))?;
        assert!(reads::<Entries>(&set, expected.to_str()?)?);
        Ok(())
    }

    /// The configuration, the registers and the memory.
    #[test]
    fn sets() -> Result {
        let set = Set::of(MTK | quirk::ARM_NS, 33, 35)?;
        let l1 = set.table().l1_phys();
        let expected = CString::try_from_fmt(fmt!(
            "33 35 ARM_NS,NO_PERMS,ARM_MTK_EXT 4K,64K,1M,16M coherent {l1:#x} 0x0 \
             0x800b8204 0x40004000 {l1:#x} 32768 0 0 - - 0\n"
        ))?;
        assert!(reads::<Sets>(&set, expected.to_str()?)?);
        assert!(set.maps(0, 0x8000_0000, SZ_4K, 1));
        assert!(set.maps(SZ_16M, 0x8000_0000, SZ_64K, 1));
        assert!(set.maps(2 * SZ_16M, 0x8000_0000, SZ_4K, 1));
        assert_eq!(set.unmap(2 * SZ_16M, SZ_1M, 1), SZ_1M);
        let [low, high] = [0, SZ_16M].map(|iova| set.l1_entry(iova) & !0x3ff);
        let (low, high) = (low.min(high), low.max(high));
        // For a pool, the pages that it holds.
        let l2_bytes = match source()? {
            TableSource::Pool => PAGE_SIZE,
            _ => 3 * kernel::sizes::SZ_1K,
        };
        let expected = CString::try_from_fmt(fmt!(
            "33 35 ARM_NS,NO_PERMS,ARM_MTK_EXT 4K,64K,1M,16M coherent {l1:#x} 0x0 \
             0x800b8204 0x40004000 {l1:#x} 32768 2 1 {low:#x} {high:#x} {l2_bytes}\n"
        ))?;
        assert!(reads::<Sets>(&set, expected.to_str()?)?);
        Ok(())
    }

    /// A small set, whose walker does not snoop.
    #[test]
    fn plain_set() -> Result {
        let mut cfg = noncoherent(device()?, 0, 20, 32);
        cfg.pgsize_bitmap = SZ_4K;
        let set = Set::new(cfg)?;
        let l1 = set.table().l1_phys();
        let expected = CString::try_from_fmt(fmt!(
            "20 32 - 4K noncoherent {:#x} 0x0 \
             0x800b8204 0x40004000 {l1:#x} {PAGE_SIZE} 0 0 - - 0\n",
            l1 | 2
        ))?;
        assert!(reads::<Sets>(&set, expected.to_str()?)?);
        Ok(())
    }

    /// A file has the lines of all sets, in the order in which they were made; the first column is
    /// the number of the set.
    #[test]
    fn all_sets() -> Result {
        let (first, empty, last) = (
            Set::of(0, 32, 32)?,
            Set::of(0, 32, 32)?,
            Set::of(0, 32, 32)?,
        );
        for set in [&first, &last] {
            assert!(set.maps(0x10_0000, 0x8000_0000, SZ_4K, 1));
            assert!(set.maps(0x30_0000, 0x8000_0000, SZ_1M, 1));
        }
        let numbers = [&first, &empty, &last].map(number_of);
        let [Some(first), Some(empty), Some(last)] = numbers else {
            return Err(ENOENT);
        };
        assert!(first < empty && empty < last);
        let runs = CString::try_from_fmt(fmt!("{}", All::<Runs>(PhantomData)))?;
        let mut lines = runs.to_str()?.lines();
        assert_eq!(lines.next(), Some("set iova paddr size page_size access"));
        // Other sets may exist, too.
        let ours = lines.filter_map(|line| {
            let (number, rest) = line.split_once(' ')?;
            let number: u64 = number.parse().ok()?;
            [first, empty, last]
                .contains(&number)
                .then_some((number, rest))
        });
        let expected = [first, last].into_iter().flat_map(|number| {
            [
                (
                    number,
                    "0x000100000 0x080000000 0x1000 4K read,write,uncached",
                ),
                (
                    number,
                    "0x000300000 0x080000000 0x100000 1M read,write,uncached",
                ),
            ]
        });
        assert!(ours.eq(expected));
        Ok(())
    }

    /// If a set is freed while it is read, the reader goes on with the next one.
    #[test]
    fn a_set_goes() -> Result {
        let (first, last) = (Set::of(0, 32, 32)?, Set::of(0, 32, 32)?);
        for set in [&first, &last] {
            assert!(set.maps(0x10_0000, 0x8000_0000, SZ_4K, 1));
            assert!(set.maps(0x30_0000, 0x8000_0000, SZ_1M, 1));
        }
        let [Some(number), Some(next)] = [&first, &last].map(number_of) else {
            return Err(ENOENT);
        };
        let mut reader: OfSets<Runs> = pin_init::zeroed();
        let at = reader.find(&(), number << 24).ok_or(ENOENT)?;
        assert_eq!(at >> 24, number);
        drop(first);
        let at = reader.find(&(), at).ok_or(ENOENT)?;
        assert_eq!(at >> 24, next);
        let shown = CString::try_from_fmt(fmt!("{}", ShownLast(&reader)))?;
        let expected = CString::try_from_fmt(fmt!(
            "{} 0x000100000 0x080000000 0x1000 4K read,write,uncached\n",
            next as usize
        ))?;
        assert!(*shown == *expected);
        Ok(())
    }

    /// A reader has one copy of each MiB, even if mappings change meanwhile.
    #[test]
    fn one_copy() -> Result {
        let set = Set::of(0, 32, 32)?;
        for iova in [0, 0x8000, SZ_1M] {
            assert!(set.maps(iova, 0x8000_0000, SZ_4K, 1));
        }
        let table = set.table();
        let mut reader: Runs = pin_init::zeroed();
        assert!(reader.find(table, 0) == Some(1));
        for iova in [0, 0x8000, SZ_1M] {
            assert!(set.unmap(iova, SZ_4K, 1) == SZ_4K);
        }
        assert!(set.maps(0, 0x8000_0000, SZ_1M, 1));
        // The second page is still there, that of another MiB is not.
        assert!(reader.find(table, 1) == Some(9));
        assert!(reader.find(table, 9).is_none());
        Ok(())
    }

    /// A walk gives the entry of each level under its number.
    #[test]
    fn walks() -> Result {
        let set = Set::of(0, 32, 32)?;
        for (size, entry) in SIZES.into_iter().zip([SMALL, LARGE, SECTION, SUPERSECTION]) {
            let iova = size * 3;
            assert!(set.maps(iova, 0x8000_0000, size, 1));
            for at in [iova, iova + size - 1] {
                let l1 = u64::from(set.l1_entry(at));
                let (ret, ptes) = walk(&set, at);
                assert!(same!(ret, OK, "a walk at {at:#x}"));
                let leaf = 0x8000_0000 | entry;
                let expected = if size < SZ_1M {
                    [UNSET, l1, leaf, UNSET]
                } else {
                    [UNSET, leaf, UNSET, UNSET]
                };
                assert!(same!(ptes, expected, "entries at {at:#x}"));
            }
        }
        Ok(())
    }

    /// A walk to an address without a mapping: an errno, and the entries on the way.
    #[test]
    fn walks_to_nothing() -> Result {
        let set = Set::of(0, 30, 32)?;
        assert!(set.maps(SZ_1M, 0x8000_0000, SZ_4K, 1));
        let table = u64::from(set.l1_entry(SZ_1M));
        for (iova, ptes) in [
            (0, [UNSET, 0, UNSET, UNSET]),
            (SZ_1M + SZ_4K, [UNSET, table, 0, UNSET]),
            ((1 << 30) - 1, [UNSET, 0, UNSET, UNSET]),
            (1 << 30, [UNSET; 4]),
            (usize::MAX, [UNSET; 4]),
        ] {
            assert!(same!(
                walk(&set, iova),
                (errno(EINVAL), ptes),
                "a walk at {iova:#x}"
            ));
        }
        Ok(())
    }
}
