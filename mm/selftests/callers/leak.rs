// SPDX-License-Identifier: GPL-2.0

//! Leaked objects of each kind of cache, and a leaked cache.

#![deny(unsafe_code)]

use core::{
    convert::Infallible,
    mem::forget, //
};

use kernel::{
    prelude::*,
    str::CString,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use slab_rust::{
    page_table::{
        TableAllocator,
        TableSource, //
    },
    slab::{
        Construct,
        ConstructedCache,
        Gfp,
        KmemCache,
        RcuCache,
        Zone, //
    }, //
};

/// Number of caches of each kind.
const ROUNDS: usize = 16;

/// Number of objects that are leaked in each cache.
const LEAKS: usize = 3;

struct Value {
    _words: [u64; 24],
}

impl Construct for Value {
    fn construct() -> impl PinInit<Self, Infallible> {
        init!(Self { _words: [1; 24] })
    }
}

/// Lets KFENCE come up for the next allocation.
fn wait() {
    fsleep(Delta::from_millis(3));
}

/// Leaks a cache.
pub(crate) fn cache() -> Result {
    forget(KmemCache::<[u64; 24]>::builder(c"slab_callers_leaked").build()?);
    Ok(())
}

/// Leaks objects of all kinds of caches and drops the caches, in zone normal.
pub(crate) fn all() -> Result {
    for round in 0..ROUNDS {
        let name = |kind: &str| CString::try_from_fmt(fmt!("slab_callers_{kind}_{round}"));

        let cache = KmemCache::<[u64; 24]>::builder(&name("plain")?).build()?;
        for _ in 0..LEAKS {
            wait();
            forget(cache.alloc([2; 24], Gfp::KERNEL)?);
        }
        drop(cache);

        let cache = ConstructedCache::<Value>::builder(&name("constructed")?).build()?;
        for _ in 0..LEAKS {
            wait();
            forget(cache.alloc(Gfp::KERNEL)?);
        }
        drop(cache);

        let cache = RcuCache::<Value>::builder(&name("rcu")?).build()?;
        for _ in 0..LEAKS {
            wait();
            forget(cache.alloc(Gfp::KERNEL)?);
        }
        drop(cache);

        let tables = TableAllocator::new(TableSource::Slab, 1024, Zone::Normal)?;
        for _ in 0..LEAKS {
            wait();
            forget(tables.alloc(Gfp::KERNEL)?);
        }
        drop(tables);
    }
    Ok(())
}
