// SPDX-License-Identifier: GPL-2.0

//! The cost of allocating and freeing an object of the cache of second-level tables, in C and in
//! Rust.

use kernel::{
    bindings,
    prelude::*,
    sizes::SZ_1K, //
};

use slab_rust::{
    slab::{
        Gfp,
        KmemCache,
        SlabFlags, //
    },
    static_cache, //
};

use crate::{
    case::Case,
    row::Row,
    stopwatch::{
        mean,
        Stopwatch, //
    }, //
};

const ROUNDS: usize = 3;

type Table = [u32; 256];

static_cache! {
    struct Tables for Table {
        name: c"v7s_bench_tables",
        flags: SlabFlags::DMA32,
        align: SZ_1K,
    }
}

/// Measures an object that is allocated and freed.
#[inline(always)]
fn cost(watch: &Stopwatch, mut once: impl FnMut() -> bool) -> Result<u64> {
    let calls = crate::calls();
    let mut fine = true;
    // Makes the first slab before the measurement.
    let warm = once();
    let best = (0..ROUNDS)
        .map(|_| watch.time(|| (0..calls).for_each(|_| fine &= once())))
        .min();
    if warm && fine {
        best.map(|time| mean(time, calls)).ok_or(EINVAL)
    } else {
        Err(ENOMEM)
    }
}

/// Measures the C functions.
#[inline(always)]
fn through_c(watch: &Stopwatch, cache: &KmemCache<Table>, gfp: Gfp) -> Result<u64> {
    cost(watch, || {
        let raw = cache.as_raw().as_ptr();
        // SAFETY: The cache is alive, and takes back what it gave.
        unsafe {
            let object = bindings::kmem_cache_alloc_noprof(raw, gfp.as_raw());
            if object.is_null() {
                return false;
            }
            bindings::kmem_cache_free(raw, object);
            true
        }
    })
}

/// Measures `Box` of the kernel crate. Flags are constants, as in drivers.
fn through_box<const ZEROED: bool>(watch: &Stopwatch) -> Result<u64> {
    cost(watch, || {
        let flags = if ZEROED {
            GFP_ATOMIC | __GFP_ZERO
        } else {
            GFP_ATOMIC
        };
        Box::<Table, Tables>::new_uninit(flags).is_ok()
    })
}

/// Measures allocate and free of a 1 KiB object below 4 GiB, plain and zeroed.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn measure(rows: &mut KVec<Row>, watch: &Stopwatch) -> Result {
    let cache = Tables::create()?;
    let case = Case {
        pgsize: SZ_1K,
        ..Case::COMMON
    };
    let mut push = |way, rust, c| -> Result {
        let row = Row::of("alloc_free", &case, rust, c).through(way);
        Ok(rows.push(row, GFP_KERNEL)?)
    };

    let c = through_c(watch, cache, Gfp::ATOMIC)?;
    let plain = cost(watch, || cache.alloc_uninit(Gfp::ATOMIC).is_ok())?;
    push("KmemCache", plain, c)?;
    push("Box", through_box::<false>(watch)?, c)?;

    let c = through_c(watch, cache, Gfp::ATOMIC.zeroed())?;
    let zeroed = cost(watch, || cache.alloc_zeroed(Gfp::ATOMIC).is_ok())?;
    push("KmemCache, zeroed", zeroed, c)?;
    push("Box, zeroed", through_box::<true>(watch)?, c)
}
