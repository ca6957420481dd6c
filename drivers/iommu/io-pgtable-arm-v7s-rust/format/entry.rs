// SPDX-License-Identifier: GPL-2.0

//! The codec of ARMv7 short descriptors: what each bit of an entry means.
//!
//! Every shift and mask of the format is in this file, most of them made by
//! [`bitfield!`]. Layouts are those of the ARM Architecture Reference Manual
//! ARMv7-A/R (DDI 0406), B3.5 "Short-descriptor translation table format", with
//! simplified access permissions (SCTLR.AFE) and TEX remap (SCTLR.TRE), and with
//! the MediaTek address bits described at `IO_PGTABLE_QUIRK_ARM_MTK_EXT` in
//! [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h).
//!
//! Nothing here reads or writes a table: see [`slots`](crate::format::slots).

use kernel::{
    bitfield,
    iommu::pgtable::prot,
    prelude::Zeroable,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::format::table_phys::TablePhys;

bitfield! {
    /// First-level entry that refers to a second-level table.
    pub(crate) struct Table(u32) {
        31:10 base;
        9:9 pa32;
        5:5 pa34;
        4:4 pa33;
        3:3 ns;
        1:0 kind;
    }
}

bitfield! {
    /// First-level entry that maps a section (1 MiB), or one of the sixteen that map a
    /// supersection (16 MiB).
    ///
    /// MediaTek puts address bit 33 where execute-never is elsewhere; such walkers know no
    /// permissions.
    pub(crate) struct SectionEntry(u32) {
        31:20 base;
        31:24 supersection_base;
        19:19 ns;
        18:18 supersection;
        17:17 ng;
        16:16 s;
        15:15 ap2;
        14:12 tex;
        11:11 ap1;
        10:10 ap0;
        9:9 pa32;
        5:5 pa34;
        4:4 xn;
        4:4 pa33;
        3:3 c;
        2:2 b;
        1:0 kind;
    }
}

bitfield! {
    /// Second-level entry that maps a small page (4 KiB).
    pub(crate) struct SmallEntry(u32) {
        31:12 base;
        11:11 ng;
        10:10 s;
        9:9 ap2;
        9:9 pa32;
        8:6 tex;
        5:5 ap1;
        5:5 pa34;
        4:4 ap0;
        4:4 pa33;
        3:3 c;
        2:2 b;
        1:1 small;
        0:0 xn;
    }
}

bitfield! {
    /// One of the sixteen second-level entries that map a large page (64 KiB).
    pub(crate) struct LargeEntry(u32) {
        31:16 base;
        15:15 xn;
        14:12 tex;
        11:11 ng;
        10:10 s;
        9:9 ap2;
        9:9 pa32;
        5:5 ap1;
        5:5 pa34;
        4:4 ap0;
        4:4 pa33;
        3:3 c;
        2:2 b;
        1:0 kind;
    }
}

/// Type field of a first-level entry.
mod l1_kind {
    pub(super) const INVALID: u32 = 0b00;
    pub(super) const TABLE: u32 = 0b01;
    pub(super) const SECTION: u32 = 0b10;
}

/// Type field of a second-level large page.
const LARGE: u32 = 0b01;

/// An entry that maps nothing: zero.
pub(crate) const INVALID: u32 = 0;

/// Entries of a second-level table.
pub(crate) const L2_ENTRIES: usize = SZ_1M / SZ_4K;

/// The mapping flags that change an entry; all others are ignored.
const FLAGS: u32 =
    prot::READ | prot::WRITE | prot::CACHE | prot::NOEXEC | prot::MMIO | prot::PRIVILEGED;

/// Combinations of mapping flags.
const COMBINATIONS: usize = FLAGS as usize + 1;
const _: () = assert!(COMBINATIONS.is_power_of_two(), "mapping flags have gaps");

/// The variant of the format that a table set has, as far as entries differ.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Entries hold access permissions.
    pub(crate) perms: bool,
    /// Leaf entries hold address bits 32 to 34.
    pub(crate) extended: bool,
    /// First-level entries have the non-secure bit set.
    pub(crate) ns: bool,
}

/// The attributes of a mapping beside its address: bits that every size of leaf has, each in its
/// own places.
#[derive(Clone, Copy, PartialEq, Eq, Zeroable)]
pub(crate) struct Attributes {
    /// TEX\[0\]; with C and B it indexes PRRR and NMRR.
    pub(crate) tex0: bool,
    pub(crate) cacheable: bool,
    pub(crate) bufferable: bool,
    pub(crate) access_flag: bool,
    pub(crate) unprivileged: bool,
    pub(crate) read_only: bool,
    pub(crate) execute_never: bool,
}

