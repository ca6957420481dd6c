// SPDX-License-Identifier: GPL-2.0

//! Parts of the loadable module that a format built into the kernel does not have.

pub(crate) mod arm_v7s;
pub(crate) mod by_name;
pub(crate) mod takeover;
