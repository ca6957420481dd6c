// SPDX-License-Identifier: GPL-2.0

//! Time by the guest's clock.

use kernel::time::{
    Instant,
    Monotonic, //
};

// In stopwatch.c.
extern "C" {
    fn bench_irq_save() -> usize;
    fn bench_irq_restore(flags: usize);
}

/// A stopwatch that subtracts the cost of reading the clock.
pub(crate) struct Stopwatch {
    overhead: i64,
}

impl Stopwatch {
    pub(crate) fn new() -> Self {
        let mut this = Self { overhead: 0 };
        this.overhead = (0..1000).map(|_| this.time(|| ())).min().unwrap_or(0);
        this
    }

    /// Returns the nanoseconds that `f` takes, with interrupts off.
    #[inline(always)]
    pub(crate) fn time(&self, f: impl FnOnce()) -> i64 {
        // SAFETY: Paired with the call below.
        let flags = unsafe { bench_irq_save() };
        let elapsed = self.time_preemptible(f);
        // SAFETY: From the call above.
        unsafe { bench_irq_restore(flags) };
        elapsed
    }

    /// Returns the nanoseconds that `f` takes, which may sleep; timer interrupts count.
    #[inline(always)]
    pub(crate) fn time_preemptible(&self, f: impl FnOnce()) -> i64 {
        let start = Instant::<Monotonic>::now();
        f();
        start.elapsed().as_nanos() - self.overhead
    }
}

/// Returns the mean over a number of calls, rounded to the nearest integer.
pub(crate) fn mean(total: i64, calls: usize) -> u64 {
    let calls = calls as i64;
    u64::try_from((total + calls / 2) / calls).unwrap_or(0)
}
