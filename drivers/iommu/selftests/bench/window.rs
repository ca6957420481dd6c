// SPDX-License-Identifier: GPL-2.0

//! Timing of calls: many between two reads of the clock.

use kernel::{
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use crate::{
    case::{
        Caller,
        Case,
        Touch, //
    },
    device::PlatformDevice,
    floor,
    provider::Provider,
    stopwatch::{
        mean,
        Stopwatch, //
    },
    tables::{
        Tables, //
        IAS,
    }, //
};

/// Returns the number of calls of a mean.
fn calls(case: &Case) -> usize {
    if case.entries() <= 64 {
        crate::calls()
    } else {
        crate::few_calls()
    }
}

/// Number of means, of which the minimum is taken.
pub(crate) const ROUNDS: usize = 3;
/// Words in the array that stands for tables when the floor is measured; 512 KiB.
const FLOOR_WORDS: usize = 1 << 16;

/// Nanoseconds, which are instructions under an instruction-counting clock.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) map: u64,
    pub(crate) unmap: u64,
    pub(crate) translate: u64,
}

impl Cost {
    pub(crate) const MAX: Self = Self {
        map: u64::MAX,
        unmap: u64::MAX,
        translate: u64::MAX,
    };

    pub(crate) const ZERO: Self = Self {
        map: 0,
        unmap: 0,
        translate: 0,
    };

    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            map: self.map.min(other.map),
            unmap: self.unmap.min(other.unmap),
            translate: self.translate.min(other.translate),
        }
    }
}

/// Measures `case` with tables of `provider`.
pub(crate) fn measure(
    watch: &Stopwatch,
    provider: Provider,
    case: &Case,
    dev: &PlatformDevice,
) -> Result<Cost> {
    let mut cost = Cost::MAX;
    for i in 0..ROUNDS {
        cost = cost.min(round(watch, provider, case, dev, i == 0)?);
    }
    Ok(cost)
}

/// A window of calls, each on addresses of its own.
struct Window<'a> {
    watch: &'a Stopwatch,
    case: &'a Case,
    caller: Caller,
    stride: usize,
    calls: usize,
    /// True if every page is looked at, or the first of each call.
    verify: bool,
}

impl<'a> Window<'a> {
    fn new(watch: &'a Stopwatch, case: &'a Case, verify: bool) -> Self {
        // Each call on a second-level table of its own if it is to make one.
        let stride = match case.touch {
            Touch::First => case.bytes().max(SZ_1M),
            Touch::Hit => case.bytes(),
        };
        Self {
            watch,
            case,
            caller: case.caller(),
            stride,
            calls: calls(case).min((1usize << IAS) / stride),
            verify,
        }
    }

    fn iovas(&self) -> impl Iterator<Item = usize> {
        let stride = self.stride;
        (0..self.calls).map(move |i| i * stride)
    }

    /// Returns the nanoseconds that mapping takes, and true if all pages were mapped.
    fn map(&self, tables: &Tables<'_>) -> (i64, bool) {
        let (pgsize, count) = (self.case.pgsize, self.case.count);
        let mut fine = true;
        let time = self.watch.time(|| {
            for iova in self.iovas() {
                fine &= tables.map(iova, self.caller.paddr(iova), pgsize, count);
            }
        });
        (time, fine)
    }

    /// Returns the nanoseconds of translating the first page of each call, and true if all were
    /// right.
    fn translate(&self, tables: &Tables<'_>) -> (i64, bool) {
        let mut sum = 0u64;
        let time = self.watch.time(|| {
            for iova in self.iovas() {
                sum = sum.wrapping_add(tables.translate(iova));
            }
        });
        (
            time,
            sum == self.iovas().map(|iova| self.caller.paddr(iova)).sum(),
        )
    }

    /// Returns the nanoseconds of unmapping, and true if all pages were unmapped.
    fn unmap(&self, tables: &Tables<'_>) -> (i64, bool) {
        let (pgsize, count) = (self.case.pgsize, self.case.count);
        let mut fine = true;
        let time = self.watch.time(|| {
            for iova in self.iovas() {
                fine &= tables.unmap(iova, pgsize, count);
            }
        });
        (time, fine)
    }

    /// Checks that all pages translate to what `expected` says, to their last byte.
    fn verify(&self, tables: &Tables<'_>, expected: impl Fn(usize) -> u64) -> Result {
        // Checked in the first round only: later ones map the same.
        let pages = if self.verify {
            1..=self.case.count
        } else {
            1..=1
        };
        for start in self.iovas() {
            for iova in pages
                .clone()
                .map(|page| start + page * self.case.pgsize - 1)
            {
                check(tables.translate(iova) == expected(iova))?;
            }
        }
        Ok(())
    }
}

