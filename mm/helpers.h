/* SPDX-License-Identifier: GPL-2.0 */
/* C functions that the Rust code of this folder calls; see helpers.rs. */
#ifndef SLAB_RUST_HELPERS_H
#define SLAB_RUST_HELPERS_H

#include <linux/types.h>

struct kobject;
struct kset;

/* What the private layout says of a cache. */
struct slab_rust_layout {
	const char *name;
	unsigned int flags;
	unsigned int object_size;
};

void slab_rust_refuse_gfp(gfp_t zones, gfp_t unknown);
void slab_rust_refuse_zero(void);
u64 slab_rust_virt_to_phys(const void *address);
bool slab_rust_node_online(int node);
size_t slab_rust_hold_caches(struct kset *set, struct kobject **caches, size_t room);
bool slab_rust_layout(struct kobject *kobj, struct slab_rust_layout *layout);

#endif
