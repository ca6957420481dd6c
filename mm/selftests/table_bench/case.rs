// SPDX-License-Identifier: GPL-2.0

//! The measured cases.

/// A workload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// All tables are allocated.
    Grow,
    /// All tables are allocated, and nine of ten freed at random.
    Shrink,
    /// All tables are allocated; then, one after the other, a random table is freed and another one
    /// allocated.
    Churn,
    /// All tables but one on each block of pages are freed and allocated again, as long as the
    /// allocator takes more memory each time.
    Worst,
}

impl Workload {
    const ALL: [Self; 4] = [Self::Grow, Self::Shrink, Self::Churn, Self::Worst];

    /// Returns the name in the results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::Churn => "churn",
            Self::Worst => "worst",
        }
    }
}

/// A combination of workload, number of tables and number of table sets.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    /// Maximum number of tables in use.
    pub(crate) tables: usize,
    /// Number of table sets that tables belong to, in turn.
    pub(crate) owners: usize,
}

/// Among them one that is no power of two, and an odd number of pages.
const TABLES: [usize; 8] = [1, 4, 16, 64, 100, 256, 1024, 4096];
const OWNERS: [usize; 3] = [1, 8, 64];

/// All cases, in the order in which they are measured and reported.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    Workload::ALL.into_iter().flat_map(|workload| {
        OWNERS.into_iter().flat_map(move |owners| {
            TABLES
                .into_iter()
                .filter(move |tables| *tables >= owners)
                .map(move |tables| Case {
                    workload,
                    tables,
                    owners,
                })
        })
    })
}

impl Case {
    /// Returns the number of rounds, each with a new allocator: more where chance matters.
    pub(crate) fn rounds(&self) -> u64 {
        let tables = match self.workload {
            Workload::Shrink => 16384,
            _ => 1024,
        };
        (tables / self.tables as u64).clamp(3, 16)
    }

    /// Returns a tenth of the tables.
    pub(crate) fn survivors(&self) -> usize {
        self.tables - self.tables * 9 / 10
    }
}
