// SPDX-License-Identifier: GPL-2.0

//! v7s_bench: what page-table operations cost in Rust, in the kernel's C, and at the least.
//!
//! Runs once when loaded, with interrupts off, and leaves its results as a JSON list in
//! `v7s_bench/results` of debugfs. `scripts/bench` has it run in a guest whose clock counts
//! instructions; elsewhere the numbers are nanoseconds.
//!
//! Load `io_pgtable_arm_v7s_rust` with `takeover=0` first, so that ARM_V7S is C. What is measured
//! is checked, so that a fast wrong answer is an error and not a result. A new combination goes
//! into [`case`].

mod case;
mod floor;
mod provider;
mod window;

use case::{
    Case,
    Flush,
    Touch,
    Walker, //
};
use kernel::{
    debugfs,
    fmt,
    prelude::*,
    sizes::SZ_4K, //
};
use provider::{
    PlatformDevice,
    Provider,
    Tables, //
};
use window::{
    measure,
    measure_floor,
    Cost,
    Stopwatch, //
};

module! {
    type: Bench,
    name: "v7s_bench",
    authors: ["v7s-rs developers"],
    description: "Benchmark of ARMv7 short-descriptor page tables, Rust against C",
    license: "GPL",
    params: {
        full: u8 {
            default: 0,
            description: "1: all page sizes, counts and flush kinds, 0: 4 KiB pages, the common cases",
        },
    },
}

#[pin_data]
struct Bench {
    #[pin]
    _results: debugfs::File<Results>,
}

/// A case and its cost in each implementation.
struct Row {
    case: Case,
    rust: Cost,
    c: Cost,
    floor: Option<Cost>,
}

struct Results(KVec<Row>);

impl kernel::InPlaceModule for Bench {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"v7s_bench");
        pin_init::pin_init_scope(move || {
            let full = *module_parameters::full.value() != 0;
            let results = Results(run(full)?);
            Ok(try_pin_init!(Self {
                _results <- dir.read_only_file(c"results", results),
            }? Error))
        })
    }
}

fn run(full: bool) -> Result<KVec<Row>> {
    let dev = PlatformDevice::new()?;
    let watch = Stopwatch::new();
    let mut rows = KVec::new();
    for case in case::all().filter(|case| full || case.is_common()) {
        let rust = Tables::new(Provider::Rust, &case, &dev)?.identity();
        let c = Tables::new(Provider::C, &case, &dev)?.identity();
        if rust == c {
            pr_err!("ARM_V7S is served by Rust: load io_pgtable_arm_v7s_rust with takeover=0\n");
            return Err(EBUSY);
        }
        let row = Row {
            rust: measure(&watch, Provider::Rust, &case, &dev)?,
            c: measure(&watch, Provider::C, &case, &dev)?,
            floor: if case.has_floor() {
                Some(measure_floor(&watch, &case)?)
            } else {
                None
            },
            case,
        };
        rows.push(row, GFP_KERNEL)?;
    }
    Ok(rows)
}

impl Row {
    /// One operation of the row, as a JSON object.
    fn write_op(
        &self,
        f: &mut fmt::Formatter<'_>,
        op: &str,
        cost: impl Fn(&Cost) -> u64,
    ) -> fmt::Result {
        let Case {
            pgsize,
            count,
            walker,
            flush,
            touch,
        } = self.case;
        write!(
            f,
            "{{\"op\": \"{op}\", \"pgsize\": {pgsize}, \"count\": {count}, \
             \"walker\": \"{}\", \"flush\": \"{}\", \"touch\": \"{}\", \
             \"rust\": {}, \"c\": {}, \"floor\": ",
            walker.name(),
            flush.name(),
            touch.name(),
            cost(&self.rust),
            cost(&self.c),
        )?;
        match &self.floor {
            Some(floor) => write!(f, "{}}}", cost(floor)),
            None => f.write_str("null}"),
        }
    }
}

impl debugfs::Writer for Results {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "[\n";
        for row in &self.0 {
            let case = &row.case;
            let mut write = |op, cost: fn(&Cost) -> u64| {
                f.write_str(core::mem::replace(&mut separator, ",\n"))?;
                row.write_op(f, op, cost)
            };
            write("map", |cost| cost.map)?;
            // A table is made by a map only.
            if case.touch == Touch::Hit {
                write("unmap", |cost| cost.unmap)?;
            }
            if case.is_translation() {
                write("translate", |cost| cost.translate)?;
            }
        }
        f.write_str("\n]\n")
    }
}

impl Case {
    /// What `full=0` is content with.
    fn is_common(&self) -> bool {
        self.pgsize == SZ_4K
            && [1, 16, 256].contains(&self.count)
            && (self.flush == Flush::None || self.count == 256 && self.touch == Touch::Hit)
    }

    /// Whether a bare array stands for what this case does: no cache maintenance, no callbacks, no
    /// allocation.
    fn has_floor(&self) -> bool {
        self.walker == Walker::Coherent && self.flush == Flush::None && self.touch == Touch::Hit
    }

    /// Translation depends on neither count, walker nor callbacks, so that one case a size does.
    fn is_translation(&self) -> bool {
        self.count == 1 && self.has_floor()
    }
}
