// SPDX-License-Identifier: GPL-2.0

//! v7s_fuzz: calls of io_pgtable_arm_v7s_rust with arguments that drivers should not pass.
//!
//! Loading it makes `calls` calls in sessions of 2000, from session `first` on, each of which
//! follows from the seed and its number alone, and judges each by rules of its own. If one is
//! wrong, the log says which and why, and loading fails; `first=SESSION calls=2000` with the same
//! seed repeats that session. With `case=N` it runs the Nth typical mistake instead.
//!
//! Documentation/iommu/robustness-tests.rst describes the calls and the rules.

mod arbitrary;
mod cases;
#[path = "../lib/device.rs"]
mod device;
#[path = "../lib/memory.rs"]
mod memory;
mod model;
#[path = "../../../../mm/selftests/lib/random.rs"]
mod random;
mod rules;
mod session;
mod set;
mod slab;

use kernel::{
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use slab_rust::compat::parameter;

use session::{
    Counts,
    Machine, //
};

module! {
    type: Fuzz,
    name: "v7s_fuzz",
    authors: ["v7s-rs developers"],
    description: "Calls ARMv7 short-descriptor page tables with wrong arguments",
    license: "GPL",
    params: {
        seed: u64 {
            default: 1,
            description: "Other arguments for every other number",
        },
        first: u64 {
            default: 0,
            description: "Number of the first session",
        },
        calls: u64 {
            default: 20000,
            description: "How many calls",
        },
        caches: u64 {
            default: 500,
            description: "How many caches and table allocators to ask slab_rust for",
        },
        case: u64 {
            default: 0,
            description: "1 and above: only this one of what drivers get wrong",
        },
    },
}

/// Holds nothing: all calls are made while the module is loaded.
struct Fuzz;

impl kernel::Module for Fuzz {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let machine = Machine::new()?;
        match parameter(&module_parameters::case) {
            0 => random(&machine)?,
            number => cases::run(number, &machine)?,
        }
        Ok(Self)
    }
}

/// Runs the random sessions.
fn random(machine: &Machine) -> Result {
    let seed = parameter(&module_parameters::seed);
    let first = parameter(&module_parameters::first);
    let calls = parameter(&module_parameters::calls);
    pr_info!("seed {seed}, {calls} calls from session {first} on\n");
    sessions(seed, first, calls, machine)?;

    let mut counts = slab::Counts::default();
    slab::run(seed, parameter(&module_parameters::caches), &mut counts)?;
    let slab::Counts { made, refused } = counts;
    pr_info!("done: {made} caches made, {refused} refused\n");
    Ok(())
}

#[inline(never)] // For a stack frame of its own.
fn sessions(seed: u64, first: u64, calls: u64, machine: &Machine) -> Result {
    const SESSION: u64 = session::CALLS as u64;

    let mut counts = Counts::default();
    let mut done = 0;
    let mut said = 0;
    while done < calls {
        let some = SESSION.min(calls - done);
        let number = first.wrapping_add(done / SESSION);
        session::run(seed, number, some as usize, machine, &mut counts)?;
        done += some;
        if done * 10 / calls > said {
            said = done * 10 / calls;
            pr_info!("{done} of {calls} calls\n");
        }
        // Lets other tasks run on this CPU.
        fsleep(Delta::from_micros(10));
    }
    let Counts {
        create,
        free,
        map,
        unmap,
        translate,
        walk,
    } = counts;
    pr_info!(
        "done: create {} refused {}, free {free}, map {} refused {}, unmap {} refused {}, \
         translate {} unmapped {}, walk {} unmapped {}\n",
        create[0],
        create[1],
        map[0],
        map[1],
        unmap[0],
        unmap[1],
        translate[0],
        translate[1],
        walk[0],
        walk[1]
    );
    Ok(())
}
