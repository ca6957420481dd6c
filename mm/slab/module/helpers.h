/* SPDX-License-Identifier: GPL-2.0 */
/* C functions that the Rust code of this folder calls; see helpers.rs. */
#ifndef SLAB_RUST_HELPERS_H
#define SLAB_RUST_HELPERS_H

#include <linux/spinlock_types.h>
#include <linux/types.h>

struct kobject;
struct kset;
struct page;

/* What the private layout says of a cache. */
struct slab_rust_layout {
	const char *name;
	unsigned int flags;
	unsigned int object_size;
};

bool slab_rust_may_report(void);
phys_addr_t slab_rust_virt_to_phys(const void *address);
bool slab_rust_node_online(int node);
size_t slab_rust_hold_caches(struct kset *set, struct kobject **caches, size_t room);
unsigned long slab_rust_lock(spinlock_t *lock);
void slab_rust_unlock(spinlock_t *lock, unsigned long flags);
struct page *slab_rust_page_of(const void *address);
void *slab_rust_alloc_pages(gfp_t gfp, unsigned int order);
void *slab_rust_alloc_two_pages(gfp_t gfp, void **second);
void slab_rust_free_pages(const void *address);
void slab_rust_kmemleak_ignore(const void *object);
bool slab_rust_layout(struct kobject *kobj, struct slab_rust_layout *layout);

#endif
