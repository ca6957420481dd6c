// SPDX-License-Identifier: GPL-2.0

//! The contract of `include/linux/io-pgtable.h` and Documentation/iommu: accepted requests, and the
//! entries of a mapping.
//!
//! Written from these and from the ARM Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.5,
//! and deliberately without code of the module under test. Sums are made with more bits than the
//! numbers have.

use kernel::{
    iommu::pgtable::prot,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

/// The page sizes of the format.
pub(crate) const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Quirks by their bits in `include/linux/io-pgtable.h`.
pub(crate) const NS: usize = 1 << 0;
pub(crate) const NO_PERMS: usize = 1 << 1;
pub(crate) const MTK_EXT: usize = 1 << 3;
pub(crate) const TTBR_EXT: usize = 1 << 4;
pub(crate) const NO_WARN: usize = 1 << 9;

/// The device in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Device {
    None,
    /// Reaches all memory.
    Able,
    /// Reaches 16 MiB, where there is no memory.
    Short,
    /// Has no DMA mask.
    Maskless,
}

/// The callbacks in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callbacks {
    None,
    /// Without `tlb_flush_walk`.
    NoWalk,
    All,
}

/// A driver's request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) quirks: usize,
    pub(crate) page_sizes: usize,
    pub(crate) ias: u32,
    pub(crate) oas: u32,
    pub(crate) coherent: bool,
    pub(crate) device: Device,
    pub(crate) callbacks: Callbacks,
    pub(crate) custom_alloc: bool,
    pub(crate) custom_free: bool,
}

/// The expected answer to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Served {
    Yes,
    No,
    /// Depends on the addresses of memory.
    Perhaps,
}

impl Request {
    fn has(&self, quirk: usize) -> bool {
        self.quirks & quirk != 0
    }

    /// Returns true if there has to be a set for it.
    pub(crate) fn served(&self) -> Served {
        let known = NS | NO_PERMS | MTK_EXT | TTBR_EXT | NO_WARN;
        let mtk = self.has(MTK_EXT);
        let fine = self.quirks & !known == 0
            && (!mtk || self.has(NO_PERMS))
            && (!self.has(TTBR_EXT) || mtk)
            && (20..=if mtk { 34 } else { 32 }).contains(&self.ias)
            && self.oas <= if mtk { 35 } else { 32 }
            && !self.custom_alloc
            && !self.custom_free
            && (self.coherent || self.device == Device::Able);
        match self.oas {
            _ if !fine => Served::No,
            // Memory of an arm64 guest starts at 1 GiB; such tables have to be below oas.
            ..31 if self.has(TTBR_EXT) => Served::No,
            31..35 if self.has(TTBR_EXT) => Served::Perhaps,
            _ => Served::Yes,
        }
    }

    /// Returns the rules for calls of a set made for it.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            page_sizes: self.page_sizes & SIZES.iter().sum::<usize>(),
            ias: self.ias,
            oas: self.oas,
            ns: self.has(NS),
            perms: !self.has(NO_PERMS),
            mtk: self.has(MTK_EXT),
            ttbr_ext: self.has(TTBR_EXT),
        }
    }
}

/// The rules for calls of a set.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) page_sizes: usize,
    pub(crate) ias: u32,
    pub(crate) oas: u32,
    ns: bool,
    perms: bool,
    pub(crate) mtk: bool,
    /// True if the walker may not reach the memory of tables, so that making one may fail.
    pub(crate) ttbr_ext: bool,
}

/// The fields of a leaf entry, by their lowest bits.
struct Layout {
    kind: u32,
    ng: u32,
    s: u32,
    ap2: u32,
    tex0: u32,
    ap1: u32,
    ap0: u32,
    xn: u32,
}

const SMALL: Layout = Layout {
    kind: 0b10,
    ng: 11,
    s: 10,
    ap2: 9,
    tex0: 6,
    ap1: 5,
    ap0: 4,
    xn: 0,
};

const LARGE: Layout = Layout {
    kind: 0b01,
    tex0: 12,
    xn: 15,
    ..SMALL
};

const SECTION: Layout = Layout {
    kind: 0b10,
    ng: 17,
    s: 16,
    ap2: 15,
    tex0: 12,
    ap1: 11,
    ap0: 10,
    xn: 4,
};

const SUPERSECTION: Layout = Layout {
    kind: 1 << 18 | 0b10,
    ..SECTION
};

/// Bits 32 to 34 of an address, where MediaTek's walkers look for them.
fn high_bits(address: u64) -> u32 {
    let bit = |from: u32, to: u32| ((address >> from & 1) as u32) << to;
    bit(32, 9) | bit(33, 4) | bit(34, 5)
}

impl Rules {
    /// Input addresses.
    pub(crate) fn space(&self) -> u64 {
        1 << self.ias
    }

    /// Returns the number of first-level entries.
    pub(crate) fn entries(&self) -> usize {
        1 << (self.ias - 20)
    }

    /// Returns true if pages may have this size.
    pub(crate) fn has_size(&self, pgsize: usize) -> bool {
        pgsize.count_ones() == 1 && self.page_sizes & pgsize != 0
    }

    /// Returns true if `count` pages from an address on end within so many bits.
    pub(crate) fn ends_within(bits: u32, start: u64, pgsize: usize, count: usize) -> bool {
        u128::from(start) + pgsize as u128 * count as u128 <= 1 << bits
    }

    /// Returns the entry that maps `size` bytes to `paddr`.
    pub(crate) fn entry(&self, paddr: u64, size: usize, flags: u32) -> u32 {
        let layout = match size {
            SZ_4K => SMALL,
            SZ_64K => LARGE,
            SZ_1M => SECTION,
            _ => SUPERSECTION,
        };
        let has = |flag: u32| flags & flag != 0;
        let (mmio, cached) = (has(prot::MMIO), has(prot::CACHE));
        [
            (true, layout.ng),
            (true, layout.s),
            (!mmio, layout.tex0),
            // C and B.
            (!mmio && cached, 3),
            (mmio || cached, 2),
            (self.perms, layout.ap0),
            (self.perms && !has(prot::PRIVILEGED), layout.ap1),
            (self.perms && !has(prot::WRITE), layout.ap2),
            (self.perms && has(prot::NOEXEC), layout.xn),
            (self.ns && size >= SZ_1M, 19),
        ]
        .iter()
        .filter(|(set, _)| *set)
        .fold(layout.kind | paddr as u32, |entry, (_, bit)| {
            entry | 1 << bit
        }) | if self.mtk { high_bits(paddr) } else { 0 }
    }

    /// Returns the address of the table that a first-level entry refers to; none if it is no table
    /// entry, or has bits that must be clear.
    pub(crate) fn table(&self, entry: u32) -> Option<u64> {
        let address = entry & 0xffff_fc00;
        let bit = |from: u32, to: u32| u64::from(entry >> from & 1) << to;
        let high = if self.ttbr_ext {
            bit(9, 32) | bit(4, 33) | bit(5, 34)
        } else {
            0
        };
        let expected = address | high_bits(high) | u32::from(self.ns) << 3 | 0b01;
        let phys = u64::from(address) | high;
        let fits = !self.ttbr_ext || phys + 1024 <= 1 << self.oas;
        (entry == expected && fits).then_some(phys)
    }
}