impl Attributes {
    /// Returns the attributes for `flags`; `perms` says whether entries have permission bits.
    const fn new(flags: u32, perms: bool) -> Self {
        let mmio = flags & prot::MMIO != 0;
        let cached = !mmio && flags & prot::CACHE != 0;
        Self {
            tex0: !mmio,
            cacheable: cached,
            bufferable: mmio || cached,
            access_flag: perms,
            unprivileged: perms && flags & prot::PRIVILEGED == 0,
            read_only: perms && flags & prot::WRITE == 0,
            execute_never: perms && flags & prot::NOEXEC != 0,
        }
    }
}

/// The inverse of `templates!`: the [`Attributes`] of an entry of some layout. Without permissions
/// those bits are none, and may be address bits.
macro_rules! attributes {
    ($entry:expr, $perms:expr) => {{
        let (entry, perms) = ($entry, $perms);
        Attributes {
            tex0: entry.tex().get() & 1 != 0,
            cacheable: entry.c().into(),
            bufferable: entry.b().into(),
            access_flag: perms && entry.ap0().into(),
            unprivileged: perms && entry.ap1().into(),
            read_only: perms && entry.ap2().into(),
            execute_never: perms && entry.xn().into(),
        }
    }};
}

/// Puts bits 32 to 34 of an address into an entry, at the same places in leaves and tables.
#[inline(always)]
fn with_high_bits(entry: u32, address: u64) -> u32 {
    let bit = |n: u32| address >> n & 1 != 0;
    Table::from_raw(entry)
        .with_pa32(bit(32))
        .with_pa33(bit(33))
        .with_pa34(bit(34))
        .into_raw()
}

/// The inverse of [`with_high_bits`]; zero unless `extended`.
#[inline(always)]
fn high_bits(entry: u32, extended: bool) -> u64 {
    if !extended {
        return 0;
    }
    let entry = Table::from_raw(entry);
    entry.pa32().cast::<u64>().get() << 32
        | entry.pa33().cast::<u64>().get() << 33
        | entry.pa34().cast::<u64>().get() << 34
}

/// Entries without addresses for all combinations of mapping flags, for walkers without permissions
/// and with them: worked out by the compiler, because it takes longer than the rest of a mapping.
type Templates = [[u32; COMBINATIONS]; 2];

/// Makes a leaf layout's [`Templates`] from what is common to all of its entries.
macro_rules! templates {
    ($common:expr) => {{
        let mut templates: Templates = [[INVALID; COMBINATIONS]; 2];
        let mut i = 0;
        while i < 2 * COMBINATIONS {
            let (perms, flags) = (i / COMBINATIONS, i % COMBINATIONS);
            let attrs = Attributes::new(flags as u32, perms != 0);
            let mut entry = $common.with_const_ng::<1>().with_const_s::<1>();
            if attrs.tex0 {
                entry = entry.with_const_tex::<1>();
            }
            if attrs.cacheable {
                entry = entry.with_const_c::<1>();
            }
            if attrs.bufferable {
                entry = entry.with_const_b::<1>();
            }
            if attrs.access_flag {
                entry = entry.with_const_ap0::<1>();
            }
            if attrs.unprivileged {
                entry = entry.with_const_ap1::<1>();
            }
            if attrs.read_only {
                entry = entry.with_const_ap2::<1>();
            }
            if attrs.execute_never {
                entry = entry.with_const_xn::<1>();
            }
            templates[perms][flags] = entry.into_raw();
            i += 1;
        }
        templates
    }};
}

/// A size of mapping.
///
/// Consecutive pages of one size have entries that differ by `SIZE`, because the base field
/// holds address bits in their own places; this holds up to the next 4 GiB boundary of the
/// output address, where the MediaTek bits change.
pub(crate) trait Leaf {
    /// Bytes mapped by one page of this size.
    const SIZE: usize;
    /// log2 of `SIZE`.
    const SHIFT: u32 = Self::SIZE.trailing_zeros();
    /// Number of identical consecutive entries of one page.
    const ENTRIES: usize;

    /// The templates of this size.
    const TEMPLATES: Templates;

    /// Returns the entry without its address for mapping flags `flags`.
    #[inline(always)]
    fn template(flags: u32, format: Format) -> u32 {
        let templates = &Self::TEMPLATES;
        templates[usize::from(format.perms)][(flags & FLAGS) as usize]
    }

    /// Returns the entry that maps `paddr`, a multiple of `SIZE`, made from its template.
    #[inline(always)]
    fn encode(paddr: u64, template: u32, format: Format) -> u32 {
        let low = template | paddr as u32;
        if format.extended {
            with_high_bits(low, paddr)
        } else {
            low
        }
    }

