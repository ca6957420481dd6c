// SPDX-License-Identifier: GPL-2.0

//! Configurations that C accepts.

use kernel::{
    fmt::{
        self,
        Display,
        Formatter, //
    },
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use io_pgtable_arm_v7s_rust::{
    quirk,
    PAGE_SIZES, //
};

use crate::random::Random;

/// The sets of quirks that C accepts.
pub(crate) const QUIRKS: [usize; 8] = {
    const MTK: usize = quirk::NO_PERMS | quirk::ARM_MTK_EXT;
    const EXT: usize = MTK | quirk::ARM_MTK_TTBR_EXT;
    [
        0,
        quirk::ARM_NS,
        quirk::NO_PERMS,
        quirk::NO_PERMS | quirk::ARM_NS,
        MTK,
        MTK | quirk::ARM_NS,
        EXT,
        EXT | quirk::ARM_NS,
    ]
};

/// Sets of quirks, each with a walker that snoops and one that does not.
pub(crate) const CLASSES: usize = 2 * QUIRKS.len();

/// Most bits of input addresses in operations: fewer than an address has, so that there are
/// addresses behind the end.
const IAS: u32 = if usize::BITS > 34 {
    34
} else {
    usize::BITS - 1
};

/// Bits of any address in a guest with up to 7 GiB of memory.
pub(crate) const ANYWHERE: u32 = 33;

/// The request for a table set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) quirks: usize,
    pub(crate) ias: u32,
    pub(crate) oas: u32,
    pub(crate) page_sizes: usize,
    pub(crate) coherent: bool,
    /// The callbacks flush_all, flush_walk and add_page, a bit each; or no `tlb` at all.
    pub(crate) callbacks: Option<usize>,
}

impl Setup {
    /// The largest space, all sizes, all callbacks.
    pub(crate) fn full(quirks: usize, coherent: bool) -> Self {
        let mut setup = Self {
            quirks,
            ias: 0,
            oas: 0,
            page_sizes: PAGE_SIZES,
            coherent,
            callbacks: Some(7),
        };
        setup.ias = setup.max_ias().min(IAS);
        setup.oas = setup.max_oas();
        setup
    }

    /// A configuration of a class.
    pub(crate) fn random(class: usize, random: &mut Random) -> Self {
        let full = Self::full(QUIRKS[class / 2 % QUIRKS.len()], class % 2 == 0);
        let ias = match random.below(10) {
            0..6 => full.ias,
            6 => full.ias.min(32),
            _ => 20 + random.below(full.ias as usize - 19) as u32,
        };
        let oas = match random.below(10) {
            0..7 => full.oas,
            7 => 32,
            _ => 16 + random.below(full.oas as usize - 15) as u32,
        };
        // Tables may lie anywhere in memory, which has to be below 2^oas.
        let oas = match full.has(quirk::ARM_MTK_TTBR_EXT) {
            true => oas.max(ANYWHERE),
            false => oas,
        };
        let page_sizes = match random.below(10) {
            0..6 => PAGE_SIZES,
            // Undefined sizes, which the format removes.
            6 => !0,
            _ => some_sizes(1 + random.below(15)),
        };
        let callbacks = match random.below(10) {
            0..6 => Some(7),
            6 => None,
            _ => Some(random.below(8)),
        };
        Self {
            ias,
            oas,
            page_sizes,
            callbacks,
            ..full
        }
    }

    pub(crate) fn has(&self, quirk: usize) -> bool {
        self.quirks & quirk != 0
    }

    /// Most bits of input address that C accepts.
    pub(crate) fn max_ias(&self) -> u32 {
        if self.has(quirk::ARM_MTK_EXT) {
            34
        } else {
            32
        }
    }

    fn max_oas(&self) -> u32 {
        if self.has(quirk::ARM_MTK_EXT) {
            35
        } else {
            32
        }
    }

    /// Returns the bytes of input addresses, at most 2^[`IAS`].
    pub(crate) fn space(&self) -> usize {
        1 << self.ias
    }

    /// Returns the number of entries of the first-level table.
    pub(crate) fn l1_entries(&self) -> usize {
        1 << (self.ias - 20)
    }

    /// Returns the bytes of output addresses.
    pub(crate) fn memory(&self) -> u64 {
        1 << self.oas
    }

    /// Returns the page sizes.
    pub(crate) fn sizes(&self) -> usize {
        self.page_sizes & PAGE_SIZES
    }
}

/// Returns the sizes whose bits are in `chosen`.
fn some_sizes(chosen: usize) -> usize {
    [SZ_4K, SZ_64K, SZ_1M, SZ_16M]
        .iter()
        .enumerate()
        .filter(|(bit, _)| chosen >> bit & 1 != 0)
        .fold(0, |sizes, (_, size)| sizes | size)
}

/// A class of configurations, displayed by name.
pub(crate) struct Class(pub(crate) usize);

impl Display for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let walker = if self.0 % 2 == 0 {
            "coherent"
        } else {
            "noncoherent"
        };
        f.write_fmt(fmt!(
            "{}, {}",
            Quirks(QUIRKS[self.0 / 2 % QUIRKS.len()]),
            walker
        ))
    }
}

/// Quirks, displayed by name.
pub(crate) struct Quirks(pub(crate) usize);

impl Display for Quirks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const NAMES: [(usize, &str); 4] = [
            (quirk::ARM_NS, "NS"),
            (quirk::NO_PERMS, "NO_PERMS"),
            (quirk::ARM_MTK_EXT, "MTK_EXT"),
            (quirk::ARM_MTK_TTBR_EXT, "TTBR_EXT"),
        ];
        let mut separator = "";
        for (_, name) in NAMES.iter().filter(|(quirk, _)| self.0 & quirk != 0) {
            f.write_fmt(fmt!("{}{}", separator, name))?;
            separator = "|";
        }
        if separator.is_empty() {
            f.write_str("no quirks")?;
        }
        Ok(())
    }
}

impl Display for Setup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!(
            "{}, ias {}, oas {}, page sizes {:#x}, {}, ",
            Quirks(self.quirks),
            self.ias,
            self.oas,
            self.page_sizes,
            if self.coherent {
                "coherent"
            } else {
                "noncoherent"
            },
        ))?;
        match self.callbacks {
            None => f.write_str("no tlb"),
            Some(callbacks) => {
                f.write_str("callbacks:")?;
                for (bit, name) in ["flush_all", "flush_walk", "add_page"].iter().enumerate() {
                    if callbacks >> bit & 1 != 0 {
                        f.write_fmt(fmt!(" {}", name))?;
                    }
                }
                Ok(())
            }
        }
    }
}
