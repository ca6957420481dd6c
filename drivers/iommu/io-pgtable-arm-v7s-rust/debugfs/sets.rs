// SPDX-License-Identifier: GPL-2.0

//! `sets`: a line for each set, with the configuration that its driver asked for, the values for
//! its registers, and its memory.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    config::quirk,
    debugfs::set_lines::SetLines,
    format::entry::{
        self,
        Leaf,
        Section, //
    },
    registers::Registers,
    table_set::IoPgtableArmV7s, //
};

/// A page size, displayed in KiB or MiB.
pub(crate) struct Size(pub(crate) usize);

impl core::fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size >= Section::SIZE => write!(f, "{}M", size >> 20),
            size => write!(f, "{}K", size >> 10),
        }
    }
}

/// Number and addresses of the second-level tables of a set, counted in its first level.
#[derive(Zeroable)]
struct Tables {
    count: usize,
    /// Physical addresses of the lowest and the highest, if there is one.
    lowest: u64,
    highest: u64,
}

impl Tables {
    fn of(set: &IoPgtableArmV7s) -> Self {
        let mut tables = Self {
            count: 0,
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
}

/// The line of a set.
#[derive(Zeroable)]
pub(crate) struct Sets {
    ias: u32,
    oas: u32,
    quirks: usize,
    page_sizes: usize,
    coherent: bool,
    registers: Registers,
    l1: u64,
    l1_bytes: usize,
    tables: Tables,
    retired: usize,
    l2_bytes: usize,
}

impl SetLines for Sets {
    const HEADER: &'static str = "set ias oas quirks page_sizes walker ttbr tcr prrr nmrr l1 \
        l1_bytes l2_tables l2_retired l2_lowest l2_highest l2_bytes\n";

    fn find(&mut self, set: &IoPgtableArmV7s, place: u64) -> Option<u64> {
        if place != 0 {
            return None;
        }
        let cfg = set.cfg();
        let (tables, retired) = (Tables::of(set), set.readers().retired());
        *self = Self {
            ias: cfg.ias(),
            oas: cfg.oas(),
            quirks: cfg.quirks(),
            page_sizes: cfg.page_sizes(),
            coherent: cfg.walker().is_coherent(),
            registers: set.registers(),
            l1: set.l1_phys(),
            l1_bytes: set.l1_bytes(),
            retired,
            l2_bytes: set.l2_bytes(tables.count + retired),
            tables,
        };
        Some(1)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const QUIRKS: [(usize, &str); 5] = [
            (quirk::ARM_NS, "ARM_NS"),
            (quirk::NO_PERMS, "NO_PERMS"),
            (quirk::ARM_MTK_EXT, "ARM_MTK_EXT"),
            (quirk::ARM_MTK_TTBR_EXT, "ARM_MTK_TTBR_EXT"),
            (quirk::NO_WARN, "NO_WARN"),
        ];

        write!(f, "{} {} ", self.ias, self.oas)?;
        let quirks = QUIRKS.iter().filter(|(bit, _)| self.quirks & bit != 0);
        list(f, quirks.map(|(_, name)| *name))?;
        f.write_str(" ")?;
        let sizes = (0..usize::BITS).map(|shift| 1 << shift);
        let sizes = sizes.filter(|size| self.page_sizes & size != 0);
        list(f, sizes.map(Size))?;
        f.write_str(if self.coherent {
            " coherent"
        } else {
            " noncoherent"
        })?;
        let Registers {
            ttbr,
            tcr,
            nmrr,
            prrr,
        } = self.registers;
        write!(f, " {ttbr:#x} {tcr:#x} {prrr:#x} {nmrr:#x}")?;
        write!(f, " {:#x} {}", self.l1, self.l1_bytes)?;
        let Tables {
            count,
            lowest,
            highest,
        } = self.tables;
        write!(f, " {count} {}", self.retired)?;
        match count {
            0 => f.write_str(" - -")?,
            _ => write!(f, " {lowest:#x} {highest:#x}")?,
        }
        writeln!(f, " {}", self.l2_bytes)
    }
}

/// Writes words with commas between them, a dash for none.
fn list<T: core::fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    words: impl Iterator<Item = T>,
) -> fmt::Result {
    let mut before = "";
    for word in words {
        write!(f, "{before}{word}")?;
        before = ",";
    }
    f.write_str(if before.is_empty() { "-" } else { "" })
}
