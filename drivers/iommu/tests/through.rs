// SPDX-License-Identifier: GPL-2.0

//! Which functions the tests get their sets through: by name, so that it does not matter what
//! serves ARM_V7S.

pub(super) use crate::by_name::{
    alloc_io_pgtable_arm_v7s_rust_ops as alloc,
    free_io_pgtable_arm_v7s_rust_ops as free,
    io_pgtable_arm_v7s_rust_init_fns as INIT_FNS, //
};
