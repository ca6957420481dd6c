// SPDX-License-Identifier: GPL-2.0

//! The configuration of a table set: checks of the driver's `struct io_pgtable_cfg`.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

use core::ptr::NonNull;

use kernel::{
    bindings,
    fmt,
    prelude::*, //
};

use crate::{
    format::{
        cache_sync::Walker,
        entry::{
            Format,
            LargePage,
            Leaf,
            Section,
            SmallPage,
            Supersection, //
        }, //
    },
    log::Subject, //
};

/// Quirks that this format supports. bindgen has no constants for them; `helpers.c` compares the
/// values with the C header.
pub mod quirk {
    /// `IO_PGTABLE_QUIRK_ARM_NS`: set the NS bits in tables and sections.
    pub const ARM_NS: usize = 1 << 0;
    /// `IO_PGTABLE_QUIRK_NO_PERMS`: entries have no permission bits.
    pub const NO_PERMS: usize = 1 << 1;
    /// `IO_PGTABLE_QUIRK_ARM_MTK_EXT`: output addresses of up to 35 bits.
    pub const ARM_MTK_EXT: usize = 1 << 3;
    /// `IO_PGTABLE_QUIRK_ARM_MTK_TTBR_EXT`: table addresses of up to 35 bits.
    pub const ARM_MTK_TTBR_EXT: usize = 1 << 4;
    /// `IO_PGTABLE_QUIRK_NO_WARN`: refuse conflicting mappings without a line in the log.
    pub const NO_WARN: usize = 1 << 9;

    /// All supported quirks.
    pub(super) const KNOWN: usize = ARM_NS | NO_PERMS | ARM_MTK_EXT | ARM_MTK_TTBR_EXT | NO_WARN;
}

/// The page sizes of the format, as a bitmap.
pub const PAGE_SIZES: usize =
    SmallPage::SIZE | LargePage::SIZE | Section::SIZE | Supersection::SIZE;

/// Fewest bits of input address: one first-level entry.
const IAS_MIN: u32 = Section::SHIFT;
/// Most bits of input and output address without an extension.
const ADDRESS_BITS: u32 = 32;
/// Most bits of input address with ARM_MTK_EXT.
const MTK_IAS_MAX: u32 = 34;
/// The largest space of input addresses, in bytes.
pub(crate) const MAX_SPACE: u64 = 1 << MTK_IAS_MAX;
/// Most bits of output address with ARM_MTK_EXT.
const MTK_OAS_MAX: u32 = 35;

/// A configuration that the format can serve.
///
/// # Invariants
///
/// - `ias` is from 20 to 32 bits, up to 34 with ARM_MTK_EXT.
/// - `iova_max` is the last address of that many bits, `paddr_max` that of at most 32 bits, 35 with
///   ARM_MTK_EXT.
/// - `quirks` holds known quirks only; ARM_MTK_EXT comes with NO_PERMS, ARM_MTK_TTBR_EXT with
///   ARM_MTK_EXT.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    quirks: usize,
    format: Format,
    page_sizes: usize,
    ias: u32,
    oas: u32,
    walker: Walker,
    subject: Subject,
    iova_max: usize,
    paddr_max: u64,
}

impl Config {
    /// Checks a driver's request. Returns [`EINVAL`], with the reason in the log, for one that
    /// cannot be served.
    pub(crate) fn new(cfg: &bindings::io_pgtable_cfg) -> Result<Self> {
        let quirks = cfg.quirks;
        // SAFETY: The contract of `struct io_pgtable_cfg`: the device outlives the set.
        let subject = unsafe { Subject::of(cfg) };
        let refuse = |what: fmt::Arguments<'_>| -> Result<Self> {
            subject.report(fmt!("cannot serve this configuration: {what}"));
            Err(EINVAL)
        };

