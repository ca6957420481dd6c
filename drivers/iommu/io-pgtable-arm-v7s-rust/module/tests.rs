// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of what only the loadable module has: debugfs, populate, and hooks of functions.

use core::ptr::NonNull;

use crate::{
    config::quirk,
    format::entry,
    tests::*, //
};

use kernel::{
    bindings,
    error::from_err_ptr,
    fmt,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

#[cfg(CONFIG_FAILSLAB)]
mod faults;
mod populate;
mod race;
#[cfg(all(
    CONFIG_FUNCTION_TRACER,
    CONFIG_DYNAMIC_FTRACE,
    CONFIG_DYNAMIC_FTRACE_WITH_ARGS
))]
mod sync;
mod view;
