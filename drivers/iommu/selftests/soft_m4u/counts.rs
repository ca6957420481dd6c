// SPDX-License-Identifier: GPL-2.0

//! Counters for people and tests: `soft_m4u/state` in debugfs.

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
            /// One a line: name and number, and the sum of the errors.
            pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{} {}", stringify!($event), self.$event)?;)*
                $(writeln!(f, "{} {}", stringify!($error), self.$error)?;)*
                writeln!(f, "errors {}", self.errors())
            }

            /// All that must not be.
            pub(crate) fn errors(&self) -> u64 {
                0 $(+ self.$error)*
            }
        }
    };
}

counts! {
    events {
        /// Bytes that devices had moved.
        bytes,
        /// Translations that the TLB had.
        hits,
        /// Translations that it had not.
        misses,
        /// Misses that could go on from a remembered second-level table.
        walk_hits,
        /// Invalidations of a range, as the driver asked for them.
        range_invalidations,
        /// Invalidations of everything.
        full_invalidations,
        /// Invalidations that were acknowledged only (parameter `ignore_every`).
        ignored,
        /// Translations that left the TLB by an invalidation.
        dropped,
        /// Stale ones among them: without the invalidation they would be errors.
        dropped_in_time,
        /// Second-level tables that were no longer in their place when the walker was told to
        /// forget all that they map. The driver leaves that open, since it hears of an unmapping
        /// only when it is done; a walker that fetched ahead would mind.
        taken_first,
        /// Accesses to addresses that are not mapped.
        faults,
        /// Faults that the driver was interrupted for.
        interrupts,
    }
    errors {
        /// A translation was used that was no longer so.
        stale_translations,
        /// A second-level table was used that is no longer in its place.
        stale_walks,
        /// A second-level table was no longer in its place when the walker was told to forget a
        /// part of what it maps.
        taken_early,
        /// An entry that nobody should write, or a table or page that is not in memory.
        malformed,
        /// [`check`](crate::check) found something remembered that is no longer so.
        left_behind,
    }
}
