// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: pages for the first level, for the second level whatever
//! [`caches`] chose; both where the walker's pointers reach.

use crate::{
    addr::TablePhys,
    caches::{
        self,
        L2Tables, //
    },
    config::Config,
    entry::L2_ENTRIES,
    report,
    slots::Slot,
    walker::Walker, //
};
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
use slab_rust::{
    page_table::{
        Table,
        TableAllocator,
        TableSource, //
    },
    slab::Gfp, //
};

/// A first-level table: a naturally aligned run of pages.
///
/// # Invariants
///
/// `slots` is a table of `pages`, which holds at least `entries` slots, belongs to this value and
/// is attached to `walker` at `phys`.
pub(crate) struct L1 {
    slots: NonNull<Slot>,
    entries: usize,
    pages: TableAllocator,
    phys: TablePhys,
    walker: Walker,
}

impl L1 {
    /// Allocates an empty table for `cfg`; may sleep.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        let entries = cfg.l1_entries();
        let size = entries * size_of::<Slot>();
        let pages = TableAllocator::new(
            TableSource::Page,
            size.next_power_of_two().max(PAGE_SIZE),
            caches::zone(cfg),
        )?;
        let table = pages
            .alloc(Gfp::KERNEL.no_warn())
            .inspect_err(|_| report::no_memory(Gfp::KERNEL, "first-level"))?;
        let phys = TablePhys::new(table.phys(), size, cfg)?;
        // SAFETY: A table has `size` bytes in the linear map.
        unsafe {
            cfg.walker()
                .attach(table.as_ptr().cast(), table.phys(), size)?
        };
        let slots = table.into_raw().cast();
        // INVARIANT: Just attached. Zeroes are a table of invalid entries.
        Ok(Self {
            slots,
            entries,
            pages,
            phys,
            walker: cfg.walker(),
        })
    }

    /// Where the walker finds it.
    pub(crate) fn phys(&self) -> TablePhys {
        self.phys
    }

    /// The memory it takes: whole pages.
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
        // SAFETY: The table is ours and attached with these arguments (invariant), and whoever
        // drops it promises that the walker no longer uses it.
        unsafe {
            self.walker
                .detach(self.phys.as_u64(), size_of::<Slot>() * self.entries);
            drop(Table::from_raw(&self.pages, self.slots.cast()));
        }
    }
}

/// The content of a second-level table, which must be aligned to its size.
#[repr(C, align(1024))]
pub(crate) struct L2Slots(pub(crate) [Slot; L2_ENTRIES]);

// SAFETY: Zeroes are invalid entries.
unsafe impl Zeroable for L2Slots {}

/// A second-level table that no entry refers to: not yet, or no longer.
///
/// # Invariants
///
/// The table is as large as [`L2Slots`], and attached to `walker` at its physical address.
pub(crate) struct L2<'a> {
    table: Table<'a>,
    walker: Walker,
}

impl<'a> L2<'a> {
    /// Allocates an empty table for `cfg` and says where it is; sleeps only if `gfp` allows it.
    pub(crate) fn new(cfg: &Config, tables: &'a L2Tables, gfp: Gfp) -> Result<(Self, TablePhys)> {
        let table = tables.alloc(gfp)?;
        let phys = TablePhys::new(table.phys(), size_of::<L2Slots>(), cfg)?;
        let walker = cfg.walker();
        // SAFETY: A table has so many bytes in the linear map.
        unsafe { walker.attach(table.as_ptr().cast(), phys.as_u64(), size_of::<L2Slots>())? };
        // INVARIANT: Just attached.
        Ok((Self { table, walker }, phys))
    }

    /// Gives the table into the care of the entry that refers to it from now on.
    pub(crate) fn into_raw(self) -> NonNull<L2Slots> {
        let this = ManuallyDrop::new(self);
        // SAFETY: The table is read once, because `this` is never dropped.
        unsafe { core::ptr::read(&this.table) }.into_raw().cast()
    }

    /// Takes a table back from an entry.
    ///
    /// # Safety
    ///
    /// `slots` came from [`into_raw`](Self::into_raw) of a table from `tables` for `walker`, and no
    /// entry refers to it any more.
    pub(crate) unsafe fn from_raw(
        slots: NonNull<L2Slots>,
        tables: &'a L2Tables,
        walker: Walker,
    ) -> Self {
        // INVARIANT: It is still attached, `into_raw` changed nothing about it.
        Self {
            // SAFETY: By the function's requirements it is one of these tables.
            table: unsafe { Table::from_raw(tables, slots.cast()) },
            walker,
        }
    }
}

impl Drop for L2<'_> {
    fn drop(&mut self) {
        // SAFETY: Attached at this address with this size (invariant).
        unsafe { self.walker.detach(self.table.phys(), size_of::<L2Slots>()) };
    }
}
