// SPDX-License-Identifier: GPL-2.0

//! The table set of a race, and the walks of its walker.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    device::PlatformDevice,
    memory,
    set::Set,
    walk::walk, //
};

// In helpers.c.
unsafe extern "C" {
    safe fn v7s_stress_mtk_quirks() -> usize;
    safe fn v7s_stress_no_warn_quirk() -> usize;
}

/// A kind of table set.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    /// True if the walker snoops.
    coherent: bool,
    /// MediaTek's extension, with 35 bits of output address.
    extended: bool,
}

impl Setup {
    const fn new(name: &'static str, coherent: bool, extended: bool) -> Self {
        Self {
            name,
            coherent,
            extended,
        }
    }

    pub(crate) const ALL: [Self; 4] = [
        Self::new("a walker that snoops", true, false),
        Self::new("a walker that does not snoop", false, false),
        Self::new("a walker that snoops, 35 bits", true, true),
        Self::new("a walker that does not snoop, 35 bits", false, true),
    ];
}

/// A set and the memory of its walker.
pub(crate) struct Tables {
    // Dropped first; the device last.
    pub(crate) set: Set,
    kept: Option<memory::Watch>,
    /// The first-level table.
    l1: u64,
    extended: bool,
    _dev: PlatformDevice,
}

impl Tables {
    pub(crate) fn new(setup: Setup) -> Result<Self> {
        let dev = PlatformDevice::new(c"v7s_stress", u32::MAX.into())?;
        let kept = match setup.coherent {
            true => None,
            false => Some(memory::Watch::new(dev.as_device())?),
        };
        let quirks = if setup.extended {
            v7s_stress_mtk_quirks()
        } else {
            0
        };
        let mut cfg = bindings::io_pgtable_cfg {
            // Races map over existing mappings all the time.
            quirks: quirks | v7s_stress_no_warn_quirk(),
            pgsize_bitmap: crate::zones::SIZES.iter().sum(),
            ias: 32,
            oas: if setup.extended { 35 } else { 32 },
            coherent_walk: setup.coherent,
            iommu_dev: dev.as_device(),
            ..Default::default()
        };
        // SAFETY: The device outlives the set.
        let set = unsafe { Set::new(&mut cfg)? };
        // SAFETY: A set of this format fills in this part of the configuration.
        let ttbr = unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr };
        Ok(Self {
            set,
            // The other bits are attributes: such a table is aligned to its size of 16 KiB.
            l1: u64::from(ttbr & !0x3fff),
            kept,
            extended: setup.extended,
            _dev: dev,
        })
    }

    /// Returns true if output addresses have 35 bits, or 32.
    pub(crate) fn is_extended(&self) -> bool {
        self.extended
    }

    /// Returns the output address that the walker finds for an input address; zero if it faults.
    ///
    /// The result is undefined if the mapping of `iova` changes at the same time.
    pub(crate) fn walk(&self, iova: usize) -> u64 {
        let (l1, extended) = (self.l1, self.extended);
        match &self.kept {
            Some(kept) => walk(iova, l1, extended, |phys| kept.read(phys)),
            None => walk(iova, l1, extended, memory::read),
        }
    }

    /// Returns true if all write-backs fitted into the model of memory.
    pub(crate) fn is_complete(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.is_complete())
    }
}
