// SPDX-License-Identifier: GPL-2.0

//! A table set as people see it: `io_pgtable_arm_v7s_rust/sets/N/` in debugfs.
//!
//! `info` says what it is, `runs` what it maps, `entries` what is in its tables. Mappings may
//! change meanwhile: [`snapshot`](crate::debugfs::snapshot) says why that is safe, and what is seen
//! of each MiB of input addresses is from one copy of its entries, however many lines and reads that takes.
//! Documentation/ABI/testing/debugfs-io_pgtable_arm_v7s_rust describes the files.

use kernel::{
    fmt,
    prelude::*,
    str::CString, //
};

use crate::{
    config::{
        quirk,
        Config, //
    },
    debugfs::{
        line_file::{
            Folder,
            Lines, //
        },
        snapshot::Snapshot, //
    },
    format::entry::{
        self,
        Attributes,
        Leaf,
        Section,
        SmallPage, //
        INVALID,
        L2_ENTRIES,
    },
    registers::Registers,
    table_set::IoPgtableArmV7s, //
};

/// The folder of a set.
pub(crate) struct View(#[allow(dead_code)] Folder);

impl View {
    /// Makes the folder of the `id`th set, as far as it can be made; may sleep.
    ///
    /// # Safety
    ///
    /// `set` outlives the result.
    pub(crate) unsafe fn new(id: u64, parent: &Folder, set: &IoPgtableArmV7s) -> Option<Self> {
        // 32-bit kernels cannot write a `u64` in decimal.
        let name = CString::try_from_fmt(fmt!("{}", id as usize)).ok()?;
        let folder = Folder::new(&name, Some(parent));
        // SAFETY: By the function's requirements.
        unsafe {
            folder.file::<Info>(c"info", set);
            folder.file::<Runs>(c"runs", set);
            folder.file::<Entries>(c"entries", set);
        }
        Some(Self(folder))
    }
}

/// A page size as people write it.
struct Size(usize);

impl core::fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size >= Section::SIZE => write!(f, "{}M", size >> 20),
            size => write!(f, "{}K", size >> 10),
        }
    }
}

/// The second-level tables of a set at some moment. From the first level only: they may go while we
/// look.
#[derive(Zeroable)]
pub(crate) struct Tables {
    pub(crate) count: usize,
    /// Those that no entry refers to, but a walker may remember.
    pub(crate) kept: usize,
    /// Physical addresses of the lowest and the highest, if there is one.
    pub(crate) lowest: u64,
    pub(crate) highest: u64,
}

impl Tables {
    pub(crate) fn of(set: &IoPgtableArmV7s) -> Self {
        let mut tables = Self {
            count: 0,
            kept: set.readers().retired(),
            lowest: u64::MAX,
            highest: 0,
        };
        for raw in set.l1().iter().map(|slot| slot.load()) {
            if entry::is_table(raw) {
                let phys = entry::table_paddr(raw, set.cfg().mtk_ttbr_ext());
                tables.lowest = phys.min(tables.lowest);
                tables.highest = phys.max(tables.highest);
                tables.count += 1;
            }
        }
        tables
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self, set: &IoPgtableArmV7s) -> usize {
        set.l2_bytes(self.count + self.kept)
    }
}

/// A word for the walker's view of memory.
pub(crate) fn walker_name(coherent: bool) -> &'static str {
    if coherent {
        "coherent"
    } else {
        "noncoherent"
    }
}

/// `info`: a line for each thing there is to know.
#[derive(Zeroable)]
pub(crate) struct Info {}

impl Lines for Info {
    type Of = IoPgtableArmV7s;

    const HEADER: &'static str = "";

    fn find(&mut self, _set: &IoPgtableArmV7s, position: u64) -> Option<u64> {
        (position == 0).then_some(1)
    }

