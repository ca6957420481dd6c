// SPDX-License-Identifier: GPL-2.0

//! The lock that keeps second-level tables while debugfs reads them.
//!
//! A caller that maps or unmaps has its input addresses to itself, so that a table it uses is not
//! freed. A reader has no addresses to itself: entries may change while it reads, which slots
//! allow, and a second-level table may be freed.
//!
//! Tables are freed rarely, and read rarely. So each set has a lock that mapping and unmapping do
//! not take as long as no table is freed. A reader holds it from reading one first-level entry
//! until it has copied the table that the entry refers to. The caller that frees or retires a table
//! takes and releases the lock in between: after the first-level entry was overwritten, before the
//! memory is used for anything else. The one critical section comes either before or after the
//! other:
//!
//! - the reader's first: its last load from the table comes before its release of the lock, which
//!   comes before the acquisition by the caller that frees, and that before the table is freed;
//! - the reader's second: the entry was overwritten before the lock was released, and is read
//!   after it was acquired. The reader sees what was written there, or something newer: a table
//!   that was installed since and is not freed before the lock was taken once more.
//!
//! Documentation/iommu/litmus/v7s-free.litmus checks this with the kernel's memory model.
//!
//! The lock protects the stack of [`Retired`] tables as well, so that retiring one takes it once.
//! Interrupts are off under it, because drivers unmap in any context; it is held for at most the
//! time that copying a table of 256 entries takes. Where spin locks sleep (PREEMPT_RT), so may the
//! locks of the allocator that a freed table goes to.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        static_lock_class, //
    }, //
};

use crate::{
    memory::retired::Retired,
    SpinLockIrq, //
};

/// The lock of a set that readers take, and the tables that it protects.
pub(crate) struct Readers {
    retired: Pin<KBox<SpinLockIrq<Retired>>>,
    /// Number of tables in `retired`; written under the lock.
    count: Atomic<usize>,
}

impl Readers {
    /// Makes a lock with no retired tables.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            retired: KBox::pin_init(
                SpinLockIrq::new(Retired::new(), c"v7s_readers", static_lock_class!()),
                GFP_KERNEL,
            )?,
            count: Atomic::new(0),
        })
    }

    /// Calls `look`, which must be quick, while no table is freed or retired.
    pub(crate) fn with<R>(&self, look: impl FnOnce() -> R) -> R {
        let _guard = self.retired.lock();
        look()
    }

    /// Waits for readers of a table to which no entry refers any more.
    pub(crate) fn wait(&self) {
        self.with(|| ());
    }

    /// Calls `change` with the retired tables, when no reader is left of a table to which no entry
    /// refers any more.
    pub(crate) fn with_retired<R>(&self, change: impl FnOnce(&mut Retired) -> R) -> R {
        let mut retired = self.retired.lock();
        let result = change(&mut retired);
        self.count.store(retired.count(), Relaxed);
        result
    }

    /// Returns the number of retired tables, without taking the lock.
    pub(crate) fn retired(&self) -> usize {
        self.count.load(Relaxed)
    }
}
