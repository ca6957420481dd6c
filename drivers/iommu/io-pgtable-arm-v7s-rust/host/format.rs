// SPDX-License-Identifier: GPL-2.0

//! The files of the format for loom, without `format/shared.rs`.

#[path = "../format/barrier.rs"]
pub(crate) mod barrier;
#[path = "../format/cache_sync.rs"]
pub(crate) mod cache_sync;
#[path = "../format/entry.rs"]
pub(crate) mod entry;
#[path = "../format/mark.rs"]
pub(crate) mod mark;
pub(crate) use kernel::shared;
#[path = "../format/slots.rs"]
pub(crate) mod slots;
#[path = "../format/table_phys.rs"]
pub(crate) mod table_phys;
