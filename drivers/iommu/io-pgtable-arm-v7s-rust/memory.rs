// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: its sources, owners and readers.

pub(crate) mod readers;
pub(crate) mod retired;
pub(crate) mod source;
pub(crate) mod table;
