// SPDX-License-Identifier: GPL-2.0

//! Unmapping: runs of pages, and the driver's callbacks for each.
//!
//! Entries of a run become invalid before the first callback for them; a driver that flushes in
//! its callbacks therefore never flushes too early. Callbacks come in the order of addresses.

use crate::{
    config::MAX_SPACE,
    format::{
        entry::{
            self,
            LargePage,
            Leaf,
            Section,
            Small,
            SmallPage,
            Supersection,
            Test,
            Valid, //
            INVALID,
        },
        mark::Mark,
        slots::{
            clear_leading,
            Slot, //
        }, //
    },
    table_set::{
        l2_index,
        IoPgtableArmV7s, //
    },
    tlb::Gather, //
};

/// First-level slots that are unmapped together: as many as a supersection has.
const L1_CHUNK: usize = Supersection::ENTRIES;

impl IoPgtableArmV7s {
    /// Unmaps `count` pages of `pgsize` bytes from `iova` on and returns how many bytes that were:
    /// all, or those before the first page that cannot be unmapped, because nothing is mapped there
    /// or because it is part of something larger. Zero for a request that makes no sense.
    ///
    /// A larger page size than was mapped is fine, as long as all of it is mapped; a second-level
    /// table that it covers goes with what it maps.
    ///
    /// # Safety
    ///
    /// No other call concerns the same input addresses at the same time.
    #[inline(always)]
    pub(crate) unsafe fn unmap_pages(
        &self,
        iova: usize,
        pgsize: usize,
        count: usize,
        gather: Gather,
    ) -> usize {
        // A function for each size, and one for a single page, the most frequent call: this is
        // faster than one function for all.
        //
        // SAFETY: The input addresses are the caller's alone.
        unsafe {
            match pgsize {
                SmallPage::SIZE if count == 1 => self.unmap_one(iova, gather),
                SmallPage::SIZE => self.unmap_l2::<SmallPage, Small>(iova, count, gather),
                LargePage::SIZE => self.unmap_l2::<LargePage, Valid>(iova, count, gather),
                Section::SIZE => self.unmap_l1::<Section>(iova, count, gather),
                Supersection::SIZE => self.unmap_l1::<Supersection>(iova, count, gather),
                _ => self.refuse_unmap(iova, pgsize),
            }
        }
    }

    /// Returns true if a request is in range, aligned and of a page size that the set has.
    #[inline(always)]
    fn may_unmap<L: Leaf>(&self, iova: usize, count: usize) -> bool {
        let cfg = self.cfg();
        let last = count.wrapping_sub(1);
        let in_page = L::SIZE - 1;
        let end = (iova as u64).checked_add((last as u64) << L::SHIFT | in_page as u64);
        (last as u64) < MAX_SPACE >> L::SHIFT
            && end.is_some_and(|end| end <= cfg.iova_max() as u64)
            && iova & in_page == 0
            && L::SIZE & cfg.page_sizes() != 0
    }

    #[cold]
    fn refuse_unmap(&self, iova: usize, pgsize: usize) -> usize {
        self.refused("unmap", iova, pgsize, "no such range or page size");
        0
    }

    #[cold]
    fn unmapped_less(&self, iova: usize, pgsize: usize) {
        self.refused(
            "unmap",
            iova,
            pgsize,
            "nothing is mapped there, or something larger",
        );
    }

    /// Unmaps a single small page. Returns the number of bytes.
    ///
    /// # Safety
    ///
    /// The requirements of [`unmap_pages`](Self::unmap_pages).
    #[inline(never)]
    unsafe fn unmap_one(&self, iova: usize, gather: Gather) -> usize {
        if !self.may_unmap::<SmallPage>(iova, 1) {
            return self.refuse_unmap(iova, SmallPage::SIZE);
        }
        let raw = self
            .l1()
            .get(iova >> Section::SHIFT)
            .map_or(INVALID, Slot::load);
        if entry::is_table(raw) {
            // SAFETY: Read from this set; part of the slot's addresses is the caller's alone.
            let slot = unsafe { &self.l2(raw)[l2_index(iova)] };
            if Small::one(slot.load()) {
                slot.store(INVALID);
                self.cfg().walker().sync_one(slot);
                self.flush_leaves(gather, iova, SmallPage::SIZE, 1);
                return SmallPage::SIZE;
            }
        }
        self.unmapped_less(iova, SmallPage::SIZE);
        0
    }

    /// Unmaps pages of a size that second-level tables hold. `T` tells entries that may go.
    /// Returns the number of bytes.
    ///
    /// # Safety
    ///
    /// The requirements of [`unmap_pages`](Self::unmap_pages).
    #[inline(never)]
    unsafe fn unmap_l2<L: Leaf, T: Test>(
        &self,
        start: usize,
        mut count: usize,
        gather: Gather,
    ) -> usize {
        if !self.may_unmap::<L>(start, count) {
            return self.refuse_unmap(start, L::SIZE);
        }
        let mut iova = start;
        loop {
            let raw = self
                .l1()
                .get(iova >> Section::SHIFT)
                .map_or(INVALID, Slot::load);
            if !entry::is_table(raw) {
                self.unmapped_less(iova, L::SIZE);
                break;
            }
            // SAFETY: Read from this set; part of the slot's addresses is the caller's alone.
            let rest = unsafe { &self.l2(raw)[l2_index(iova)..] };
            let pages = count.min(rest.len() / L::ENTRIES);
            let run = rest.get(..pages * L::ENTRIES).unwrap_or_default();
            let cleared = clear_leading::<T, L>(run);
            let done = cleared / L::ENTRIES;
            let walker = self.cfg().walker();
            walker.sync(run.get(..cleared).unwrap_or_default());
            self.flush_leaves(gather, iova, SmallPage::SIZE, cleared);
            iova = iova.wrapping_add(done << L::SHIFT);
            if done < pages {
                self.unmapped_less(iova, L::SIZE);
                break;
            }
            count = count.wrapping_sub(pages);
            if count == 0 {
                break;
            }
        }
        iova.wrapping_sub(start)
    }

