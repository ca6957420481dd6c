// SPDX-License-Identifier: GPL-2.0

//! Tests of slab caches that are about more than one file, and what tests share.

#[cfg(CONFIG_FAILSLAB)]
pub mod fault;
#[cfg(CONFIG_FAILSLAB)]
mod faults;
