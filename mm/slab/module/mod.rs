// SPDX-License-Identifier: GPL-2.0

//! Parts of the module `slab_rust` that are not needed in the kernel tree.
//!
//! - [`helpers`] and [`registry`] have the C functions that the kernel gains with the abstraction;
//! - [`cache_dma32`] is the file in each cache's directory of sysfs, [`caches_file`] the list of
//!   all caches in debugfs, from [`properties`];
//! - [`kfence`] keeps KFENCE away from caches, [`links`] reads the other names of merged caches;
//! - [`watch`] follows modules that have static caches;
//! - [`compat`] and the files for Linux 7.2 hide differences between versions of the kernel crate.

mod cache_dma32;
pub(crate) mod caches_file;
pub mod compat;
pub(crate) mod helpers;
mod kfence;
mod links;
#[cfg(not(linux_7_3))]
pub(crate) mod linux_7_2;
mod properties;
pub(crate) mod registry;
pub(crate) mod spin_lock_irq;
pub(crate) mod watch;