    fn show(&self, set: &IoPgtableArmV7s, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const QUIRKS: [(usize, &str); 5] = [
            (quirk::ARM_NS, "ARM_NS"),
            (quirk::NO_PERMS, "NO_PERMS"),
            (quirk::ARM_MTK_EXT, "ARM_MTK_EXT"),
            (quirk::ARM_MTK_TTBR_EXT, "ARM_MTK_TTBR_EXT"),
            (quirk::NO_WARN, "NO_WARN"),
        ];

        let cfg = set.cfg();
        writeln!(f, "ias {}", cfg.ias())?;
        writeln!(f, "oas {}", cfg.oas())?;
        f.write_str("quirks")?;
        for (_, name) in QUIRKS.iter().filter(|(bit, _)| cfg.quirks() & bit != 0) {
            write!(f, " {name}")?;
        }
        f.write_str("\npage_sizes")?;
        let sizes = (0..usize::BITS).map(|shift| 1 << shift);
        for size in sizes.filter(|size| cfg.page_sizes() & size != 0) {
            write!(f, " {}", Size(size))?;
        }
        writeln!(f, "\nwalker {}", walker_name(cfg.walker().is_coherent()))?;
        let Registers {
            ttbr,
            tcr,
            nmrr,
            prrr,
        } = set.registers();
        writeln!(f, "ttbr {ttbr:#x}\ntcr {tcr:#x}")?;
        writeln!(f, "prrr {prrr:#x}\nnmrr {nmrr:#x}")?;
        let tables = Tables::of(set);
        writeln!(f, "l1 {:#x}", set.l1_phys())?;
        writeln!(f, "l1_bytes {}", set.l1_bytes())?;
        writeln!(f, "l2_tables {}", tables.count)?;
        writeln!(f, "l2_kept {}", tables.kept)?;
        writeln!(f, "l2_bytes {}", tables.bytes(set))
    }
}

/// The copy of a MiB that a reader is at.
#[derive(Zeroable)]
struct Copied {
    /// Which it is, plus one; zero for none.
    number: usize,
    entries: Snapshot,
}

impl Copied {
    /// The copy of a certain MiB, made if it is not the one we have.
    fn get(&mut self, set: &IoPgtableArmV7s, mib: usize) -> &Snapshot {
        if self.number != mib + 1 {
            set.snapshot(mib, &mut self.entries);
            self.number = mib + 1;
        }
        &self.entries
    }
}

/// What some input addresses are mapped to.
#[derive(Clone, Copy, PartialEq, Eq, Zeroable)]
struct Target {
    /// Output address of the first.
    paddr: u64,
    /// Bytes in the page that they are in.
    page_size: usize,
    attributes: Attributes,
    non_secure: bool,
}

impl Target {
    /// What comes `size` bytes further on, if it is mapped in the same way.
    fn advance(self, size: u64) -> Self {
        Self {
            paddr: self.paddr.wrapping_add(size),
            ..self
        }
    }
}

impl Snapshot {
    /// What the small page `index` of the MiB at `iova` is mapped to, and for how many such pages
    /// the answer is the same but for addresses.
    fn look(&self, iova: u64, index: usize, cfg: &Config) -> (usize, Option<Target>) {
        let perms = cfg.format().perms;
        let (pages, mapping, attributes) = if entry::is_table(self.l1) {
            let raw = self.l2.get(index).map_or(INVALID, |raw| *raw);
            let mapping = entry::decode_l2(raw, cfg.format().extended);
            (1, mapping, entry::attributes_l2(raw, perms))
        } else {
            let mapping = entry::decode_l1(self.l1, cfg.format().extended);
            let attributes = entry::attributes_l1(self.l1, perms);
            (L2_ENTRIES - index, mapping, attributes)
        };
        let target = mapping.map(|mapping| Target {
            paddr: mapping.translate(iova as usize + (index << SmallPage::SHIFT)),
            page_size: mapping.size,
            attributes,
            non_secure: entry::is_non_secure(self.l1),
        });
        (pages, target)
    }
}

/// `runs`: a line for consecutive input addresses that are mapped to consecutive output addresses
/// in the same way. Positions are numbers of small pages.
#[derive(Zeroable)]
pub(crate) struct Runs {
    copied: Copied,
    first: u64,
    pages: u64,
    target: Target,
}

