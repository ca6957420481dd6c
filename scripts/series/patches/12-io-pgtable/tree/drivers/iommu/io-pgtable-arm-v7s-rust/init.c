// SPDX-License-Identifier: GPL-2.0
/*
 * Rust has initcalls for modules only, which are too late: drivers of IOMMUs probe among them.
 */
#include <linux/init.h>

#include "helpers.h"

postcore_initcall(io_pgtable_arm_v7s_init);
