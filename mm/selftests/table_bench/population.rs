// SPDX-License-Identifier: GPL-2.0

//! Tables in numbered places, and the loops over them that are timed.
//!
//! The cost of the loops themselves is measured with an allocator that does nothing, and
//! subtracted.

use core::hint::black_box;

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

use crate::stopwatch::Stopwatch;

/// Time of a number of calls.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) time: i64,
    pub(crate) calls: usize,
}

impl Cost {
    pub(crate) fn add(&mut self, other: Self) {
        self.time += other.time;
        self.calls += other.calls;
    }

    /// Returns the lesser, per call.
    pub(crate) fn least(self, other: Self) -> Self {
        let less = other.time * (self.calls as i64) < self.time * (other.calls as i64);
        if self.calls == 0 || other.calls > 0 && less {
            other
        } else {
            self
        }
    }

    /// Subtracts the time per call of another loop.
    fn without(self, other: Self) -> Self {
        let calls = other.calls.max(1) as i64;
        Self {
            time: self.time - (other.time * self.calls as i64 + calls / 2) / calls,
            ..self
        }
    }
}

/// Places for tables.
pub(crate) struct Population<T>(KVVec<Option<T>>);

impl<T> Population<T> {
    pub(crate) fn new(places: usize) -> Result<Self> {
        let mut all = KVVec::with_capacity(places, GFP_KERNEL)?;
        for _ in 0..places {
            all.push(None, GFP_KERNEL)?;
        }
        Ok(Self(all))
    }

    /// The tables and their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(place, table)| Some((place, table.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        let places = self.0.iter_mut().enumerate();
        places.filter_map(|(place, table)| Some((place, table.as_mut()?)))
    }

    /// Places without a table.
    pub(crate) fn empty(&self) -> impl Iterator<Item = usize> + '_ {
        let places = self.0.iter().enumerate();
        places.filter_map(|(place, table)| table.is_none().then_some(place))
    }

    /// Allocates tables for these places.
    #[inline(never)]
    pub(crate) fn fill(
        &mut self,
        watch: &Stopwatch,
        places: &[u32],
        alloc: impl Fn(usize) -> Option<T>,
    ) -> Cost {
        self.time_each(watch, places, |table, place| *table = alloc(place))
    }

    /// Frees the tables in these places.
    #[inline(never)]
    pub(crate) fn free(&mut self, watch: &Stopwatch, places: &[u32]) -> Cost {
        self.time_each(watch, places, |table, _| *table = None)
    }

    /// Frees the table in each of these places and allocates it again; returns the time of both.
    #[inline(never)]
    pub(crate) fn churn(
        &mut self,
        watch: &Stopwatch,
        places: &[u32],
        alloc: impl Fn(usize) -> Option<T>,
    ) -> Cost {
        self.time_each(watch, places, |table, place| {
            *table = None;
            *table = alloc(place);
        })
    }

    /// Returns the time of a loop that calls `change` for each of these places.
    #[inline(always)]
    fn time_each(
        &mut self,
        watch: &Stopwatch,
        places: &[u32],
        change: impl Fn(&mut Option<T>, usize),
    ) -> Cost {
        let time = watch.time(|| {
            for place in places {
                let place = *place as usize;
                change(&mut self.0[place], place);
            }
        });
        Cost {
            time,
            calls: places.len(),
        }
    }

    /// Does so, and returns the time of allocating only: the clock is read before and after each,
    /// at a random phase of its ticks.
    #[inline(never)]
    pub(crate) fn churn_alloc(
        &mut self,
        watch: &Stopwatch,
        places: &[u32],
        alloc: impl Fn(usize) -> Option<T>,
    ) -> Cost {
        let mut time = 0;
        watch.time(|| {
            for place in places {
                let place = *place as usize;
                self.0[place] = None;
                let start = Instant::<Monotonic>::now();
                let table = alloc(place);
                time += start.elapsed().as_nanos();
                self.0[place] = table;
            }
        });
        Cost {
            time,
            calls: places.len(),
        }
    }
}

/// A table of the allocator that does nothing.
struct Blank {
    _words: [core::num::NonZeroUsize; 3],
}

impl Blank {
    #[inline(never)]
    fn new(owner: &usize) -> Option<Self> {
        let word = core::num::NonZeroUsize::new(*owner)?;
        Some(Self {
            _words: black_box([word; 3]),
        })
    }
}

impl Drop for Blank {
    #[inline(never)]
    fn drop(&mut self) {
        black_box(self);
    }
}

/// Returns the times of the loops themselves.
pub(crate) struct LoopCost {
    fill: Cost,
    free: Cost,
    churn: Cost,
    churn_alloc: Cost,
}

impl LoopCost {
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(watch: &Stopwatch) -> Result<Self> {
        const PLACES: u32 = 4096;
        let mut places = KVVec::with_capacity(PLACES as usize, GFP_KERNEL)?;
        for place in 0..PLACES {
            places.push(place, GFP_KERNEL)?;
        }
        let owners = black_box([1usize, 2, 3]);
        let owners = &owners[..];
        let alloc = |place: usize| Blank::new(&owners[place % owners.len()]);
        let mut blanks = Population::new(PLACES as usize)?;
        Ok(Self {
            fill: blanks.fill(watch, &places, alloc),
            churn: blanks.churn(watch, &places, alloc),
            churn_alloc: blanks.churn_alloc(watch, &places, alloc),
            free: blanks.free(watch, &places),
        })
    }

    pub(crate) fn off_fill(&self, cost: Cost) -> Cost {
        cost.without(self.fill)
    }

    pub(crate) fn off_free(&self, cost: Cost) -> Cost {
        cost.without(self.free)
    }

    pub(crate) fn off_churn(&self, cost: Cost) -> Cost {
        cost.without(self.churn)
    }

    pub(crate) fn off_churn_alloc(&self, cost: Cost) -> Cost {
        cost.without(self.churn_alloc)
    }
}
