// SPDX-License-Identifier: GPL-2.0

//! v7s_stress: one table set, many callers.
//!
//! Threads on all CPUs, and timers that interrupt them, map, unmap and translate in one set that
//! they share; each keeps a model of its mappings, and compares every return value, every
//! translation, and every walk through the memory that the walker sees with it. Runs when loaded,
//! and leaves its results as KTAP in `v7s_stress/results` of debugfs. Load
//! `io_pgtable_arm_v7s_rust` first.
//!
//! Raced on purpose:
//!
//! - the install of a second-level table: in each round all threads map in the same sections, which
//!   have no table yet, in the same order; the interrupts of a CPU map in the section that its
//!   thread has reached ([`race`]);
//! - entries of different callers in one table, and in one aligned word of it ([`zones`]);
//! - first-level entries of different callers side by side: sections and supersections that replace
//!   empty tables, and tables that are unmapped with their content: both free memory that the next
//!   table may get;
//! - callers that may sleep, that hold a spin lock, and in hard and soft interrupts ([`timer`]);
//! - cache maintenance for a walker that does not snoop, checked in a model of its memory
//!   ([`memory`]);
//! - readers of debugfs, and attempts to unload the format, which the test makes meanwhile.
//!
//! Not raced: two calls that concern the same input addresses, which the interface forbids. Each
//! caller has addresses of its own ([`zones`]); calls for the addresses of all are made in the rest
//! between two rounds, by one caller.
//!
//! The same seed makes the same calls in each context; their timing is up to the machine.

mod actor;
#[path = "../lib/device.rs"]
mod device;
mod memory;
mod model;
#[path = "../lib/memory.rs"]
mod physical;
mod race;
#[path = "../../../../mm/selftests/lib/random.rs"]
mod random;
mod set;
mod tables;
mod thread;
mod timer;
mod try_lock;
mod walk;
mod zones;

use kernel::{
    bindings,
    debugfs,
    fmt,
    prelude::*, //
};

use slab_rust::compat::parameter;

use race::{
    Outcome,
    THREADS_MAX, //
};
use tables::Setup;

module! {
    type: Stress,
    name: "v7s_stress",
    authors: ["v7s-rs developers"],
    description: "Test: many callers of one ARMv7 short-descriptor table set",
    license: "GPL",
    params: {
        threads: u32 {
            default: 8,
            description: "threads, each with two timers",
        },
        calls: u64 {
            default: 200000,
            description: "calls to make at least, in all",
        },
        seed: u64 {
            default: 0,
            description: "what random numbers begin with; 0: anything",
        },
    },
}

#[pin_data]
struct Stress {
    #[pin]
    _results: debugfs::File<Results>,
}

impl kernel::InPlaceModule for Stress {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"v7s_stress");
        pin_init::pin_init_scope(move || {
            let results = Results::new()?;
            Ok(try_pin_init!(Self {
                _results <- dir.read_only_file(c"results", results),
            }? Error))
        })
    }
}

/// The results of all races.
struct Results {
    seed: u64,
    outcomes: KVec<Outcome>,
}

impl Results {
    /// Runs all races.
    fn new() -> Result<Self> {
        let threads = parameter(&module_parameters::threads) as usize;
        if !(1..=THREADS_MAX).contains(&threads) {
            pr_err!("threads={threads}: it is 1 to {THREADS_MAX}\n");
            return Err(EINVAL);
        }
        let seed = match parameter(&module_parameters::seed) {
            // SAFETY: May sleep, as module init may.
            0 => unsafe { bindings::get_random_u64() },
            seed => seed,
        };
        let calls = parameter(&module_parameters::calls) / Setup::ALL.len() as u64;
        pr_info!("seed={seed}\n");
        let mut outcomes = KVec::new();
        for setup in Setup::ALL {
            // A different seed for each race.
            let seed = seed.wrapping_add(outcomes.len() as u64);
            outcomes.push(race::race(setup, threads, calls, seed)?, GFP_KERNEL)?;
        }
        for outcome in &outcomes {
            if let Some(wrong) = &outcome.wrong {
                pr_err!("{}: {wrong}\n", outcome.setup.name);
            }
        }
        Ok(Self { seed, outcomes })
    }
}

impl debugfs::Writer for Results {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "KTAP version 1\n1..{}", self.outcomes.len())?;
        writeln!(f, "# seed={}", self.seed)?;
        for (i, outcome) in self.outcomes.iter().enumerate() {
            outcome.write(i + 1, f)?;
        }
        Ok(())
    }
}

impl Outcome {
    fn write(&self, number: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {} rounds", self.rounds)?;
        for (context, counts) in ["threads", "hard interrupts", "soft interrupts"]
            .iter()
            .zip(&self.counts)
        {
            writeln!(
                f,
                "# {context}: {} maps, {} unmaps, {} translations, {} refusals, {} without memory",
                counts.maps, counts.unmaps, counts.translations, counts.refusals, counts.short
            )?;
        }
        if let Some(wrong) = &self.wrong {
            writeln!(f, "{}", fmt!("# {wrong}"))?;
        }
        if !self.complete {
            writeln!(f, "# there was no room for all that the walker could see")?;
        }
        // Fails without calls in interrupts or without refused calls: the race was not what it is
        // for.
        let raced = self.counts.iter().all(|counts| counts.refusals > 0);
        let verdict = if self.wrong.is_none() && self.complete && raced {
            "ok"
        } else {
            "not ok"
        };
        writeln!(f, "{verdict} {number} {}", self.setup.name)
    }
}
