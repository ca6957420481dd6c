// SPDX-License-Identifier: GPL-2.0

//! `runs`: a line for consecutive input addresses that are mapped to consecutive output addresses
//! in the same way.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    config::Config,
    debugfs::{
        set_lines::SetLines,
        sets::Size,
        snapshot::{
            Copied,
            Snapshot, //
        }, //
    },
    format::entry::{
        self,
        Attributes,
        Leaf,
        Section,
        SmallPage,
        INVALID,
        L2_ENTRIES, //
    },
    table_set::IoPgtableArmV7s, //
};

/// The mapping of some input addresses.
#[derive(Clone, Copy, PartialEq, Eq, Zeroable)]
struct Target {
    /// Output address of the first.
    paddr: u64,
    /// Bytes in the page that they are in.
    page_size: usize,
    /// True if entries have permission bits.
    perms: bool,
    attributes: Attributes,
    non_secure: bool,
}

impl Target {
    /// Returns the mapping `size` bytes further on, if that is in the same way.
    fn advance(self, size: u64) -> Self {
        Self {
            paddr: self.paddr.wrapping_add(size),
            ..self
        }
    }
}

impl Snapshot {
    /// Returns the mapping of the small page `index` of the MiB at `iova`, and the number of such
    /// pages from there on for which it is the same but for addresses.
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
            perms,
            attributes,
            non_secure: entry::is_non_secure(self.l1),
        });
        (pages, target)
    }
}

/// The line of a run. A set has a place for each small page.
#[derive(Zeroable)]
pub(crate) struct Runs {
    copied: Copied,
    first: u64,
    pages: u64,
    target: Target,
}

impl Runs {
    /// Returns the mapping of a small page, and the number of pages for which it is the same: none
    /// behind the last.
    fn look(&mut self, set: &IoPgtableArmV7s, page: u64) -> (u64, Option<Target>) {
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

impl SetLines for Runs {
    const HEADER: &'static str = "set iova paddr size page_size access\n";

    fn find(&mut self, set: &IoPgtableArmV7s, place: u64) -> Option<u64> {
        self.first = place;
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

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        show_access(&self.target, f)?;
        f.write_str("\n")
    }
}

/// Writes the access that the walker allows, in words with commas between them.
fn show_access(target: &Target, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Attributes {
        tex0,
        cacheable,
        bufferable,
        access_flag,
        unprivileged,
        read_only,
        execute_never,
    } = target.attributes;
    let perms = target.perms;
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
