// SPDX-License-Identifier: GPL-2.0

//! table_bench: the cost of page-table memory of each source, in bytes and in instructions.
//!
//! Measures one allocator when loaded, and leaves the results as a JSON list in
//! `table_bench/results` of debugfs. `scripts/measure/memory` has it run in a guest of one CPU
//! whose clock counts instructions, once for each allocator; elsewhere the numbers are nanoseconds.
//!
//! Memory is read from the allocator and from the free pages of the zones. Tables are checked:
//! memory that is allocated twice, or not zeroed, is an error.
//!
//! - [`contender`]: the allocators; [`case`]: the workloads;
//! - [`round`]: one case, done once; [`population`]: its tables; [`system`]: memory of the system;
//! - [`row`]: results as JSON.

mod allocator;
mod case;
mod contender;
mod genalloc;
mod kmalloc;
mod page_frag;
mod population;
#[path = "../lib/random.rs"]
#[allow(dead_code)] // Other modules use more of it.
mod random;
mod round;
mod row;
#[path = "../lib/stopwatch.rs"]
#[allow(dead_code)] // Other modules use more of it.
mod stopwatch;
mod system;

use kernel::{
    debugfs,
    prelude::*, //
};

use allocator::Allocator;
use case::Case;
use contender::Contender;
use population::LoopCost;
use row::{
    Results,
    Row, //
};
use slab_rust::compat::parameter;
use stopwatch::Stopwatch;

module! {
    type: TableBench,
    name: "table_bench",
    authors: ["v7s-rs developers"],
    description: "Benchmark of page-table memory, from wherever it comes",
    license: "GPL",
    params: {
        allocator: u8 {
            default: 0,
            description: "0 slab, 1 genalloc, 2 page_frag, 3 kmalloc, 4 page, 5 pool, \
                          6 slab_per_owner, 7 kmalloc_dma",
        },
        most: u32 {
            default: 4096,
            description: "leaves out what has more tables",
        },
    },
}

#[pin_data]
struct TableBench {
    #[pin]
    _results: debugfs::File<Results>,
}

impl kernel::InPlaceModule for TableBench {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"table_bench");
        pin_init::pin_init_scope(move || {
            let number = usize::from(parameter(&module_parameters::allocator));
            let contender = Contender::ALL.get(number).ok_or(EINVAL).inspect_err(|_| {
                pr_err!("allocator={}: there is no such\n", number);
            })?;
            let most = parameter(&module_parameters::most) as usize;
            let results = (contender.measure)(contender, most)?;
            Ok(try_pin_init!(Self {
                _results <- dir.read_only_file(c"results", Results(results)),
            }? Error))
        })
    }
}

/// Measures all cases of an allocator that `make` creates.
fn measure<A: Allocator>(
    contender: &'static Contender,
    most: usize,
    make: fn() -> Result<A>,
) -> Result<KVec<Row>> {
    let watch = Stopwatch::new();
    let loops = LoopCost::new(&watch)?;
    let mut rows = KVec::new();
    for case in case::all().filter(|case| case.tables <= most) {
        measure_case(&mut rows, &watch, &loops, make, contender, case)?;
    }
    Ok(rows)
}

/// Measures a case.
#[inline(never)] // For a stack frame of its own.
fn measure_case<A: Allocator>(
    rows: &mut KVec<Row>,
    watch: &Stopwatch,
    loops: &LoopCost,
    make: fn() -> Result<A>,
    contender: &'static Contender,
    case: Case,
) -> Result {
    let mut row = Row::new(contender, case);
    for seed in 0..case.rounds() {
        measure_round(watch, loops, make, seed, &mut row)?;
    }
    Ok(rows.push(row, GFP_KERNEL)?)
}

/// Adds a round of the case of a row, with allocators of its own.
#[inline(never)] // For a stack frame of its own.
fn measure_round<A: Allocator>(
    watch: &Stopwatch,
    loops: &LoopCost,
    make: fn() -> Result<A>,
    seed: u64,
    row: &mut Row,
) -> Result {
    let case = row.case;
    let make = || {
        let count = if row.contender.shared { 1 } else { case.owners };
        let mut made = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            made.push(make()?, GFP_KERNEL)?;
        }
        Ok(made)
    };
    let readings = round::run(watch, loops, make, &case, seed)?;
    row.add(&readings);
    Ok(())
}