    /// Returns the entry `pages` further on, before the next 4 GiB boundary (see the trait).
    #[inline(always)]
    fn advance(entry: u32, pages: usize) -> u32 {
        entry.wrapping_add((pages << Self::SHIFT) as u32)
    }
}

/// 4 KiB, one second-level entry.
pub(crate) struct SmallPage;

impl Leaf for SmallPage {
    const SIZE: usize = SZ_4K;
    const ENTRIES: usize = 1;
    const TEMPLATES: Templates = templates!(SmallEntry::from_raw(0).with_const_small::<1>());
}

/// 64 KiB, sixteen second-level entries.
pub(crate) struct LargePage;

impl Leaf for LargePage {
    const SIZE: usize = SZ_64K;
    const ENTRIES: usize = 16;
    const TEMPLATES: Templates = templates!(LargeEntry::from_raw(0).with_const_kind::<LARGE>());
}

/// 1 MiB, one first-level entry.
pub(crate) struct Section;

impl Leaf for Section {
    const SIZE: usize = SZ_1M;
    const ENTRIES: usize = 1;
    const TEMPLATES: Templates =
        templates!(SectionEntry::from_raw(0).with_const_kind::<{ l1_kind::SECTION }>());
}

/// 16 MiB, sixteen first-level entries.
pub(crate) struct Supersection;

impl Leaf for Supersection {
    const SIZE: usize = SZ_16M;
    const ENTRIES: usize = 16;
    const TEMPLATES: Templates = templates!(SectionEntry::from_raw(0)
        .with_const_kind::<{ l1_kind::SECTION }>()
        .with_const_supersection::<1>());
}

/// The non-secure bit of first-level leaves, a property of the set and not of the mapping.
#[inline(always)]
pub(crate) fn with_ns(entry: u32, format: Format) -> u32 {
    SectionEntry::from_raw(entry).with_ns(format.ns).into_raw()
}
/// The mapping of a leaf entry: the size of its page, and the output address of the first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mapping {
    /// Output address of the page's first byte.
    pub(crate) paddr: u64,
    /// Bytes in the page.
    pub(crate) size: usize,
}

impl Mapping {
    /// Returns the output address for an input address in the page.
    #[inline(always)]
    pub(crate) fn translate(self, iova: usize) -> u64 {
        self.paddr | (iova & (self.size - 1)) as u64
    }
}

/// Decodes a first-level entry that is no table; `extended` says whether leaves hold address bits
/// 32 to 34.
#[inline(always)]
pub(crate) fn decode_l1(raw: u32, extended: bool) -> Option<Mapping> {
    let entry = SectionEntry::from_raw(raw);
    if entry.kind().get() == 0 {
        return None;
    }
    let (base, size) = if entry.supersection().into() {
        (SectionEntry::SUPERSECTION_BASE_MASK, Supersection::SIZE)
    } else {
        (SectionEntry::BASE_MASK, Section::SIZE)
    };
    Some(Mapping {
        paddr: u64::from(raw & base) | high_bits(raw, extended),
        size,
    })
}

/// Decodes a second-level entry; `extended` says whether leaves hold address bits 32 to 34.
#[inline(always)]
pub(crate) fn decode_l2(raw: u32, extended: bool) -> Option<Mapping> {
    let (base, size) = if SmallEntry::from_raw(raw).small().into() {
        (SmallEntry::BASE_MASK, SmallPage::SIZE)
    } else if LargeEntry::from_raw(raw).kind().get() == LARGE {
        (LargeEntry::BASE_MASK, LargePage::SIZE)
    } else {
        return None;
    };
    Some(Mapping {
        paddr: u64::from(raw & base) | high_bits(raw, extended),
        size,
    })
}

/// Returns the attributes of a first-level leaf; `perms` says whether entries have permission bits.
pub(crate) fn attributes_l1(raw: u32, perms: bool) -> Attributes {
    attributes!(SectionEntry::from_raw(raw), perms)
}

/// Returns the attributes of a second-level leaf; `perms` says whether entries have permission
/// bits.
pub(crate) fn attributes_l2(raw: u32, perms: bool) -> Attributes {
    if SmallEntry::from_raw(raw).small().into() {
        attributes!(SmallEntry::from_raw(raw), perms)
    } else {
        attributes!(LargeEntry::from_raw(raw), perms)
    }
}

/// Returns true if a first-level entry, of a table or a leaf, leads to non-secure memory.
pub(crate) fn is_non_secure(raw: u32) -> bool {
    if is_table(raw) {
        Table::from_raw(raw).ns().into()
    } else {
        SectionEntry::from_raw(raw).ns().into()
    }
}

/// Returns true if a first-level entry refers to a table.
#[inline(always)]
pub(crate) fn is_table(raw: u32) -> bool {
    Table::from_raw(raw).kind().get() == l1_kind::TABLE
}