        if quirks & !quirk::KNOWN != 0 {
            let unknown = quirks & !quirk::KNOWN;
            return refuse(fmt!("quirks {unknown:#x} are not of this format"));
        }
        if quirks & quirk::ARM_MTK_EXT != 0 && quirks & quirk::NO_PERMS == 0 {
            return refuse(fmt!(
                "ARM_MTK_EXT takes the permission bits, NO_PERMS is missing"
            ));
        }
        // ARM_MTK_EXT needs a 64-bit phys_addr_t.
        let extended = cfg!(CONFIG_PHYS_ADDR_T_64BIT) && quirks & quirk::ARM_MTK_EXT != 0;
        if quirks & quirk::ARM_MTK_TTBR_EXT != 0 && !extended {
            return refuse(fmt!(
                "ARM_MTK_TTBR_EXT needs ARM_MTK_EXT and 64-bit addresses"
            ));
        }
        let (ias_max, oas_max) = if extended {
            (MTK_IAS_MAX, MTK_OAS_MAX)
        } else {
            (ADDRESS_BITS, ADDRESS_BITS)
        };
        if !(IAS_MIN..=ias_max).contains(&cfg.ias) {
            let ias = cfg.ias;
            return refuse(fmt!("ias of {ias} bits is not from {IAS_MIN} to {ias_max}"));
        }
        if cfg.oas > oas_max {
            return refuse(fmt!("oas of {} bits is over {oas_max}", cfg.oas));
        }
        let walker = match (cfg.coherent_walk, NonNull::new(cfg.iommu_dev)) {
            (true, _) => Walker::coherent(),
            (false, Some(dev)) => Walker::noncoherent(dev.cast()),
            (false, None) => {
                return refuse(fmt!("a walker that is not coherent needs iommu_dev"));
            }
        };

        // INVARIANT: Sizes of address spaces and quirks have just been checked.
        Ok(Self {
            quirks,
            format: Format {
                perms: quirks & quirk::NO_PERMS == 0,
                extended,
                ns: quirks & quirk::ARM_NS != 0,
            },
            page_sizes: cfg.pgsize_bitmap & PAGE_SIZES,
            ias: cfg.ias,
            oas: cfg.oas,
            walker,
            subject,
            iova_max: ((1u64 << cfg.ias) - 1) as usize,
            paddr_max: (1 << cfg.oas) - 1,
        })
    }

    /// Returns the last input address: 2^`ias` - 1.
    #[inline(always)]
    pub(crate) fn iova_max(&self) -> usize {
        self.iova_max
    }

    /// Returns the last output address: 2^`oas` - 1.
    #[inline(always)]
    pub(crate) fn paddr_max(&self) -> u64 {
        self.paddr_max
    }

    /// Returns the bits of input address.
    pub(crate) fn ias(&self) -> u32 {
        self.ias
    }

    /// Returns the bits of output address.
    pub(crate) fn oas(&self) -> u32 {
        self.oas
    }

    /// Returns the quirks as the driver gave them.
    pub(crate) fn quirks(&self) -> usize {
        self.quirks
    }

    /// Returns the number of first-level entries: one for each MiB of input addresses.
    #[inline(always)]
    pub(crate) fn l1_entries(&self) -> usize {
        1 << (self.ias - Section::SHIFT)
    }

    /// Returns the page sizes that may be mapped, as a bitmap.
    #[inline(always)]
    pub(crate) fn page_sizes(&self) -> usize {
        self.page_sizes
    }

    /// Returns the walker of the tables.
    #[inline(always)]
    pub(crate) fn walker(&self) -> Walker {
        self.walker
    }

    /// Returns the device for lines in the log.
    pub(crate) fn subject(&self) -> Subject {
        self.subject
    }

    /// Returns the variant of the format.
    #[inline(always)]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Returns the last address that a table may have, if tables may lie above 4 GiB.
    pub(crate) fn ext_max(&self) -> Option<u64> {
        self.mtk_ttbr_ext().then_some(self.paddr_max)
    }

    /// Returns true if table addresses have bits 32 to 34.
    #[inline(always)]
    pub(crate) fn mtk_ttbr_ext(&self) -> bool {
        self.quirks & quirk::ARM_MTK_TTBR_EXT != 0
    }

    /// Returns true if refused calls are not logged (IO_PGTABLE_QUIRK_NO_WARN).
    #[inline(always)]
    pub(crate) fn no_warn(&self) -> bool {
        self.quirks & quirk::NO_WARN != 0
    }
}
