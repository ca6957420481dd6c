// SPDX-License-Identifier: GPL-2.0

//! Typical mistakes of drivers, each with the number of its lines in the log.

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    rules::{
        Callbacks,
        Device,
        Request,
        MTK_EXT,
        NO_PERMS,
        TTBR_EXT, //
    },
    session::Machine,
    set::{
        free_foreign,
        free_nothing,
        By,
        Map,
        Set,
        Unmap, //
    }, //
};

use Misuse::*;

/// A mistake.
enum Misuse {
    Create(Request),
    Map(Map),
    /// A mapping, and one over it.
    Over(Map, Map),
    Unmap(Unmap),
    /// For all that only looks.
    Look(usize),
    FreeNothing,
    FreeForeign,
}

const PLAIN: Request = Request {
    quirks: 0,
    page_sizes: SZ_4K | SZ_64K | SZ_1M | SZ_16M,
    ias: 32,
    oas: 32,
    coherent: true,
    device: Device::Able,
    callbacks: Callbacks::All,
    custom_alloc: false,
    custom_free: false,
};

/// An address without a mapping.
const MAP: Map = Map {
    iova: 0x1000_0000,
    paddr: 0x8000_0000,
    pgsize: SZ_4K,
    pgcount: 1,
    flags: prot::READ | prot::WRITE,
    gfp: bindings::GFP_KERNEL,
};

/// The mapping: a large page.
const MAPPED: Map = Map {
    iova: 0x2001_0000,
    pgsize: SZ_64K,
    ..MAP
};

const SECTION: Map = Map {
    iova: 0x3000_0000,
    pgsize: SZ_1M,
    ..MAP
};

const UNMAP: Unmap = Unmap {
    iova: MAPPED.iova,
    pgsize: MAPPED.pgsize,
    pgcount: 1,
    gather: None,
};

/// Bytes that can be mapped.
const SPACE: usize = 1 << 32;

/// The last page of a 64-bit address space.
const LAST_PAGE: usize = usize::MAX - 0xfff;

const DMA32: bindings::gfp_t = bindings::GFP_KERNEL | 1 << bindings::___GFP_DMA32_BIT;

const ABSENT: Request = Request {
    coherent: false,
    device: Device::None,
    ..PLAIN
};

const SHORT: Request = Request {
    coherent: false,
    device: Device::Short,
    ..PLAIN
};