/// Returns the physical address of the table that a first-level entry refers to; `extended` says
/// whether such addresses have bits 32 to 34.
#[inline(always)]
pub(crate) fn table_paddr(raw: u32, extended: bool) -> u64 {
    u64::from(raw & Table::BASE_MASK) | high_bits(raw, extended)
}

/// Returns the first-level entry that refers to the second-level table at `table`.
pub(crate) fn encode_table(table: TablePhys, format: Format) -> u32 {
    let entry = Table::from_raw(table.low_bits() & Table::BASE_MASK)
        .with_const_kind::<{ l1_kind::TABLE }>()
        .with_ns(format.ns);
    // Nothing for tables below 4 GiB, so that the bits stay clear for walkers that know none.
    with_high_bits(entry.into_raw(), table.as_u64())
}

/// Returns a table entry with its type bits cleared, which is an invalid entry.
pub(crate) fn hide_table(raw: u32) -> u32 {
    Table::from_raw(raw)
        .with_const_kind::<{ l1_kind::INVALID }>()
        .into_raw()
}

/// The inverse of [`hide_table`].
pub(crate) fn show_table(raw: u32) -> u32 {
    Table::from_raw(raw)
        .with_const_kind::<{ l1_kind::TABLE }>()
        .into_raw()
}

/// Returns a word of two entries that both have these bits.
const fn both(bits: u32) -> u64 {
    (bits as u64) << 32 | bits as u64
}

/// A property of entries that can be tested on many at once.
pub(crate) trait Test {
    /// Returns true if one entry has it.
    fn one(entry: u32) -> bool;
    /// Merges two words into one that has the property if and only if both have.
    fn merge(a: u64, b: u64) -> u64;
    /// Prepares a word for [`merge`](Self::merge).
    fn prepare(word: u64) -> u64;
    /// Returns true if all entries merged into a word have it.
    fn all(word: u64) -> bool;
}

/// The test for entries that map nothing.
pub(crate) struct Vacant;

impl Test for Vacant {
    #[inline(always)]
    fn one(entry: u32) -> bool {
        entry == INVALID
    }

    #[inline(always)]
    fn prepare(word: u64) -> u64 {
        word
    }

    #[inline(always)]
    fn merge(a: u64, b: u64) -> u64 {
        a | b
    }

    #[inline(always)]
    fn all(word: u64) -> bool {
        word == both(INVALID)
    }
}

/// The test for first-level entries that refer to no table.
pub(crate) struct NoTable;

impl Test for NoTable {
    #[inline(always)]
    fn one(entry: u32) -> bool {
        !is_table(entry)
    }

    // The type field of a table has the lower bit alone: keeps it where the upper one is clear.
    #[inline(always)]
    fn prepare(word: u64) -> u64 {
        word & !(word >> 1)
    }

    #[inline(always)]
    fn merge(a: u64, b: u64) -> u64 {
        a | b
    }

    #[inline(always)]
    fn all(word: u64) -> bool {
        const TABLE: u64 = both(l1_kind::TABLE);
        word & TABLE == 0
    }
}

/// The test for second-level entries that map a small page.
pub(crate) struct Small;

impl Test for Small {
    #[inline(always)]
    fn one(entry: u32) -> bool {
        SmallEntry::from_raw(entry).small().into()
    }

    #[inline(always)]
    fn prepare(word: u64) -> u64 {
        word
    }

    #[inline(always)]
    fn merge(a: u64, b: u64) -> u64 {
        a & b
    }

    #[inline(always)]
    fn all(word: u64) -> bool {
        const SMALL: u64 = both(SmallEntry::SMALL_MASK);
        word & SMALL == SMALL
    }
}

/// The test for entries of either level that are not a fault to the walker.
pub(crate) struct Valid;

impl Test for Valid {
    #[inline(always)]
    fn one(entry: u32) -> bool {
        Table::from_raw(entry).kind().get() != 0
    }

    // Either bit of the type field makes an entry valid: moves the upper one onto the lower one.
    #[inline(always)]
    fn prepare(word: u64) -> u64 {
        word | word >> 1
    }

    #[inline(always)]
    fn merge(a: u64, b: u64) -> u64 {
        a & b
    }

    #[inline(always)]
    fn all(word: u64) -> bool {
        const VALID: u64 = both(1 << Table::KIND_SHIFT);
        word & VALID == VALID
    }
}

/// Returns true if a first-level entry is part of a supersection.
#[inline(always)]
pub(crate) fn is_supersection(raw: u32) -> bool {
    !is_table(raw) && SectionEntry::from_raw(raw).supersection().into()
}
