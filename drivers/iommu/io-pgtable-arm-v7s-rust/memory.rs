// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: where it comes from, how it is owned, and when it may go.

pub(crate) mod readers;
pub(crate) mod retired;
pub(crate) mod source;
pub(crate) mod table;
