// SPDX-License-Identifier: GPL-2.0

//! Second-level tables that a walker may still know.
//!
//! A table that a section takes the place of, or that is unmapped with all it maps, is to go. A
//! walker that remembers where it was reads it until the driver has made it forget, and takes for
//! entries whatever the memory is used for by then. A driver with a `tlb_flush_walk` callback makes
//! it forget when we say so. One without does so when it sees fit (mtk_iommu, when the mapping or
//! unmapping that we are part of is all done), and does not say when that is.
//!
//! Under such a driver, tables are emptied and kept: whoever comes late finds invalid entries.
//! A set that needs a table takes one of those it has. It then maps what the same walker may
//! reach anyway. The rest goes with the set, so that a set never has more tables than it once
//! needed at a time.

use crate::{
    entry::{
        self,
        INVALID, //
    },
    pgtable::IoPgtableArmV7s,
    slots::{
        clear,
        Slot, //
    }, //
};
use kernel::{
    prelude::*,
    sync::static_lock_class, //
};
use slab_rust::slab::IrqLock;

/// The kept tables of a set, as a stack.
///
/// # Invariants
///
/// `top` is the entry for the last of as many tables as `count` says, or invalid if there is none.
/// The first slot of each table but the first that came refers to the one before it. No entry of
/// the first level refers to any of them, and all their entries are invalid: a reference is an
/// entry for a table with the kind taken out. `top` is written under the lock.
pub(crate) struct Aside {
    top: Slot,
    count: Pin<KBox<IrqLock<usize>>>,
}

impl Aside {
    /// None yet.
    pub(crate) fn new() -> Result<Self> {
        // INVARIANT: No tables, and no entry.
        Ok(Self {
            top: Slot::new(),
            count: KBox::pin_init(
                IrqLock::new(0, c"v7s_aside", static_lock_class!()),
                GFP_KERNEL,
            )?,
        })
    }

    /// How many tables are kept.
    pub(crate) fn count(&self) -> usize {
        self.count.with(|count| *count)
    }
}

impl IoPgtableArmV7s {
    /// Empties and keeps the second-level table that an entry referred to.
    ///
    /// # Safety
    ///
    /// `table_entry` was a table entry of this set, has been overwritten since, and its owner is
    /// the caller.
    pub(crate) unsafe fn set_aside(&self, table_entry: u32) {
        // SAFETY: The table is the caller's, and of this set.
        let l2 = unsafe { self.l2(table_entry) };
        clear(l2);
        self.cfg().walker().sync(l2);
        let aside = self.aside();
        aside.count.with(|count| {
            if *count > 0 {
                l2[0].store(entry::hide_table(aside.top.load()));
            }
            // INVARIANT: The table is empty, and refers to the one before it.
            aside.top.store(table_entry);
            *count += 1;
        });
    }

    /// Takes an empty table of those that are kept and returns the entry for it, which the caller
    /// owns.
    pub(crate) fn take_aside(&self) -> Option<u32> {
        let aside = self.aside();
        // Most sets never keep one, and need not take the lock to see that.
        if aside.top.load() == INVALID {
            return None;
        }
        aside.count.with(|count| {
            *count = count.checked_sub(1)?;
            let table_entry = aside.top.load();
            // SAFETY: A table of this set, which is kept until it is taken, under the lock (type
            // invariant).
            let first = unsafe { &self.l2(table_entry)[0] };
            // INVARIANT: The first that came refers to none.
            aside.top.store(if *count > 0 {
                entry::show_table(first.load())
            } else {
                INVALID
            });
            first.store(INVALID);
            Some(table_entry)
        })
    }
}