/// Name of a case, its calls, and true if the log has a line about it.
type Case = (&'static str, Misuse, bool);

/// All cases.
#[rustfmt::skip]
static CASES: [Case; 49] = [
    ("map: iova is not aligned", Map(Map { iova: MAP.iova + 1, ..MAP }), true),
    ("map: paddr is not aligned", Map(Map { paddr: MAP.paddr + 0x800, ..MAP }), true),
    ("map: no pages", Map(Map { pgcount: 0, ..MAP }), true),
    ("map: pgsize 0", Map(Map { pgsize: 0, ..MAP }), true),
    ("map: pgsize 1", Map(Map { pgsize: 1, ..MAP }), true),
    ("map: pgsize no power of two", Map(Map { pgsize: 0x3000, ..MAP }), true),
    ("map: pgsize of two sizes", Map(Map { pgsize: SZ_4K | SZ_1M, ..MAP }), true),
    ("map: pgsize of no page", Map(Map { pgsize: 0x2000, ..MAP }), true),
    ("map: pgsize beyond 32 bits", Map(Map { pgsize: SPACE | SZ_4K, ..MAP }), true),
    ("map: iova beyond ias", Map(Map { iova: SPACE, ..MAP }), true),
    ("map: iova with bit 63", Map(Map { iova: MAP.iova | 1 << 63, ..MAP }), true),
    ("map: iova + size wraps", Map(Map { iova: LAST_PAGE, pgcount: 2, ..MAP }), true),
    ("map: paddr beyond oas", Map(Map { paddr: 1 << 32, ..MAP }), true),
    ("map: paddr + size wraps", Map(Map { paddr: LAST_PAGE as u64, pgcount: 2, ..MAP }), true),
    ("map: ends beyond ias", Map(Map { iova: SPACE - SZ_4K, pgcount: 2, ..MAP }), true),
    ("map: ends beyond oas", Map(Map { paddr: 0xffff_f000, pgcount: 2, ..MAP }), true),
    ("map: pgcount * pgsize is 2^64", Map(Map { pgcount: 1 << 52, ..MAP }), true),
    ("map: pgcount * pgsize is 2^64 and a page", Map(Map { pgcount: (1 << 52) + 1, ..MAP }), true),
    ("map: as many pages as can be said", Map(Map { pgcount: usize::MAX, ..MAP }), true),
    ("map: neither readable nor writable", Map(Map { flags: prot::CACHE, ..MAP }), false),
    ("map: flags that mean nothing", Map(Map { flags: !(prot::READ | prot::WRITE), ..MAP }), false),
    ("map: over a large page", Map(Map { iova: MAPPED.iova, ..MAP }), true),
    ("map: a section over it", Map(Map { iova: 0x2000_0000, pgsize: SZ_1M, ..MAP }), true),
    ("map: a page in a section", Over(SECTION, Map { iova: SECTION.iova, ..MAP }), true),
    ("map: a supersection", Map(Map { iova: 0x2000_0000, pgsize: SZ_16M, ..MAP }), true),
    ("map: a zone in gfp", Map(Map { gfp: DMA32, ..MAP }), true),
    ("map: unknown bits in gfp", Map(Map { gfp: 1 << 31, ..MAP }), true),
    ("unmap: nothing is mapped", Unmap(Unmap { iova: MAP.iova, ..UNMAP }), true),
    ("unmap: iova is not aligned", Unmap(Unmap { iova: MAPPED.iova + 0x1000, ..UNMAP }), true),
    ("unmap: part of a large page", Unmap(Unmap { pgsize: SZ_4K, ..UNMAP }), true),
    ("unmap: no pages", Unmap(Unmap { pgcount: 0, ..UNMAP }), true),
    ("unmap: pgsize 0", Unmap(Unmap { pgsize: 0, ..UNMAP }), true),
    ("unmap: pgsize beyond 32 bits", Unmap(Unmap { pgsize: SPACE | SZ_64K, ..UNMAP }), true),
    ("unmap: iova beyond ias", Unmap(Unmap { iova: SPACE | MAPPED.iova, ..UNMAP }), true),
    ("unmap: iova + size wraps", Unmap(Unmap { pgcount: 1 << 48, ..UNMAP }), true),
    ("unmap: as many pages as can be said", Unmap(Unmap { pgcount: usize::MAX, ..UNMAP }), true),
    ("translate and walk: beyond ias", Look(SPACE | MAPPED.iova), false),
    ("translate and walk: the last address there is", Look(usize::MAX), false),
    ("create: a quirk of another format", Create(Request { quirks: 1 << 2, ..PLAIN }), true),
    ("create: MTK_EXT with permissions", Create(Request { quirks: MTK_EXT, ..PLAIN }), true),
    ("create: TTBR_EXT alone", Create(Request { quirks: NO_PERMS | TTBR_EXT, ..PLAIN }), true),
    ("create: ias 0", Create(Request { ias: 0, ..PLAIN }), true),
    ("create: ias 33 without MTK_EXT", Create(Request { ias: 33, ..PLAIN }), true),
    ("create: oas 2^32 - 1", Create(Request { oas: u32::MAX, ..PLAIN }), true),
    ("create: not coherent, no device", Create(ABSENT), true),
    ("create: a device that reaches nothing", Create(SHORT), true),
    ("create: a custom allocator", Create(Request { custom_alloc: true, ..PLAIN }), true),
    ("free: nothing", FreeNothing, false),
    ("free: another format's", FreeForeign, true),
];

/// Runs the `number`th case, counted from 1; [`ENOENT`] if there is none. The log has its name and
/// the number of other lines that there should be.
pub(crate) fn run(number: u64, machine: &Machine) -> Result {
    let case = (number as usize)
        .checked_sub(1)
        .and_then(|at| CASES.get(at));
    let (name, misuse, line) = case.ok_or(ENOENT)?;
    // SAFETY: The device outlives the set.
    let set = unsafe { Set::new(&PLAIN, machine.device(PLAIN.device))? };
    let mut set = set.ok_or(ENOMEM)?;
    let done = set.map(&MAPPED)? && misuse.run(&mut set, machine)?;
    set.check_all()?;
    let there = set.translate(MAPPED.iova)?;
    set.free(By::Name)?;
    if done || !there {
        pr_err!("{name}: not refused\n");
        return Err(EIO);
    }
    pr_info!("{name}: {} lines\n", u8::from(*line));
    Ok(())
}

impl Misuse {
    /// Returns true if the case ran; an error if a result was wrong.
    fn run(&self, set: &mut Set, machine: &Machine) -> Result<bool> {
        match self {
            Create(request) => {
                let device = machine.device(request.device);
                // SAFETY: The device is what it is called, and outlives the set.
                Ok(unsafe { Set::new(request, device)? }.is_some())
            }
            Map(map) => set.map(map),
            Over(below, map) => Ok(set.map(below)? && set.map(map)?),
            Unmap(unmap) => set.unmap(unmap),
            Look(iova) => Ok(set.translate(*iova)? || set.walk(*iova)?),
            FreeNothing => {
                free_nothing();
                Ok(false)
            }
            FreeForeign => free_foreign(machine.device(Device::Able)).map(|()| false),
        }
    }
}
