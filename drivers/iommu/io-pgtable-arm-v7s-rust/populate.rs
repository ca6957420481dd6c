// SPDX-License-Identifier: GPL-2.0

//! Second-level tables made ahead of need (populate), and freed again (trim).
//!
//! A driver that maps where it may not sleep populates a range first. No mapping of small or large
//! pages in it then allocates: its tables stay when all they map is unmapped. A section that is
//! mapped in the range takes the place of the table there, which ends the promise for that MiB.

use core::ops::RangeInclusive;

use kernel::prelude::*;

use crate::{
    format::{
        barrier,
        entry::{
            self,
            Leaf,
            Section, //
        },
    },
    slab::Gfp,
    table_set::IoPgtableArmV7s, //
};

impl IoPgtableArmV7s {
    /// Makes the second-level tables for each MiB that a range of input addresses touches and in
    /// which no section is mapped. Sleeps only if `gfp` allows it.
    ///
    /// Returns [`ERANGE`] if the range does not lie inside `ias` or is empty, [`EINVAL`] for `gfp`
    /// with zone bits, [`ENOMEM`] if there are no more tables; those made so far stay.
    ///
    /// # Safety
    ///
    /// The caller has part of each MiB's input addresses to itself.
    pub(crate) unsafe fn populate(&self, iova: usize, size: usize, gfp: Gfp) -> Result {
        let last = self.last_of(iova, size)?;
        // SAFETY: The caller has part of each MiB to itself.
        unsafe { self.populate_mibs(iova >> Section::SHIFT..=last >> Section::SHIFT, gfp) }
    }

    /// Makes the second-level tables for the MiB with these numbers.
    ///
    /// # Safety
    ///
    /// The caller has part of each MiB's input addresses to itself.
    pub(crate) unsafe fn populate_mibs(&self, mibs: RangeInclusive<usize>, gfp: Gfp) -> Result {
        for mib in mibs {
            let (slot, mark) = self.slot(mib << Section::SHIFT).ok_or(ERANGE)?;
            // SAFETY: Part of the slot's addresses is the caller's alone.
            match unsafe { self.l2_or_grow((slot, mark), gfp) } {
                Ok(_) => mark.set_populated(),
                // A section is there.
                Err(e) if e == EEXIST => {}
                Err(e) => return Err(e),
            }
        }
        barrier::publish();
        Ok(())
    }

    /// Frees the second-level tables that map nothing, of each MiB that lies in a range of input
    /// addresses as a whole.
    ///
    /// # Safety
    ///
    /// The input addresses are the caller's alone, and no walker remembers a table for them: the
    /// driver has invalidated its caches since it last unmapped there.
    pub(crate) unsafe fn trim(&self, iova: usize, size: usize) {
        let Ok(last) = self.last_of(iova, size) else {
            return;
        };
        let end = (last as u64 + 1) >> Section::SHIFT;
        let first = (iova as u64).div_ceil(Section::SIZE as u64);
        for mib in first..end {
            let iova = (mib << Section::SHIFT) as usize;
            let Some((slot, mark)) = self.slot(iova) else {
                return;
            };
            let raw = slot.load();
            // SAFETY: Read from this set, and all addresses of the MiB are the caller's alone.
            if !entry::is_table(raw) || !unsafe { self.is_gap(raw) } {
                continue;
            }
            self.disconnect(slot, mark);
            barrier::publish();
            self.readers().wait();
            // SAFETY: No entry refers to the table any more, no reader is left, and the walker has
            // no copy of the entry (function requirement).
            drop(unsafe { self.take_l2(raw) });
        }
    }

    /// Returns the last address of a range; [`ERANGE`] if it is not inside `ias`, or empty.
    fn last_of(&self, iova: usize, size: usize) -> Result<usize> {
        let last = size.checked_sub(1).and_then(|rest| iova.checked_add(rest));
        last.filter(|last| *last <= self.cfg().iova_max())
            .ok_or(ERANGE)
    }
}
