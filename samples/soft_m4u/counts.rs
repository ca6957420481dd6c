// SPDX-License-Identifier: GPL-2.0

//! What has happened so far, for people and tests: `soft_m4u/state` in debugfs.

use kernel::fmt;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the module was loaded.
        #[derive(Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl Counts {
            /// One a line: name and number.
            pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{} {}", stringify!($name), self.$name)?;)*
                Ok(())
            }
        }
    };
}

counts! {
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
    /// Those among them that were no longer so: without the invalidation they would be errors.
    dropped_in_time,
    /// Second-level tables that were no longer in their place when the walker was told to forget
    /// them. The driver leaves that open, since it hears of an unmapping only when it is done; a
    /// walker that fetched ahead would mind.
    taken_first,
    /// Accesses to addresses that are not mapped.
    faults,
    /// Faults that the driver was interrupted for.
    interrupts,
    /// Error: a translation was used that was no longer so.
    stale_translations,
    /// Error: a second-level table was used that is no longer in its place.
    stale_walks,
    /// Error: an entry that nobody should write, or a table or page that is not in memory.
    malformed,
    /// Error: [`check`](crate::check) found something remembered that is no longer so.
    left_behind,
}

impl Counts {
    /// All that must not be.
    pub(crate) fn errors(&self) -> u64 {
        self.stale_translations + self.stale_walks + self.malformed + self.left_behind
    }
}
