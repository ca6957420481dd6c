// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: pages for the first level, tables of the chosen [`source`] for the second;
//! both where the walker's pointers reach.

use core::{
    mem::{
        size_of,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    config::Config,
    format::{
        cache_sync::Walker,
        mark::Mark,
        slots::{
            L2Slots,
            Slot, //
        },
        table_phys::TablePhys, //
    },
    memory::source::{
        self,
        L2Tables, //
    },
    page_table::{
        Table,
        TableAllocator,
        TableSource, //
    },
    slab::Gfp, //
};

/// Gives a new table to the walker of `cfg`. Returns [`ERANGE`] if its address does not fit in an
/// entry, [`EIO`] if the walker cannot reach it there; the log says which.
///
/// # Safety
///
/// `table` is the address of `size` bytes in the kernel's linear map, which lie at `phys`.
unsafe fn attach(cfg: &Config, table: NonNull<Slot>, phys: u64, size: usize) -> Result<TablePhys> {
    let Some(table_phys) = TablePhys::new(phys, size, cfg.ext_max()) else {
        cfg.subject()
            .report(fmt!("page table does not fit in PTE: {phys:#x}"));
        return Err(ERANGE);
    };
    // SAFETY: `table` lies in the linear map at `phys` (function requirement).
    unsafe { cfg.walker().attach(table, phys, size) }.map_err(|_| {
        cfg.subject().report(fmt!(
            "the device cannot reach a page table at its physical address {phys:#x}"
        ));
        EIO
    })?;
    Ok(table_phys)
}

/// Makes the marks of `entries` entries that refer to no table.
fn new_marks(entries: usize) -> Result<KVec<Mark>> {
    let marks = KVec::<Mark>::with_capacity(entries, GFP_KERNEL | __GFP_ZERO)?;
    let (marks, _, capacity) = marks.into_raw_parts();
    // SAFETY: The parts come from a vector with room for `entries` marks or more, and that many are
    // initialised: zeroes are the marks of entries that refer to no table.
    Ok(unsafe { KVec::from_raw_parts(marks, entries, capacity) })
}

/// A first-level table: a naturally aligned run of pages.
///
/// # Invariants
///
/// - `slots` is a table of `pages`, which holds at least `entries` slots, belongs to this value and
///   is attached to `walker` at `phys`.
/// - `marks` has as many elements as there are slots.
pub(crate) struct L1 {
    slots: NonNull<Slot>,
    entries: usize,
    marks: KVec<Mark>,
    pages: TableAllocator,
    phys: TablePhys,
    walker: Walker,
}

impl L1 {
    /// Allocates an empty table for `cfg`; may sleep.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        let entries = cfg.l1_entries();
        let marks = new_marks(entries)?;
        let size = entries * size_of::<Slot>();
        let pages = TableAllocator::new(
            TableSource::Pool,
            size.next_power_of_two().max(PAGE_SIZE),
            source::zone(cfg),
        )?;
        let table = pages
            .alloc(Gfp::KERNEL.no_warn())
            .inspect_err(|_| cfg.subject().no_memory(Gfp::KERNEL, "first-level"))?;
        // SAFETY: A table has `size` bytes in the linear map.
        let phys = unsafe { attach(cfg, table.as_ptr().cast(), table.phys(), size)? };
        let slots = table.into_raw().cast();
        // INVARIANT: Just attached. Zeroes are a table of invalid entries.
        Ok(Self {
            slots,
            entries,
            marks,
            pages,
            phys,
            walker: cfg.walker(),
        })
    }

    /// Returns the physical address.
    pub(crate) fn phys(&self) -> TablePhys {
        self.phys
    }

    /// Returns the slot for a MiB and its mark, unless the number is too high.
    #[inline(always)]
    pub(crate) fn slot(&self, mib: usize) -> Option<(&Slot, &Mark)> {
        let slot = self.get(mib)?;
        // SAFETY: There are as many marks as slots (type invariant).
        Some((slot, unsafe { self.marks.get_unchecked(mib) }))
    }

    /// Returns the marks, one for each slot.
    #[inline(always)]
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Returns the bytes of its pages.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.size()
    }
}

impl Deref for L1 {
    type Target = [Slot];

    #[inline(always)]
    fn deref(&self) -> &[Slot] {
        // SAFETY: `slots` has `entries` initialised slots that live as long as `self` (invariant).
        unsafe { core::slice::from_raw_parts(self.slots.as_ptr(), self.entries) }
    }
}

impl Drop for L1 {
    fn drop(&mut self) {
        // SAFETY: The table belongs to this value and is attached with these arguments (invariant).
        // It is dropped with its set, which no walker uses any more.
        unsafe {
            self.walker
                .detach(self.phys.as_u64(), size_of::<Slot>() * self.entries);
            drop(Table::from_raw(&self.pages, self.slots.cast()));
        }
    }
}

// SAFETY: Zeroes are invalid entries.
unsafe impl Zeroable for L2Slots {}

/// A second-level table that no entry refers to: not yet, or no longer.
///
/// # Invariants
///
/// The table is as large as [`L2Slots`], and attached to `walker` at its physical address, `phys`.
pub(crate) struct L2<'a> {
    table: Table<'a>,
    phys: u64,
    walker: Walker,
}

impl<'a> L2<'a> {
    /// Allocates an empty table for `cfg`, and returns it with its physical address; sleeps only if
    /// `gfp` allows it.
    pub(crate) fn new(cfg: &Config, tables: &'a L2Tables, gfp: Gfp) -> Result<(Self, TablePhys)> {
        let table = tables.alloc(gfp)?;
        let walker = cfg.walker();
        let size = size_of::<L2Slots>();
        // SAFETY: A table has `size` bytes in the linear map.
        let phys = unsafe { attach(cfg, table.as_ptr().cast(), table.phys(), size)? };
        // INVARIANT: Just attached.
        let this = Self {
            table,
            phys: phys.as_u64(),
            walker,
        };
        Ok((this, phys))
    }

    /// Gives up ownership to the entry that refers to the table from now on.
    pub(crate) fn into_raw(self) -> NonNull<L2Slots> {
        let this = ManuallyDrop::new(self);
        // SAFETY: The table is read once, because `this` is never dropped.
        unsafe { core::ptr::read(&this.table) }.into_raw().cast()
    }

    /// Takes a table back from an entry.
    ///
    /// # Safety
    ///
    /// `slots` came from [`into_raw`](Self::into_raw) of a table from `tables` for `walker`, lies
    /// at `phys`, and no entry refers to it any more.
    pub(crate) unsafe fn from_raw(
        slots: NonNull<L2Slots>,
        phys: u64,
        tables: &'a L2Tables,
        walker: Walker,
    ) -> Self {
        // INVARIANT: It is still attached, `into_raw` changed nothing about it.
        Self {
            // SAFETY: The caller promises that it is one of these tables.
            table: unsafe { Table::from_raw(tables, slots.cast()) },
            phys,
            walker,
        }
    }
}

impl Drop for L2<'_> {
    fn drop(&mut self) {
        // SAFETY: Attached at this address with this size (invariant).
        unsafe { self.walker.detach(self.phys, size_of::<L2Slots>()) };
    }
}
