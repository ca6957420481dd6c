// SPDX-License-Identifier: GPL-2.0

//! Counters of a run, and their report.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Returns what it was before.
    pub fn add(&self, number: u64) -> u64 {
        self.0.fetch_add(number, Ordering::Relaxed)
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of a run.
        #[derive(Default)]
        pub struct Counts {
            $($(#[$doc])* pub $name: Count,)*
        }

        impl fmt::Display for Counts {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, concat!(stringify!($name), " {}"), self.$name.get())?;)*
                Ok(())
            }
        }
    };
}

counts! {
    /// Translations for requests of the driver, each of at most one page.
    translations,
    /// Walks of the tables, for these, for rogue accesses, and at invalidations.
    walks,
    /// Walks for the driver that ended at a page of this size.
    pages_4k,
    pages_64k,
    pages_1m,
    pages_16m,
    /// Walks for the driver that ended in memory above 4 GiB.
    above_4g,
    /// Walks for the driver whose output address equals the input address.
    identity,
    /// Faults.
    faults,
    /// Faults because of a malformed entry.
    malformed,
    /// Faults because of a table that is not in memory below 4 GiB.
    misplaced,
    /// Fault interrupts.
    fault_interrupts,
    /// Invalidations of a range of addresses, and of everything.
    range_invalidations,
    full_invalidations,
    /// Invalidations that may have timed out in the driver.
    late_invalidations,
    /// Pages that were used and then invalidated as a range, and those still mapped by the tables.
    freed_pages,
    freed_mapped,
    /// Requests of the block driver by kind, and those that failed.
    reads,
    writes,
    flushes,
    failed_requests,
    bytes_read,
    bytes_written,
    /// Accesses that no driver asked for, those that found what another buffer has mapped, and
    /// those that reached memory where nothing is mapped.
    rogue_accesses,
    rogue_translations,
    rogue_hits,
    /// Bytes that the driver read and wrote from the first of these accesses to the last.
    rogue_meanwhile,
}
