// SPDX-License-Identifier: GPL-2.0

//! All 2^32 values of an entry: decoded as in the manual, and encoded again.

use std::{
    sync::atomic::{
        AtomicU32,
        Ordering::Relaxed, //
    },
    thread, //
};

use kernel::{
    iommu::pgtable::prot,
    sizes::{
        SZ_16M,
        SZ_1K,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use super::manual::{
    manual_high,
    manual_l1,
    manual_l2, //
};
use crate::format::{
    entry::{
        attributes_l1,
        attributes_l2,
        decode_l1,
        decode_l2,
        encode_table,
        hide_table,
        is_non_secure,
        is_supersection,
        is_table,
        show_table,
        table_paddr,
        with_ns,
        Attributes,
        Format,
        LargePage,
        Leaf,
        Mapping,
        NoTable,
        Section,
        Small,
        SmallPage,
        Supersection,
        Test,
        Vacant,
        Valid, //
    },
    table_phys::TablePhys, //
};

/// Values that a thread takes at a time.
const CHUNK: u32 = 1 << 20;

/// Panics for the first value that does not pass.
fn all_pass(passes: impl Fn(u32) -> bool + Sync) {
    let next = AtomicU32::new(0);
    let work = || loop {
        let chunk = next.fetch_add(1, Relaxed);
        if chunk > u32::MAX / CHUNK {
            break;
        }
        let values = chunk * CHUNK..=chunk * CHUNK + (CHUNK - 1);
        // Without an exit in the loop, the compiler vectorizes it.
        if !values.clone().fold(true, |all, raw| all & passes(raw)) {
            panic!("entry {:#x?}", values.into_iter().find(|raw| !passes(*raw)));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |cpus| cpus.get()) {
            scope.spawn(work);
        }
    });
}

/// Returns true if all are true, without a branch for each, so that the compiler vectorizes it.
#[inline(always)]
fn all<const N: usize>(conditions: [bool; N]) -> bool {
    conditions.into_iter().fold(true, |all, one| all & one)
}

/// Returns true if an entry is decoded as in the manual.
#[inline(always)]
fn understood<const EXTENDED: bool>(raw: u32) -> bool {
    let found = |mapping: Option<Mapping>| mapping.map(|mapping| (mapping.paddr, mapping.size));
    let table = raw & 3 == 1;
    let base = u64::from(raw >> 10) * 1024;
    all([
        found(decode_l2(raw, EXTENDED)) == manual_l2(raw, EXTENDED),
        table || found(decode_l1(raw, EXTENDED)) == manual_l1(raw, EXTENDED),
        table_paddr(raw, EXTENDED) == base + manual_high(raw, EXTENDED),
        is_table(raw) == table,
        is_supersection(raw) == (!table && raw & 0x40000 != 0),
        is_non_secure(raw) == (raw & if table { 8 } else { 0x80000 } != 0),
    ])
}

/// Returns true if a test of entries is right about an entry, alone and as either half of a word.
#[inline(always)]
fn agrees<T: Test>(raw: u32, expected: bool, passing: u32, failing: u32) -> bool {
    let word = |low: u32, high: u32| T::prepare(u64::from(high) << 32 | u64::from(low));
    let neutral = word(passing, passing);
    all([
        T::one(raw) == expected,
        T::all(T::merge(word(raw, passing), neutral)) == expected,
        T::all(T::merge(neutral, word(passing, raw))) == expected,
        !T::all(T::merge(word(raw, raw), word(failing, passing))),
    ])
}

/// Mapping flags that give these attributes; none if no flags do.
#[inline(always)]
fn flags_of(attributes: Attributes, perms: bool) -> Option<u32> {
    let memory = match (attributes.tex0, attributes.cacheable, attributes.bufferable) {
        (true, false, false) => 0,
        (true, true, true) => prot::CACHE,
        (false, false, true) => prot::MMIO,
        _ => return None,
    };
    if !perms {
        return Some(memory);
    }
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    attributes.access_flag.then_some(
        memory
            | flag(!attributes.unprivileged, prot::PRIVILEGED)
            | flag(!attributes.read_only, prot::WRITE)
            | flag(attributes.execute_never, prot::NOEXEC),
    )
}

/// Bits of a leaf entry that mean something for a mapping, by the manual: all but shareability, nG,
/// TEX\[2:1\], the domain and what is reserved.
const fn meaning(size: usize, perms: bool, extended: bool) -> u32 {
    let (base, kind, tex0, ap_xn) = match size {
        SZ_4K => (0xffff_f000, 2, 1 << 6, 0x0000_0231),
        SZ_64K => (0xffff_0000, 3, 1 << 12, 0x0000_8230),
        SZ_1M => (0xfff0_0000, 0x000c_0002, 1 << 12, 0x0000_8c10),
        _ => (0xff00_0000, 0x000c_0002, 1 << 12, 0x0000_8c10),
    };
    let perms = if perms { ap_xn } else { 0 };
    let extended = if extended { 0x230 } else { 0 };
    // C and B.
    base | kind | tex0 | perms | extended | 0xc
}

/// Returns true if decoding and encoding a leaf entry keeps all bits with a meaning.
#[inline(always)]
fn leaf_again<L: Leaf>(raw: u32, mapping: Mapping, attributes: Attributes, format: Format) -> bool {
    let Some(flags) = flags_of(attributes, format.perms) else {
        return true;
    };
    let template = L::template(flags, format);
    let template = if L::SIZE >= SZ_1M {
        with_ns(template, format)
    } else {
        template
    };
    let again = L::encode(mapping.paddr, template, format);
    (raw ^ again) & meaning(L::SIZE, format.perms, format.extended) == 0
}

/// Returns true if decoding and encoding a first-level entry keeps its meaning.
#[inline(always)]
fn l1_again<const PERMS: bool, const EXTENDED: bool>(raw: u32) -> bool {
    let format = Format {
        perms: PERMS,
        extended: EXTENDED,
        ns: is_non_secure(raw),
    };
    if is_table(raw) {
        let ext_max = EXTENDED.then_some((1 << 35) - 1);
        let table = TablePhys::new(table_paddr(raw, EXTENDED), SZ_1K, ext_max);
        let meaning = 0xffff_fc09 | if EXTENDED { 0x230 } else { 0 };
        return all([
            table.is_some_and(|table| encode_table(table, format) == raw & meaning),
            hide_table(raw) & 3 == 0,
            show_table(hide_table(raw)) == raw,
        ]);
    }
    let Some(mapping) = decode_l1(raw, EXTENDED) else {
        return raw & 3 == 0;
    };
    let attributes = attributes_l1(raw, PERMS);
    if mapping.size == SZ_16M {
        leaf_again::<Supersection>(raw, mapping, attributes, format)
    } else {
        leaf_again::<Section>(raw, mapping, attributes, format)
    }
}

/// Returns true if decoding and encoding a second-level entry keeps its meaning.
#[inline(always)]
fn l2_again<const PERMS: bool, const EXTENDED: bool>(raw: u32) -> bool {
    let format = Format {
        perms: PERMS,
        extended: EXTENDED,
        ns: false,
    };
    let Some(mapping) = decode_l2(raw, EXTENDED) else {
        return raw & 3 == 0;
    };
    let attributes = attributes_l2(raw, PERMS);
    if mapping.size == SZ_64K {
        leaf_again::<LargePage>(raw, mapping, attributes, format)
    } else {
        leaf_again::<SmallPage>(raw, mapping, attributes, format)
    }
}

/// Returns true if all is right about an entry that does not depend on a configuration.
#[inline(always)]
fn right(raw: u32) -> bool {
    all([
        understood::<false>(raw),
        understood::<true>(raw),
        agrees::<Vacant>(raw, raw == 0, 0, 4),
        agrees::<NoTable>(raw, raw & 3 != 1, 0, 1),
        agrees::<Small>(raw, raw & 2 != 0, 2, 1),
        agrees::<Valid>(raw, raw & 3 != 0, 1, 4),
    ])
}

/// Returns true if an entry is the same again for a walker with permissions, and for walkers
/// without them, with 32 and with 35 bits of address.
#[inline(always)]
fn again(raw: u32) -> bool {
    all([
        l1_again::<true, false>(raw),
        l1_again::<false, false>(raw),
        l1_again::<false, true>(raw),
        l2_again::<true, false>(raw),
        l2_again::<false, false>(raw),
        l2_again::<false, true>(raw),
    ])
}

#[test]
fn all_values_are_right() {
    all_pass(right);
}

#[test]
fn all_values_are_the_same_again() {
    all_pass(again);
}

/// All low bits with some bases, which takes no time.
#[test]
fn some_values() {
    for base in [0, 0xfff0_0000, 0x8050_0000] {
        for raw in (0..1 << 20).map(|low| base | low) {
            assert!(right(raw) && again(raw), "entry {raw:#x}");
        }
    }
}