/// One mean of each operation.
fn round(
    watch: &Stopwatch,
    provider: Provider,
    case: &Case,
    dev: &PlatformDevice,
    verify: bool,
) -> Result<Cost> {
    let window = Window::new(watch, case, verify);
    let mut tables = Tables::new(provider, &window.caller, dev)?;
    if case.touch == Touch::Hit {
        // Makes the second-level tables, which stay.
        check(window.map(&tables).1 && window.unmap(&tables).1)?;
    }
    // The cost of the loop and of the call itself.
    let nothing = Tables::nothing(&window.caller, dev);
    let base = [
        window.map(&nothing).0,
        window.translate(&nothing).0,
        window.unmap(&nothing).0,
    ];
    let (mut total, mut calls) = ([0; 3], 0);
    while calls < self::calls(case) {
        if case.touch == Touch::First && calls > 0 {
            tables = Tables::new(provider, &window.caller, dev)?;
        }
        let (map, mapped) = window.map(&tables);
        window.verify(&tables, |iova| window.caller.paddr(iova))?;
        let (translate, translated) = window.translate(&tables);
        let (unmap, unmapped) = window.unmap(&tables);
        window.verify(&tables, |_| 0)?;
        check(mapped && translated && unmapped)?;
        for (total, (time, base)) in total
            .iter_mut()
            .zip([map, translate, unmap].iter().zip(base))
        {
            *total += time - base;
        }
        calls += window.calls;
    }
    let [map, translate, unmap] = total.map(|time| mean(time, calls));
    Ok(Cost {
        map,
        unmap,
        translate,
    })
}

/// Measures making (`map`) and freeing (`unmap`) a set. Both may sleep.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn measure_lifetime(
    watch: &Stopwatch,
    provider: Provider,
    caller: &Caller,
    dev: &PlatformDevice,
) -> Result<Cost> {
    // Sets that are made before the first of them is freed.
    let count = crate::few_calls();
    let mut cost = Cost::MAX;
    for _ in 0..ROUNDS {
        let mut sets = KVec::with_capacity(count, GFP_KERNEL)?;
        let mut fine = true;
        let create = watch.time_preemptible(|| {
            for _ in 0..count {
                fine &= Tables::new(provider, caller, dev)
                    .is_ok_and(|set| sets.push_within_capacity(set).is_ok());
            }
        });
        check(fine)?;
        let destroy = watch.time_preemptible(|| sets.clear());
        cost = cost.min(Cost {
            map: mean(create, count),
            unmap: mean(destroy, count),
            ..Cost::MAX
        });
    }
    Ok(cost)
}

/// Makes sure that calls did what they should.
pub(crate) fn check(fine: bool) -> Result {
    if fine {
        Ok(())
    } else {
        pr_err!("a measured call did not do what it should\n");
        Err(EIO)
    }
}

/// Measures the floor of `case`: the same number of entries in a bare array.
pub(crate) fn measure_floor(watch: &Stopwatch, case: &Case) -> Result<Cost> {
    let mut cost = Cost::MAX;
    for _ in 0..ROUNDS {
        cost = cost.min(floor_round(watch, case)?);
    }
    Ok(cost)
}

fn floor_round(watch: &Stopwatch, case: &Case) -> Result<Cost> {
    let entries = case.entries();
    // Two entries a word; a single entry has a word to itself.
    let words = entries.div_ceil(2);
    let window = self::calls(case).min(FLOOR_WORDS / words);
    let mut array = KVVec::from_elem(0u64, words * window, GFP_KERNEL)?;
    let l1 = KVec::from_elem(floor::L1_ENTRY, floor::L1_ENTRIES, GFP_KERNEL)?;
    let l2 = KVec::from_elem(floor::ENTRY, floor::L2_ENTRIES, GFP_KERNEL)?;
    let (Ok(l1), Ok(l2)) = (l1[..].try_into(), l2[..].try_into()) else {
        return Err(EINVAL);
    };
    let (mut map, mut unmap, mut translate, mut calls) = (0, 0, 0, 0);
    while calls < self::calls(case) {
        let mut fine = true;
        map += watch.time(|| {
            for run in array.chunks_exact_mut(words) {
                fine &= match run {
                    [word] if entries == 1 => floor::map_one(word, floor::ENTRY),
                    run => floor::map(run, floor::ENTRY, SZ_4K as u32),
                };
            }
        });
        let mut sum = 0;
        translate += watch.time(|| {
            for i in 0..window {
                sum += floor::translate(l1, l2, (i * SZ_4K) as u32);
            }
        });
        // Entries of physical page zero.
        fine &= sum == 0;
        unmap += watch.time(|| {
            for run in array.chunks_exact_mut(words) {
                fine &= match run {
                    [word] if entries == 1 => floor::unmap_one(word),
                    run => floor::unmap(run),
                };
            }
        });
        check(fine && array.iter().all(|word| *word == 0))?;
        calls += window;
    }
    Ok(Cost {
        map: mean(map, calls),
        unmap: mean(unmap, calls),
        translate: mean(translate, calls),
    })
}
