// SPDX-License-Identifier: GPL-2.0

//! Looking at tables that somebody else may be changing.
//!
//! Those who map and unmap have their input addresses to themselves and so know that no table goes
//! which they use. A reader has nothing to itself: entries may change while it looks, which slots
//! are made for, and a second-level table may be freed.
//!
//! Tables go rarely, and reading is for people. So each set has a lock that mapping and unmapping
//! never touch. A reader holds it from reading one first-level entry until it has copied the table
//! that the entry refers to. Whoever frees a table, or keeps it for another section
//! ([`aside`](crate::aside)), takes and releases the lock in between: after the first-level entry
//! was overwritten, before the memory goes ([`Readers::wait`]). The one critical section comes
//! either before or after the other:
//!
//! - the reader's first: its last look at the table comes before its release of the lock, that
//!   before the acquisition by the one who frees, and that before the table is freed;
//! - the reader's second: the entry was overwritten before the lock was released, and is read
//!   after it was acquired. The reader sees what was written there, or something newer: a table
//!   that was installed since and is not freed before the lock was passed once more.
//!
//! `v7s-free` in Documentation/iommu/litmus puts this to the kernel's memory model.
//!
//! Interrupts are off under the lock, because drivers unmap in any context; it is held for the time
//! it takes to copy a table of 256 entries. Where spin locks sleep (PREEMPT_RT), so may those of
//! the allocator, which the table goes to next.

use crate::{
    entry::{
        self,
        Leaf,
        Section,
        INVALID,
        L2_ENTRIES, //
    },
    pgtable::{
        l2_index,
        IoPgtableArmV7s, //
    },
    slots::Slot, //
};
use kernel::{
    prelude::*,
    sync::static_lock_class, //
};
use slab_rust::slab::IrqLock;

/// Those who look at a set's tables without having them to themselves.
pub(crate) struct Readers(Pin<KBox<IrqLock<()>>>);

impl Readers {
    /// None yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(KBox::pin_init(
            IrqLock::new((), c"v7s_readers", static_lock_class!()),
            GFP_KERNEL,
        )?))
    }

    /// Calls `look`, which must be quick, while no table goes.
    pub(crate) fn with<R>(&self, look: impl FnOnce() -> R) -> R {
        self.0.with(|()| look())
    }

    /// Waits for those that may still look at a table to which no entry refers any more.
    pub(crate) fn wait(&self) {
        self.with(|| ());
    }
}

/// A copy of the entries for 1 MiB of input addresses, from one moment as far as first-level entry
/// and table go: entries of a table are copied one after the other.
#[derive(Zeroable)]
pub(crate) struct Snapshot {
    /// The first-level entry.
    pub(crate) l1: u32,
    /// The table that it refers to; nothing if it does not.
    pub(crate) l2: [u32; L2_ENTRIES],
}

impl IoPgtableArmV7s {
    /// Copies the entries for the `mib`th MiB of input addresses, invalid ones beyond the last.
    pub(crate) fn snapshot(&self, mib: usize, to: &mut Snapshot) {
        let copy = || {
            let raw = self.l1().get(mib).map_or(INVALID, Slot::load);
            to.l1 = raw;
            if entry::is_table(raw) {
                // SAFETY: Read from this set, and who removes the table waits for us first.
                let l2 = unsafe { self.l2(raw) };
                for (to, slot) in to.l2.iter_mut().zip(l2) {
                    *to = slot.load();
                }
            }
        };
        self.readers().with(copy);
    }

    /// Writes the entries that a walk for `iova` meets to `ptes`, each at the number of its level:
    /// 1 and 2. [`EINVAL`] if nothing is mapped there; entries up to that point are written.
    ///
    /// May be called whatever others do.
    pub(crate) fn walk(&self, iova: usize, ptes: &mut [u64; 4]) -> Result {
        let slot = self.l1().get(iova >> Section::SHIFT).ok_or(EINVAL)?;
        let look = || {
            let l1 = slot.load();
            let table = entry::is_table(l1);
            // SAFETY: Read from this set, and who removes the table waits for us first.
            let l2 = table.then(|| unsafe { self.l2(l1) }[l2_index(iova)].load());
            (l1, l2)
        };
        let (l1, l2) = self.readers().with(look);
        ptes[1] = l1.into();
        let mapping = match l2 {
            Some(l2) => {
                ptes[2] = l2.into();
                entry::decode_l2(l2, self.cfg().mtk_ext())
            }
            None => entry::decode_l1(l1, self.cfg().mtk_ext()),
        };
        mapping.map(|_| ()).ok_or(EINVAL)
    }
}
