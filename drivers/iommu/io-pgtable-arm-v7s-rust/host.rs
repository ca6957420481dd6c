// SPDX-License-Identifier: GPL-2.0

//! The root of the format as a crate of the host: the files of the module, with stand-ins for the
//! kernel (`host/kernel`, `host/slab_rust`) below them, and tests.
//!
//! Left out is what needs a kernel: the C interface, debugfs, the takeover.

// Much of what the format offers is for parts that are left out.
#![allow(dead_code, unused_imports)]

// What `bitfield!` expects under the name that the kernel has.
extern crate bytemuck as pin_init;

mod config;
#[cfg_attr(feature = "loom", path = "host/format.rs")]
mod format;
mod log;
mod map;
mod memory;
mod populate;
mod registers;
mod table_set;
mod tlb;
mod unmap;

#[cfg(test)]
#[path = "host/tests.rs"]
mod tests;

use slab_rust::{
    page_table,
    slab,
    slab::SpinLockIrq,
    static_cache, //
};

/// Begins lines in the log.
const __LOG_PREFIX: &[u8] = b"io_pgtable_arm_v7s_rust\0";

/// Returns no address: calls come from tests.
fn caller() -> usize {
    0
}
