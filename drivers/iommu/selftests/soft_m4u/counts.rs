// SPDX-License-Identifier: GPL-2.0

//! Counters: `soft_m4u/state` in debugfs.

use kernel::fmt;

macro_rules! counts {
    (
        events { $($(#[$event_doc:meta])* $event:ident,)* }
        errors { $($(#[$error_doc:meta])* $error:ident,)* }
    ) => {
        /// Counters since the module was loaded.
        #[derive(Default)]
        pub(crate) struct Counts {
            $($(#[$event_doc])* pub(crate) $event: u64,)*
            $($(#[$error_doc])* pub(crate) $error: u64,)*
        }

        impl Counts {
            /// Writes a line for each counter, and the sum of the errors.
            pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{} {}", stringify!($event), self.$event)?;)*
                $(writeln!(f, "{} {}", stringify!($error), self.$error)?;)*
                writeln!(f, "errors {}", self.errors())
            }

            /// Errors, which must be zero.
            pub(crate) fn errors(&self) -> u64 {
                0 $(+ self.$error)*
            }
        }
    };
}

counts! {
    events {
        /// Bytes moved for devices.
        bytes,
        /// TLB hits.
        hits,
        /// TLB misses.
        misses,
        /// Misses with a cached first-level entry.
        walk_hits,
        /// Invalidations of a range by the driver.
        range_invalidations,
        /// Invalidations of all.
        full_invalidations,
        /// Invalidations that were acknowledged only (parameter `ignore_every`).
        ignored,
        /// Translations removed from the TLB by invalidations.
        dropped,
        /// Stale translations among them, which would be errors without the invalidation.
        dropped_in_time,
        /// Second-level tables that were no longer in their place when the walker was told to
        /// forget all that they map. The driver leaves that open, since it hears of an unmapping
        /// only when it is done; a walker that fetched ahead would mind.
        taken_first,
        /// Faults: accesses to addresses that are not mapped.
        faults,
        /// Faults with an interrupt to the driver.
        interrupts,
    }
    errors {
        /// A stale translation was used.
        stale_translations,
        /// A stale first-level entry was used.
        stale_walks,
        /// A second-level table was no longer in its place when the walker was told to forget a
        /// part of what it maps.
        taken_early,
        /// An invalid entry, or a table or page that is not in memory.
        malformed,
        /// [`check`](crate::check) found a stale cached item.
        left_behind,
    }
}
