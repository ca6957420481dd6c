// SPDX-License-Identifier: GPL-2.0

//! The format: bits of entries, access to entries in memory, and cache maintenance and barriers
//! that make them visible to a page table walker.
//!
//! Imports nothing else of this driver. Of the kernel it takes constants and the macro `bitfield!`;
//! [`barrier`] and [`cache_sync`] hold the calls.

pub(crate) mod barrier;
pub(crate) mod cache_sync;
pub(crate) mod entry;
pub(crate) mod mark;
pub(crate) mod shared;
pub(crate) mod slots;
pub(crate) mod table_phys;
