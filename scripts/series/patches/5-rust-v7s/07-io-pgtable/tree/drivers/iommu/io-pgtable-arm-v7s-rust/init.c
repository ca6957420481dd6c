// SPDX-License-Identifier: GPL-2.0
/*
 * Rust has initcalls for modules only, and drivers of IOMMUs may probe before
 * those are called.
 */
#include <linux/init.h>

#include "init.h"

postcore_initcall(io_pgtable_arm_v7s_init);
