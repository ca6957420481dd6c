// SPDX-License-Identifier: GPL-2.0

//! Slab caches and page-table memory.

use kernel::prelude::*;

module! {
    type: SlabRust,
    name: "slab_rust",
    authors: ["v7s-rs developers"],
    description: "Slab caches in Rust, DMA32 ones among them",
    license: "GPL",
}

struct SlabRust;

impl kernel::Module for SlabRust {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("loaded\n");
        Ok(Self)
    }
}

/// Test.
#[inline(never)]
pub fn answer() -> u32 {
    pr_info!("answer\n");
    42
}

/// G
pub fn gen<T: Into<u64>>(x: T) -> u64 { pr_info!("gen\n"); x.into() + 1 }
