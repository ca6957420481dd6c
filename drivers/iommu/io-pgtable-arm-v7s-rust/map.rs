// SPDX-License-Identifier: GPL-2.0

//! Mapping: runs of pages, one second-level table after the other.
//!
//! A table is found once, its slots are checked and written as a run, and a walker that does not
//! snoop is served once per run. Pages become visible in any order within a call, which is all the
//! interface promises: a walker may look at a mapping once the call has returned.

use kernel::{
    iommu::pgtable::prot,
    prelude::*, //
};

use crate::{
    config::MAX_SPACE,
    format::{
        barrier,
        entry::{
            self,
            LargePage,
            Leaf,
            Section,
            SmallPage,
            Supersection,
            Test,
            Vacant, //
        },
        slots::{
            fill_vacant,
            Slot, //
        }, //
    },
    slab::Gfp,
    table_set::{
        l2_index,
        IoPgtableArmV7s, //
    }, //
};

impl IoPgtableArmV7s {
    /// Maps `count` pages of `pgsize` bytes at `iova` to consecutive physical memory at `paddr`,
    /// with `flags` from [`prot`]. Adds to `mapped` how many bytes were mapped: all, or those
    /// before an error:
    ///
    /// - [`ERANGE`]: an address lies, or the range ends, outside `ias` or `oas`;
    /// - [`EINVAL`]: neither readable nor writable, no pages, a page size that the set does not
    ///   have, an address that is not a multiple of it, zone bits in `gfp`;
    /// - [`EEXIST`]: something is mapped there;
    /// - [`ENOMEM`]: no memory for a second-level table, or none that the walker can reach.
    ///
    /// # Safety
    ///
    /// No other call concerns the same input addresses at the same time.
    // As many arguments as `map_pages` has in C.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    pub(crate) unsafe fn map_pages(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        count: usize,
        flags: u32,
        gfp: Gfp,
        mapped: &mut usize,
    ) -> Result {
        // A function for each size, and one for a single page, the most frequent call: this is
        // faster than one function for all.
        //
        // SAFETY: The input addresses are the caller's alone.
        unsafe {
            match pgsize {
                SmallPage::SIZE if count == 1 => self.map_one(iova, paddr, flags, gfp, mapped),
                SmallPage::SIZE => self.map_l2::<SmallPage>(iova, paddr, count, flags, gfp, mapped),
                LargePage::SIZE => self.map_l2::<LargePage>(iova, paddr, count, flags, gfp, mapped),
                Section::SIZE => self.map_l1::<Section>(iova, paddr, count, flags, mapped),
                Supersection::SIZE => {
                    self.map_l1::<Supersection>(iova, paddr, count, flags, mapped)
                }
                _ => self.refuse_map(iova, paddr, pgsize, count, flags),
            }
        }
    }

    /// Returns true if a request is in range, aligned and of a page size that the set has.
    #[inline(always)]
    fn may_map<L: Leaf>(&self, iova: usize, paddr: u64, count: usize, flags: u32) -> bool {
        let cfg = self.cfg();
        let last = count.wrapping_sub(1);
        let in_page = L::SIZE as u64 - 1;
        let end = |start: u64| Some(start.checked_add((last as u64) << L::SHIFT)? | in_page);
        (last as u64) < MAX_SPACE >> L::SHIFT
            && end(iova as u64).is_some_and(|end| end <= cfg.iova_max() as u64)
            && end(paddr).is_some_and(|end| end <= cfg.paddr_max())
            && (iova as u64 | paddr) & in_page == 0
            && flags & (prot::READ | prot::WRITE) != 0
            && L::SIZE & cfg.page_sizes() != 0
    }

    /// Logs the reason why [`may_map`](Self::may_map) is false, and returns its errno.
    #[cold]
    #[inline(never)]
    fn refuse_map(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        count: usize,
        flags: u32,
    ) -> Result {
        let cfg = self.cfg();
        let (error, why) = if iova > cfg.iova_max() || paddr > cfg.paddr_max() {
            (ERANGE, "an address is outside ias or oas")
        } else if flags & (prot::READ | prot::WRITE) == 0 {
            return Err(EINVAL);
        } else if count == 0 {
            (EINVAL, "no pages")
        } else if !pgsize.is_power_of_two() || pgsize & cfg.page_sizes() == 0 {
            (EINVAL, "no such page size")
        } else if (iova as u64 | paddr) & (pgsize as u64 - 1) != 0 {
            (EINVAL, "an address is not a multiple of the page size")
        } else {
            (ERANGE, "the range ends outside ias or oas")
        };
        self.refused("map", iova, pgsize, why);
        Err(error)
    }

    /// Maps a single small page.
    ///
    /// # Safety
    ///
    /// The requirements of [`map_pages`](Self::map_pages).
    #[inline(never)]
    unsafe fn map_one(
        &self,
        iova: usize,
        paddr: u64,
        flags: u32,
        gfp: Gfp,
        mapped: &mut usize,
    ) -> Result {
        if !self.may_map::<SmallPage>(iova, paddr, 1, flags) {
            return self.refuse_map(iova, paddr, SmallPage::SIZE, 1, flags);
        }
        let slot = self.slot(iova).ok_or(ERANGE)?;
        // SAFETY: Part of the slot's addresses is the caller's alone.
        let l2 = match unsafe { self.l2_or_grow(slot, gfp) } {
            Ok(l2) => l2,
            Err(e) => return self.end_map(Err(e), iova, SmallPage::SIZE),
        };
        let slot = &l2[l2_index(iova)];
        let entry = SmallPage::encode(
            paddr,
            SmallPage::template(flags, self.cfg().format()),
            self.cfg().format(),
        );
        if !Vacant::one(slot.load()) {
            return self.end_map(Err(EEXIST), iova, SmallPage::SIZE);
        }
        slot.store(entry);
        self.cfg().walker().sync_one(slot);
        *mapped = mapped.wrapping_add(SmallPage::SIZE);
        self.end_map(Ok(()), iova, SmallPage::SIZE)
    }

    /// Maps pages of a size that second-level tables hold.
    ///
    /// # Safety
    ///
    /// The requirements of [`map_pages`](Self::map_pages).
    #[inline(never)]
    unsafe fn map_l2<L: Leaf>(
        &self,
        mut iova: usize,
        mut paddr: u64,
        mut count: usize,
        flags: u32,
        gfp: Gfp,
        mapped: &mut usize,
    ) -> Result {
        if !self.may_map::<L>(iova, paddr, count, flags) {
            return self.refuse_map(iova, paddr, L::SIZE, count, flags);
        }
        let template = L::template(flags, self.cfg().format());
        let result = loop {
            let Some(slot) = self.slot(iova) else {
                break Err(ERANGE);
            };
            // SAFETY: Part of the slot's addresses is the caller's alone.
            let l2 = match unsafe { self.l2_or_grow(slot, gfp) } {
                Ok(l2) => l2,
                Err(e) => break Err(e),
            };
            let run = run_of::<L>(&l2[l2_index(iova)..], paddr, count);
            let pages = run.len() / L::ENTRIES;
            let done = self.map_run::<L>(run, L::encode(paddr, template, self.cfg().format()));
            *mapped = mapped.wrapping_add(done << L::SHIFT);
            if done < pages {
                iova += done << L::SHIFT;
                break Err(EEXIST);
            }
            count = count.wrapping_sub(pages);
            if count == 0 {
                break Ok(());
            }
            iova = iova.wrapping_add(pages << L::SHIFT);
            paddr = paddr.wrapping_add((pages as u64) << L::SHIFT);
        };
        self.end_map(result, iova, L::SIZE)
    }

    /// Maps pages of a size that the first-level table holds.
    ///
    /// # Safety
    ///
    /// The requirements of [`map_pages`](Self::map_pages).
    #[inline(never)]
    unsafe fn map_l1<L: Leaf>(
        &self,
        mut iova: usize,
        mut paddr: u64,
        mut count: usize,
        flags: u32,
        mapped: &mut usize,
    ) -> Result {
        if !self.may_map::<L>(iova, paddr, count, flags) {
            return self.refuse_map(iova, paddr, L::SIZE, count, flags);
        }
        let template = entry::with_ns(L::template(flags, self.cfg().format()), self.cfg().format());
        let result = loop {
            let rest = self.l1().get(iova >> Section::SHIFT..).unwrap_or_default();
            let run = run_of::<L>(rest, paddr, count);
            let done = self.map_run::<L>(run, L::encode(paddr, template, self.cfg().format()));
            *mapped = mapped.wrapping_add(done << L::SHIFT);
            count = count.wrapping_sub(done);
            if count == 0 {
                break Ok(());
            }
            iova = iova.wrapping_add(done << L::SHIFT);
            paddr = paddr.wrapping_add((done as u64) << L::SHIFT);
            if done == run.len() / L::ENTRIES {
                continue;
            }
            // SAFETY: The page's input addresses are the caller's alone.
            if let Err(e) = unsafe { self.remove_empty_tables(L::ENTRIES, iova) } {
                break Err(e);
            }
        };
        self.end_map(result, iova, L::SIZE)
    }

    /// Ends a mapping: orders its entries before later stores, and logs a conflict.
    #[inline(always)]
    fn end_map(&self, result: Result, iova: usize, pgsize: usize) -> Result {
        // All entries before anything that makes the walker look at the new addresses.
        barrier::publish();
        if result == Err(EEXIST) {
            self.refused("map", iova, pgsize, "something is mapped there");
        }
        result
    }

    /// Fills the slots of `run` from `entry` on, up to the first page of which something is mapped.
    /// Returns the number of pages.
    #[inline(always)]
    fn map_run<L: Leaf>(&self, run: &[Slot], entry: u32) -> usize {
        let filled = fill_vacant::<L>(run, entry);
        let walker = self.cfg().walker();
        walker.sync(run.get(..filled).unwrap_or_default());
        filled / L::ENTRIES
    }

    /// Makes room for a section, or a supersection's sixteen, at `iova`: second-level tables stay
    /// when their last mapping goes, and give way here. [`EEXIST`], and nothing changed, if
    /// anything is mapped.
    ///
    /// # Safety
    ///
    /// The input addresses of the `entries` first-level entries are the caller's alone.
    #[cold]
    unsafe fn remove_empty_tables(&self, entries: usize, iova: usize) -> Result {
        let (slots, marks) = self.slots_from(iova);
        let slots = slots.get(..entries).unwrap_or_default();
        for slot in slots {
            // SAFETY: The addresses are the caller's alone.
            if !unsafe { self.is_gap(slot.load()) } {
                return Err(EEXIST);
            }
        }
        for (i, (slot, mark)) in slots.iter().zip(marks).enumerate() {
            let raw = slot.load();
            if entry::is_table(raw) {
                self.disconnect(slot, mark);
                // SAFETY: Nothing refers to the table any more, and the addresses are the
                // caller's alone.
                unsafe {
                    if self.retire(raw, iova + (i << Section::SHIFT)) {
                        self.free_tables(core::iter::once(raw));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the slots for `count` pages, or for as many as `table` has slots and have output
/// addresses from `paddr` on below the next 4 GiB boundary (see [`Leaf`]).
#[inline(always)]
fn run_of<L: Leaf>(table: &[Slot], paddr: u64, count: usize) -> &[Slot] {
    let to_boundary = (!(paddr as u32) >> L::SHIFT) as usize + 1;
    let pages = count.min(to_boundary).min(table.len() / L::ENTRIES);
    table.get(..pages * L::ENTRIES).unwrap_or_default()
}