    /// Unmaps pages of a size that the first-level table holds. Returns the number of bytes.
    ///
    /// # Safety
    ///
    /// The requirements of [`unmap_pages`](Self::unmap_pages).
    #[inline(never)]
    unsafe fn unmap_l1<L: Leaf>(&self, start: usize, count: usize, gather: Gather) -> usize {
        if !self.may_unmap::<L>(start, count) {
            return self.refuse_unmap(start, L::SIZE);
        }
        let (slots, marks) = self.slots_from(start);
        let slots = slots.get(..count * L::ENTRIES).unwrap_or_default();
        let mut iova = start;
        for (chunk, marks) in slots.chunks(L1_CHUNK).zip(marks.chunks(L1_CHUNK)) {
            // SAFETY: The addresses are the caller's alone.
            let done = unsafe { self.unmap_chunk::<L>(chunk, marks, iova, gather) };
            iova = iova.wrapping_add(done << L::SHIFT);
            if done * L::ENTRIES < chunk.len() {
                self.unmapped_less(iova, L::SIZE);
                break;
            }
        }
        iova.wrapping_sub(start)
    }

    /// Unmaps the pages of up to [`L1_CHUNK`] slots, whose old entries fit on the stack: they are
    /// needed after the slots are clear. Returns the number of pages.
    ///
    /// # Safety
    ///
    /// The requirements of [`unmap_pages`](Self::unmap_pages); `marks` belong to the slots, whose
    /// addresses begin at `iova`.
    unsafe fn unmap_chunk<L: Leaf>(
        &self,
        chunk: &[Slot],
        marks: &[Mark],
        iova: usize,
        gather: Gather,
    ) -> usize {
        let mut old = [INVALID; L1_CHUNK];
        let (mut entries, mut tables) = (0, false);
        for (old, slot) in old.iter_mut().zip(chunk) {
            *old = slot.load();
            // A section is not enough to unmap a sixteenth of a supersection.
            if !Valid::one(*old) || L::ENTRIES == 1 && entry::is_supersection(*old) {
                break;
            }
            tables |= entry::is_table(*old);
            entries += 1;
        }
        let pages = entries / L::ENTRIES;
        let run = chunk.get(..pages * L::ENTRIES).unwrap_or_default();
        if tables {
            // SAFETY: The addresses are the caller's alone; marks and entries are those of the
            // slots.
            unsafe { self.unmap_mixed(run, marks, &mut old, iova, gather) };
            return pages;
        }
        for slot in run {
            slot.store(INVALID);
        }
        self.cfg().walker().sync(run);
        self.flush_leaves(gather, iova, Section::SIZE, run.len());
        pages
    }

    /// Unmaps first-level entries of which some may refer to tables.
    ///
    /// # Safety
    ///
    /// The requirements of [`unmap_pages`](Self::unmap_pages); `marks` belong to the slots, whose
    /// addresses begin at `iova`, and `old` are their entries.
    #[inline(always)]
    unsafe fn unmap_mixed(
        &self,
        run: &[Slot],
        marks: &[Mark],
        old: &mut [u32; L1_CHUNK],
        iova: usize,
        gather: Gather,
    ) {
        for ((slot, mark), raw) in run.iter().zip(marks).zip(&mut *old) {
            if !entry::is_table(*raw) {
                slot.store(INVALID);
            } else if mark.is_populated() {
                // SAFETY: Read from this set, and the addresses are the caller's alone.
                unsafe { self.empty(*raw) };
                *raw = INVALID;
            } else {
                mark.clear();
                slot.store(INVALID);
            }
        }
        self.cfg().walker().sync(run);
        let mut freed = false;
        for (i, raw) in old.iter_mut().take(run.len()).enumerate() {
            let iova = iova + (i << Section::SHIFT);
            if *raw == INVALID {
                self.flush_walk(iova, Section::SIZE, SmallPage::SIZE);
            } else if !entry::is_table(*raw) {
                self.flush_leaves(gather, iova, Section::SIZE, 1);
            } else {
                // SAFETY: Overwritten, and the addresses are the caller's alone.
                if unsafe { self.retire(*raw, iova) } {
                    freed = true;
                } else {
                    *raw = INVALID;
                }
            }
        }
        if freed {
            let tables = old.iter().take(run.len()).copied();
            // SAFETY: The entries of tables that are left are those for which `retire` returned
            // true, and the addresses are the caller's alone.
            unsafe { self.free_tables(tables.filter(|raw| entry::is_table(*raw))) };
        }
    }
}
