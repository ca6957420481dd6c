// SPDX-License-Identifier: GPL-2.0

//! Deliberate differences between Rust and C: each test shows both. The reasons are in
//! Documentation/iommu/differences.rst, which names these tests.

use kernel::{
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use io_pgtable_arm_v7s_rust::quirk;

use crate::{
    device::PlatformDevice,
    flush::{
        Call,
        Gather, //
    },
    ktap::{
        wrong,
        Ktap,
        Verdict, //
    },
    operation::Answer,
    pair::Pair,
    provider::Provider,
    set::Set,
    setup::Setup,
    walk::is_table, //
};

const RW: u32 = prot::READ | prot::WRITE;
const PADDR: u64 = 0x8000_0000;

type Test = fn(&PlatformDevice) -> Verdict;

/// All tests, with their names in the documentation.
const TESTS: [(&str, Test); 13] = [
    ("no_warn_is_known", no_warn_is_known),
    ("section_over_live_table", section_over_live_table),
    ("supersection_all_or_nothing", supersection_all_or_nothing),
    ("map_beyond_ias", map_beyond_ias),
    ("map_beyond_oas", map_beyond_oas),
    ("run_beyond_33_bits", run_beyond_33_bits),
    (
        "supersection_beyond_the_table",
        supersection_beyond_the_table,
    ),
    ("map_unaligned", map_unaligned),
    ("unmap_beyond_ias", unmap_beyond_ias),
    ("unmap_unaligned", unmap_unaligned),
    ("page_size_not_offered", page_size_not_offered),
    ("translate_beyond_ias", translate_beyond_ias),
    ("runs_end_before_callbacks", runs_end_before_callbacks),
];

#[inline(never)] // For a stack frame of its own.
pub(crate) fn run(ktap: &mut Ktap, dev: &PlatformDevice) {
    for (name, test) in TESTS {
        ktap.result(fmt!("deliberate: {}", name), test(dev));
    }
}

/// All sizes.
fn plain(dev: &PlatformDevice) -> core::result::Result<Pair, crate::text::Text> {
    Pair::new(&Setup::full(0, true), dev)
}

fn is<T: PartialEq + core::fmt::Debug>(what: &str, due: T, got: T) -> Verdict {
    if due == got {
        return Ok(());
    }
    wrong!("{}: {:#x?}, due: {:#x?}", what, got, due)
}

/// Returns the result of a successful call for `bytes`.
fn done(bytes: usize) -> Answer {
    Answer { errno: 0, bytes }
}

fn refused(error: Error) -> Answer {
    Answer {
        errno: error.to_errno(),
        bytes: 0,
    }
}

fn no_warn_is_known(dev: &PlatformDevice) -> Verdict {
    let setup = Setup::full(quirk::NO_WARN, true);
    is("C", true, Set::new(Provider::C, &setup, dev)?.is_none())?;
    let Some(mut rust) = Set::new(Provider::Rust, &setup, dev)? else {
        return wrong!("Rust refuses NO_WARN");
    };
    is("a map", done(SZ_4K), rust.map(0, PADDR, SZ_4K, 1, RW)?)?;
    // The test checks that these addresses are not in the log.
    let iova = 0x0ddb_a000;
    is("a map", done(SZ_4K), rust.map(iova, PADDR, SZ_4K, 1, RW)?)?;
    is(
        "another",
        refused(EEXIST),
        rust.map(iova, PADDR, SZ_4K, 1, RW)?,
    )?;
    is(
        "no part",
        done(0),
        rust.unmap(iova, SZ_1M + SZ_4K, 1, Gather::None)?,
    )
}

fn section_over_live_table(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    for set in [&mut pair.rust, &mut pair.c] {
        is("a page", done(SZ_4K), set.map(SZ_64K, PADDR, SZ_4K, 1, RW)?)?;
    }
    is("Rust", refused(EEXIST), pair.rust.map(0, 0, SZ_1M, 1, RW)?)?;
    is("C", done(SZ_1M), pair.c.map(0, 0, SZ_1M, 1, RW)?)?;
    is("the page in Rust", PADDR, pair.rust.translate(SZ_64K)?)?;
    is("the page in C", SZ_64K as u64, pair.c.translate(SZ_64K)?)
}

fn supersection_all_or_nothing(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    let section = 5 * SZ_1M;
    for set in [&mut pair.rust, &mut pair.c] {
        // An empty table, and behind it a page that is live.
        is("a page", done(SZ_4K), set.map(0, PADDR, SZ_4K, 1, RW)?)?;
        is(
            "no page",
            done(SZ_4K),
            set.unmap(0, SZ_4K, 1, Gather::None)?,
        )?;
        is(
            "a page",
            done(SZ_4K),
            set.map(section, PADDR, SZ_4K, 1, RW)?,
        )?;
    }
    is("Rust", refused(EEXIST), pair.rust.map(0, 0, SZ_16M, 1, RW)?)?;
    is("C", done(SZ_16M), pair.c.map(0, 0, SZ_16M, 1, RW)?)?;
    is("the table in Rust", true, is_table(pair.rust.walk.l1(0)))?;
    is("the page in Rust", PADDR, pair.rust.translate(section)?)?;
    is("the page in C", section as u64, pair.c.translate(section)?)
}

fn map_beyond_ias(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    let last = pair.setup().space() - SZ_4K;
    is(
        "Rust",
        refused(ERANGE),
        pair.rust.map(last, PADDR, SZ_4K, 2, RW)?,
    )?;
    is("its last page", 0, pair.rust.translate(last)?)?;
    // The second page goes where the space begins.
    is("C", done(2 * SZ_4K), pair.c.map(last, PADDR, SZ_4K, 2, RW)?)?;
    is("C's first page", PADDR + SZ_4K as u64, pair.c.translate(0)?)
}

fn map_beyond_oas(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    let last = pair.setup().memory() - SZ_4K as u64;
    is(
        "Rust",
        refused(ERANGE),
        pair.rust.map(0, last, SZ_4K, 2, RW)?,
    )?;
    is("its first page", 0, pair.rust.translate(0)?)?;
    // The second page goes where memory begins.
    is("C", done(2 * SZ_4K), pair.c.map(0, last, SZ_4K, 2, RW)?)?;
    is(
        "C's second page",
        true,
        pair.c.walk.l2(pair.c.walk.l1(0), 1) & !0xfff == 0,
    )
}

/// MediaTek's 4 GB mode: the driver sets bit 32 in the first address of a run, for memory below
/// 4 GiB, and not in those above, where it is set already.
fn run_beyond_33_bits(dev: &PlatformDevice) -> Verdict {
    let setup = Setup {
        oas: 33,
        ..Setup::full(quirk::NO_PERMS | quirk::ARM_MTK_EXT, true)
    };
    let mut pair = Pair::new(&setup, dev)?;
    let last = 0x1_ffff_f000;
    is(
        "Rust",
        refused(ERANGE),
        pair.rust.map(0, last, SZ_4K, 2, RW)?,
    )?;
    is("its first page", 0, pair.rust.translate(0)?)?;
    is("C", done(2 * SZ_4K), pair.c.map(0, last, SZ_4K, 2, RW)?)?;
    is("C's first page", last, pair.c.translate(0)?)?;
    is("C's second page", 1 << 33, pair.c.translate(SZ_4K)?)
}

fn supersection_beyond_the_table(dev: &PlatformDevice) -> Verdict {
    let setup = Setup {
        ias: 22,
        ..Setup::full(0, true)
    };
    let mut pair = Pair::new(&setup, dev)?;
    is("Rust", refused(ERANGE), pair.rust.map(0, 0, SZ_16M, 1, RW)?)?;
    is("C", done(SZ_16M), pair.c.map(0, 0, SZ_16M, 1, RW)?)?;
    let written = |set: &Set| set.walk.behind_l1().filter(|entry| *entry != 0).count();
    is("entries behind the table of Rust", 0, written(&pair.rust))?;
    is("entries behind the table of C", 12, written(&pair.c))
}

fn map_unaligned(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    let odd = PADDR + SZ_4K as u64;
    is(
        "Rust",
        refused(EINVAL),
        pair.rust.map(0, odd, SZ_64K, 1, RW)?,
    )?;
    is(
        "Rust",
        refused(EINVAL),
        pair.rust.map(SZ_4K, PADDR, SZ_64K, 1, RW)?,
    )?;
    is("C", done(SZ_64K), pair.c.map(0, odd, SZ_64K, 1, RW)?)?;
    // The odd bit of the address is the lowest one of TEX.
    let [mut even, _] = [plain(dev)?.c, pair.rust];
    is("C", done(SZ_64K), even.map(0, PADDR, SZ_64K, 1, RW)?)?;
    let entry = |set: &Set| set.walk.l2(set.walk.l1(0), 0);
    is("C's entry", entry(&even) | SZ_4K as u32, entry(&pair.c))
}

fn unmap_beyond_ias(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    let last = pair.setup().space() - SZ_4K;
    for set in [&mut pair.rust, &mut pair.c] {
        is(
            "last page",
            done(SZ_4K),
            set.map(last, PADDR, SZ_4K, 1, RW)?,
        )?;
        is("first page", done(SZ_4K), set.map(0, PADDR, SZ_4K, 1, RW)?)?;
    }
    is(
        "Rust",
        done(0),
        pair.rust.unmap(last, SZ_4K, 2, Gather::None)?,
    )?;
    is(
        "C",
        done(2 * SZ_4K),
        pair.c.unmap(last, SZ_4K, 2, Gather::None)?,
    )?;
    is("the first page in Rust", PADDR, pair.rust.translate(0)?)?;
    is("the first page in C", 0, pair.c.translate(0)?)
}

fn unmap_unaligned(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    for set in [&mut pair.rust, &mut pair.c] {
        is("pages", done(32 * SZ_4K), set.map(0, PADDR, SZ_4K, 32, RW)?)?;
    }
    is(
        "Rust",
        done(0),
        pair.rust.unmap(SZ_4K, SZ_64K, 1, Gather::None)?,
    )?;
    // Sixteen entries, wherever they begin.
    is(
        "C",
        done(SZ_64K),
        pair.c.unmap(SZ_4K, SZ_64K, 1, Gather::None)?,
    )?;
    is(
        "a page in Rust",
        PADDR + SZ_64K as u64,
        pair.rust.translate(SZ_64K)?,
    )?;
    is("a page in C", 0, pair.c.translate(SZ_64K)?)
}

fn page_size_not_offered(dev: &PlatformDevice) -> Verdict {
    let setup = Setup {
        page_sizes: SZ_4K,
        ..Setup::full(0, true)
    };
    let mut pair = Pair::new(&setup, dev)?;
    is("Rust", refused(EINVAL), pair.rust.map(0, 0, SZ_1M, 1, RW)?)?;
    is("C", done(SZ_1M), pair.c.map(0, 0, SZ_1M, 1, RW)?)?;
    for set in [&mut pair.rust, &mut pair.c] {
        is("pages", done(SZ_64K), set.map(SZ_1M, PADDR, SZ_4K, 16, RW)?)?;
    }
    is(
        "Rust",
        done(0),
        pair.rust.unmap(SZ_1M, SZ_64K, 1, Gather::None)?,
    )?;
    is(
        "C",
        done(SZ_64K),
        pair.c.unmap(SZ_1M, SZ_64K, 1, Gather::None)?,
    )
}

fn translate_beyond_ias(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    for set in [&mut pair.rust, &mut pair.c] {
        is("a page", done(SZ_4K), set.map(SZ_64K, PADDR, SZ_4K, 1, RW)?)?;
    }
    let behind = pair.setup().space() + SZ_64K;
    is("Rust", 0, pair.rust.translate(behind)?)?;
    is("C", PADDR, pair.c.translate(behind)?)
}

fn runs_end_before_callbacks(dev: &PlatformDevice) -> Verdict {
    let mut pair = plain(dev)?;
    for (set, name, due) in [(&mut pair.rust, "Rust", 0), (&mut pair.c, "C", 1)] {
        set.recorder().look_ahead();
        is("pages", done(2 * SZ_4K), set.map(0, PADDR, SZ_4K, 2, RW)?)?;
        is(
            "both",
            done(2 * SZ_4K),
            set.unmap(0, SZ_4K, 2, Gather::None)?,
        )?;
        let (calls, count) = set.recorder().calls();
        is("callbacks", 2, count)?;
        // The page behind the one that is told of, in the first of two calls.
        is(
            name,
            due,
            calls.iter().filter(|call: &&Call| call.early()).count(),
        )?;
    }
    Ok(())
}
