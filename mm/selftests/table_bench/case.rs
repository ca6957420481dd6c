// SPDX-License-Identifier: GPL-2.0

//! What is done with an allocator.

/// What happens to the tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// All are allocated.
    Grow,
    /// All are allocated, and nine of ten freed at random.
    Shrink,
    /// All are allocated; then one of them after the other is freed, at random, and another one
    /// allocated for it.
    Churn,
    /// Those are freed that leave a table on each piece that the system gave, and others allocated
    /// for them, as long as that makes the allocator take more.
    Worst,
}

impl Workload {
    const ALL: [Self; 4] = [Self::Grow, Self::Shrink, Self::Churn, Self::Worst];

    /// As the results say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::Churn => "churn",
            Self::Worst => "worst",
        }
    }
}

/// One combination.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    /// Tables in use when there are most.
    pub(crate) tables: usize,
    /// Table sets that they belong to, in turn.
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
    /// Times that a case is repeated, with an allocator that was just made. Chance needs more than
    /// the clock.
    pub(crate) fn rounds(&self) -> u64 {
        let tables = match self.workload {
            Workload::Shrink => 16384,
            _ => 1024,
        };
        (tables / self.tables as u64).clamp(3, 16)
    }

    /// Tables that nine of ten leave.
    pub(crate) fn survivors(&self) -> usize {
        self.tables - self.tables * 9 / 10
    }
}
