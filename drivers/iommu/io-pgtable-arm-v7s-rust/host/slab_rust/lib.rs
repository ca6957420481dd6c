// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the crate below the format: caches and tables, on the host.

pub mod page_table;
pub mod slab;
