// SPDX-License-Identifier: GPL-2.0

//! v7s_bench: the cost of page-table operations in Rust, in the kernel's C, and in a bare loop.
//!
//! Runs once when loaded, and leaves its results as a JSON list in `v7s_bench/results` of debugfs.
//! `scripts/measure/v7s` has it run in a guest whose clock counts instructions; elsewhere the
//! numbers are nanoseconds.
//!
//! Load `io_pgtable_arm_v7s_rust` with `takeover=0` first, so that ARM_V7S is C. Results of the
//! measured calls are checked.
//!
//! - [`case`]: the callers and the measured combinations; [`tables`]: table sets of either
//!   implementation;
//! - [`replay`]: the calls of drivers for buffers; [`events`]: marks for a plugin that counts them;
//! - [`window`]: runs of pages; [`floor`]: lower bounds; [`slab`]: the cache that tables come from;
//! - [`row`]: results as JSON.

mod case;
#[path = "../lib/device.rs"]
mod device;
mod events;
mod floor;
#[path = "../lib/provider.rs"]
mod provider;
mod replay;
mod row;
mod slab;
#[path = "../../../../mm/selftests/lib/stopwatch.rs"]
mod stopwatch;
mod tables;
mod window;

use kernel::{
    debugfs,
    prelude::*, //
};

use slab_rust::compat::parameter;

use case::{
    Caller,
    Case,
    Touch, //
};
use device::PlatformDevice;
use provider::{
    check_providers,
    Provider, //
};
use row::{
    Results,
    Row, //
};
use stopwatch::Stopwatch;
use tables::Tables;
use window::{
    measure,
    measure_floor,
    measure_lifetime, //
};

module! {
    type: Bench,
    name: "v7s_bench",
    authors: ["v7s-rs developers"],
    description: "Benchmark of ARMv7 short-descriptor page tables, Rust against C",
    license: "GPL",
    params: {
        events: u8 {
            default: 0,
            description: "1: mark what drivers do for a plugin of QEMU; 0: measure everything",
        },
        calls: u32 {
            default: 200,
            description: "Calls that a mean is taken over",
        },
    },
}

#[pin_data]
struct Bench {
    #[pin]
    _results: debugfs::File<Results>,
}

impl kernel::InPlaceModule for Bench {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"v7s_bench");
        pin_init::pin_init_scope(move || {
            let results = match parameter(&module_parameters::events) {
                0 => everything()?,
                _ => marked()?,
            };
            Ok(try_pin_init!(Self {
                _results <- dir.read_only_file(c"results", Results(results)),
            }? Error))
        })
    }
}

/// Number of calls of a mean.
fn calls() -> usize {
    (parameter(&module_parameters::calls) as usize).max(1)
}

/// Number of calls of a mean, for slow calls.
fn few_calls() -> usize {
    calls().div_ceil(10)
}

/// Measures everything.
fn everything() -> Result<KVec<Row>> {
    let dev = tables::device()?;
    let watch = Stopwatch::new();
    let mut rows = KVec::new();
    compare_providers(&dev)?;
    measure_drivers(&mut rows, &watch, &dev)?;
    case::for_each(|case| measure_case(&mut rows, &watch, case, &dev))?;
    slab::measure(&mut rows, &watch)?;
    Ok(rows)
}

/// Makes the calls of drivers between marks. The rows have no figures, and are those of two
/// sections in Rust and then two in C.
fn marked() -> Result<KVec<Row>> {
    let dev = tables::device()?;
    let watch = Stopwatch::new();
    let mut rows = KVec::new();
    let buffers = replay::buffers()?;
    for caller in &Caller::DRIVERS {
        for buffer in &buffers {
            buffer.mark(&mut rows, &watch, caller, &dev)?;
        }
    }
    Ok(rows)
}

/// Checks that the two providers are different code.
#[inline(never)] // For a stack frame of its own.
fn compare_providers(dev: &PlatformDevice) -> Result {
    let caller = Case::COMMON.caller();
    let rust = Tables::new(Provider::Rust, &caller, dev)?;
    let c = Tables::new(Provider::C, &caller, dev)?;
    match (rust.set(), c.set()) {
        (Some(rust), Some(c)) => check_providers(rust, c),
        _ => Err(EINVAL),
    }
}

/// Measures buffers, and the creation and destruction of sets.
#[inline(never)] // For a stack frame of its own.
fn measure_drivers(rows: &mut KVec<Row>, watch: &Stopwatch, dev: &PlatformDevice) -> Result {
    let buffers = replay::buffers()?;
    for caller in &Caller::DRIVERS {
        for buffer in &buffers {
            buffer.measure(rows, watch, caller, dev)?;
        }
        let rust = measure_lifetime(watch, Provider::Rust, caller, dev)?;
        let c = measure_lifetime(watch, Provider::C, caller, dev)?;
        rows.push(Row::by("create", caller, rust.map, c.map), GFP_KERNEL)?;
        rows.push(Row::by("destroy", caller, rust.unmap, c.unmap), GFP_KERNEL)?;
    }
    Ok(())
}

/// Measures all operations of a case.
#[inline(never)] // For a stack frame of its own.
fn measure_case(
    rows: &mut KVec<Row>,
    watch: &Stopwatch,
    case: &Case,
    dev: &PlatformDevice,
) -> Result {
    let rust = measure(watch, Provider::Rust, case, dev)?;
    let c = measure(watch, Provider::C, case, dev)?;
    let floor = match case.has_floor() {
        true => Some(measure_floor(watch, case)?),
        false => None,
    };
    let mut push = |op, rust, c, floor| -> Result {
        Ok(rows.push(Row::of(op, case, rust, c).floor(floor), GFP_KERNEL)?)
    };
    if case.is_mapping() {
        push("map", rust.map, c.map, floor.map(|floor| floor.map))?;
    }
    // Only mapping makes a table.
    if case.touch == Touch::Hit {
        push("unmap", rust.unmap, c.unmap, floor.map(|floor| floor.unmap))?;
    }
    if case.is_translation() {
        let floor = floor.map(|floor| floor.translate);
        push("translate", rust.translate, c.translate, floor)?;
    }
    Ok(())
}