impl Runs {
    /// What a small page is mapped to, and for how many the answer is the same; no pages behind the
    /// last.
    fn look(&mut self, set: &IoPgtableArmV7s, page: u64) -> (u64, Option<Target>) {
        // Whoever reads may ask for more than `usize` has bits.
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        let (mib, index) = (page / L2_ENTRIES, page % L2_ENTRIES);
        if mib >= set.l1().len() {
            return (0, None);
        }
        let iova = (mib as u64) << Section::SHIFT;
        let (pages, target) = self.copied.get(set, mib).look(iova, index, set.cfg());
        (pages as u64, target)
    }
}

impl Lines for Runs {
    type Of = IoPgtableArmV7s;

    const HEADER: &'static str = "iova paddr size page_size access\n";

    fn find(&mut self, set: &IoPgtableArmV7s, position: u64) -> Option<u64> {
        self.first = position;
        (self.pages, self.target) = loop {
            match self.look(set, self.first) {
                (0, None) => return None,
                (pages, None) => self.first += pages,
                (pages, Some(target)) => break (pages, target),
            }
        };
        loop {
            let end = self.first + self.pages;
            let next = self.target.advance(self.pages << SmallPage::SHIFT);
            match self.look(set, end) {
                (pages, Some(target)) if target == next => self.pages += pages,
                _ => return Some(end),
            }
        }
    }

    fn show(&self, set: &IoPgtableArmV7s, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |pages| pages << SmallPage::SHIFT;
        let Target {
            paddr, page_size, ..
        } = self.target;
        // Nine digits are enough for any address.
        write!(
            f,
            "{:#011x} {paddr:#011x} {:#x} {} ",
            bytes(self.first),
            bytes(self.pages),
            Size(page_size)
        )?;
        show_access(&self.target, set.cfg().format().perms, f)?;
        f.write_str("\n")
    }
}

/// What the walker lets the device do, in words with commas between them.
fn show_access(target: &Target, perms: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Attributes {
        tex0,
        cacheable,
        bufferable,
        access_flag,
        unprivileged,
        read_only,
        execute_never,
    } = target.attributes;
    f.write_str(match (perms, access_flag, read_only) {
        (true, false, _) => "none",
        (true, true, true) => "read",
        _ => "read,write",
    })?;
    // The types that PRRR and NMRR give to these bits.
    f.write_str(match (tex0, cacheable, bufferable) {
        (true, true, true) => ",cached",
        (true, false, false) => ",uncached",
        (false, false, true) => ",device",
        _ => ",strongly-ordered",
    })?;
    for (word, is_so) in [
        (",privileged", perms && !unprivileged),
        (",noexec", execute_never),
        (",ns", target.non_secure),
    ] {
        f.write_str(if is_so { word } else { "" })?;
    }
    Ok(())
}

/// `entries`: a line for each entry that is not zero, tables before what is in them. A MiB has a
/// position for its first-level entry and one for each of a table.
#[derive(Zeroable)]
pub(crate) struct Entries {
    copied: Copied,
    iova: u64,
    level: u32,
    raw: u32,
}

/// Positions of a MiB.
const PLACES: usize = 1 + L2_ENTRIES;

impl Lines for Entries {
    type Of = IoPgtableArmV7s;

    const HEADER: &'static str = "iova level entry\n";

    fn find(&mut self, set: &IoPgtableArmV7s, position: u64) -> Option<u64> {
        // As above.
        let mut position = usize::try_from(position).ok()?;
        loop {
            let (mib, place) = (position / PLACES, position % PLACES);
            if mib >= set.l1().len() {
                return None;
            }
            let entries = self.copied.get(set, mib);
            let (level, raw) = match place.checked_sub(1) {
                None => (1, entries.l1),
                Some(index) => (2, entries.l2.get(index).map_or(INVALID, |raw| *raw)),
            };
            if level == 2 && !entry::is_table(entries.l1) {
                position = (mib + 1) * PLACES;
            } else if raw == INVALID {
                position += 1;
            } else {
                let small = place.saturating_sub(1) << SmallPage::SHIFT;
                self.iova = ((mib as u64) << Section::SHIFT) + small as u64;
                (self.level, self.raw) = (level, raw);
                return Some(position as u64 + 1);
            }
        }
    }

    fn show(&self, _set: &IoPgtableArmV7s, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            iova, level, raw, ..
        } = self;
        writeln!(f, "{iova:#011x} {level} {raw:#010x}")
    }
}
