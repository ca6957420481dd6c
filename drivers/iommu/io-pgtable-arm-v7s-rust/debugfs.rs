// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs that show the table sets.

pub(crate) mod line_file;
pub(crate) mod set_files;
pub(crate) mod set_list;
pub(crate) mod snapshot;
