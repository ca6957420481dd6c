/* SPDX-License-Identifier: GPL-2.0 */
/* C functions that the Rust code of this folder calls; see helpers.rs. */
#ifndef SLAB_RUST_HELPERS_H
#define SLAB_RUST_HELPERS_H

#include <linux/types.h>

void slab_rust_refuse_gfp(gfp_t zones, gfp_t unknown);
u64 slab_rust_virt_to_phys(const void *address);

#endif
