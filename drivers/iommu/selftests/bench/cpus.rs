// SPDX-License-Identifier: GPL-2.0

//! Several CPUs at once, each on pages of its own that lie in tables shared with all others.
//!
//! A guest emulated on two host CPUs has no meaningful times. Measured is the number of
//! instructions that all CPUs together need for each call, waiting and retries included: a clock
//! that counts instructions counts the instructions of all CPUs.

use kernel::{
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use crate::{
    case::{
        Case,
        Touch, //
    },
    device::PlatformDevice,
    provider::Provider,
    row::Row,
    stopwatch::mean,
    tables::{
        self,
        Tables, //
    }, //
};

// In helpers.c.
extern "C" {
    fn v7s_bench_on_cpus(
        cpus: c_uint,
        run: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
    ) -> c_uint;
    fn v7s_bench_online_cpus() -> c_uint;
}

/// Calls of each CPU: so many that other work of the guest does not count.
const CALLS: usize = 32768;
/// Number of measurements, of which the minimum is taken.
const ROUNDS: usize = 3;
/// Pages of one second-level table.
const PAGES: usize = SZ_1M / SZ_4K;

/// The data of one phase of one operation, for all CPUs.
struct Phase<'a> {
    tables: &'a Tables<'a>,
    unmap: bool,
    cpus: usize,
    arrived: Atomic<u32>,
    ready: Atomic<u32>,
    done: Atomic<u32>,
    failed: Atomic<u32>,
    start: Atomic<i64>,
    end: Atomic<i64>,
    epoch: Instant<Monotonic>,
}

impl Phase<'_> {
    /// The share of one CPU.
    fn run(&self) {
        let me = self.arrived.fetch_add(1, Full) as usize;
        // The last CPU to arrive reads the clock before any CPU starts.
        if me + 1 == self.cpus {
            self.start.store(self.now(), Relaxed);
            self.ready.store(1, Release);
        }
        while self.ready.load(Acquire) == 0 {
            core::hint::spin_loop();
        }
        for i in 0..CALLS {
            // Neighbours in a table belong to different CPUs.
            let page = i * self.cpus + me;
            let iova = page / PAGES * SZ_1M + page % PAGES * SZ_4K;
            let fine = if self.unmap {
                self.tables.unmap(iova, SZ_4K, 1)
            } else {
                self.tables.map(iova, iova as u64, SZ_4K, 1)
            };
            if !fine {
                self.failed.fetch_add(1, Full);
            }
        }
        if self.done.fetch_add(1, Full) as usize + 1 == self.cpus {
            self.end.store(self.now(), Relaxed);
        }
    }

    fn now(&self) -> i64 {
        self.epoch.elapsed().as_nanos()
    }
}

/// # Safety
///
/// `data` is a [`Phase`].
unsafe extern "C" fn run(data: *mut c_void) {
    // SAFETY: The caller passes a live `Phase` as `data`.
    unsafe { &*data.cast::<Phase<'_>>() }.run();
}

/// Instructions per call when `cpus` CPUs call at the same time.
fn phase(tables: &Tables<'_>, cpus: usize, unmap: bool) -> Result<u64> {
    let phase = Phase {
        tables,
        unmap,
        cpus,
        arrived: Atomic::new(0),
        ready: Atomic::new(0),
        done: Atomic::new(0),
        failed: Atomic::new(0),
        start: Atomic::new(0),
        end: Atomic::new(0),
        epoch: Instant::now(),
    };
    // SAFETY: The call returns when all CPUs have returned from `run`, and `phase` may be shared.
    let ran =
        unsafe { v7s_bench_on_cpus(cpus as c_uint, run, (&raw const phase).cast_mut().cast()) };
    if ran as usize != cpus || phase.failed.load(Relaxed) != 0 {
        pr_err!("a measured call did not do what it should\n");
        return Err(EIO);
    }
    Ok(mean(
        phase.end.load(Relaxed) - phase.start.load(Relaxed),
        cpus * CALLS,
    ))
}

/// First touch, unmap, and map again; the least of several rounds.
fn costs(provider: Provider, cpus: usize, dev: &PlatformDevice) -> Result<[u64; 3]> {
    let mut least = [u64::MAX; 3];
    for _ in 0..ROUNDS {
        let tables = Tables::new(provider, &Case::COMMON, dev)?;
        for (least, unmap) in least.iter_mut().zip([false, true, false]) {
            *least = phase(&tables, cpus, unmap)?.min(*least);
        }
    }
    Ok(least)
}

/// Measures one, two, four and eight CPUs, if the machine has them.
pub(crate) fn measure() -> Result<KVec<Row>> {
    let dev = tables::device()?;
    let mut rows = KVec::new();
    // Waits for the end of the boot: other work of all CPUs is counted.
    fsleep(Delta::from_secs(5));
    // SAFETY: Only reads a number.
    let online = unsafe { v7s_bench_online_cpus() } as usize;
    for cpus in [1, 2, 4, 8].into_iter().filter(|cpus| *cpus <= online) {
        let rust = costs(Provider::Rust, cpus, &dev)?;
        let c = costs(Provider::C, cpus, &dev)?;
        let first = Case {
            touch: Touch::First,
            ..Case::COMMON
        };
        let cases = [
            ("map", first),
            ("unmap", Case::COMMON),
            ("map", Case::COMMON),
        ];
        for (i, (op, case)) in cases.iter().enumerate() {
            rows.push(
                Row::of(op, case, rust[i], c[i])
                    .through("shared tables")
                    .cpus(cpus as u32),
                GFP_KERNEL,
            )?;
        }
    }
    Ok(rows)
}
