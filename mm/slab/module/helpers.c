// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers, which Rust cannot call. Functions that
 * generic or inlined Rust code calls from other modules are exported.
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kmemleak.h>
#include <linux/kobject.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>

#include "helpers.h"

bool slab_rust_may_report(void)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&limit);
}

/* Called for each table: without what a tracer would put in front of it. */
notrace phys_addr_t slab_rust_virt_to_phys(const void *address)
{
	return virt_to_phys((void *)address);
}
EXPORT_SYMBOL_GPL(slab_rust_virt_to_phys);

bool slab_rust_node_online(int node)
{
	return node_online(node);
}

/*
 * Takes a reference to each cache in the set, up to @room of them, and returns how
 * many there are. One that is being destroyed cannot be held any more.
 */
size_t slab_rust_hold_caches(struct kset *set, struct kobject **caches, size_t room)
{
	struct kobject *kobj;
	size_t count = 0;

	spin_lock(&set->list_lock);
	list_for_each_entry(kobj, &set->list, entry) {
		if (count >= room) {
			count++;
			continue;
		}
		if (kobject_get_unless_zero(kobj))
			caches[count++] = kobj;
	}
	spin_unlock(&set->list_lock);
	return count;
}

/* Called where the kernel has no functions for this: see helpers.rs */
unsigned long slab_rust_lock(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}
EXPORT_SYMBOL_GPL(slab_rust_lock);

void slab_rust_unlock(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}
EXPORT_SYMBOL_GPL(slab_rust_unlock);

/* notrace for the same reason as slab_rust_virt_to_phys() */
notrace struct page *slab_rust_page_of(const void *address)
{
	return virt_to_page(address);
}

/*
 * Pages for tables are counted as the kernel counts those of its own: as secondary
 * page tables, of the memory cgroup that they are charged to, if any, and of their node.
 */
static void account(struct page *page, int pages)
{
	struct folio *folio = page_folio(page);
	unsigned long flags;

	if (folio_memcg_charged(folio)) {
		lruvec_stat_mod_folio(folio, NR_SECONDARY_PAGETABLE, pages);
		return;
	}
	/* A tenth of what mod_node_page_state() takes. */
	local_irq_save(flags);
	__mod_node_page_state(folio_pgdat(folio), NR_SECONDARY_PAGETABLE, pages);
	local_irq_restore(flags);
}

void *slab_rust_alloc_pages(gfp_t gfp, unsigned int order)
{
	/* What a device walks is not the business of the task's memory policy. */
	struct page *page = alloc_pages_node(NUMA_NO_NODE, gfp | __GFP_COMP, order);

	if (!page)
		return NULL;
	account(page, 1 << order);
	return page_address(page);
}

/* Two pages at a time take little more than one; where there is one left, that. */
void *slab_rust_alloc_two_pages(gfp_t gfp, void **second)
{
	struct page *pages[2] = {};

	if (!alloc_pages_bulk(gfp, ARRAY_SIZE(pages), pages))
		return NULL;
	account(pages[0], 1);
	*second = NULL;
	if (pages[1]) {
		account(pages[1], 1);
		*second = page_address(pages[1]);
	}
	return page_address(pages[0]);
}

void slab_rust_free_pages(const void *address)
{
	struct page *page = virt_to_page(address);
	unsigned int order = compound_order(page);

	account(page, -(1 << order));
	__free_pages(page, order);
}

void slab_rust_kmemleak_ignore(const void *object)
{
	kmemleak_ignore(object);
}

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)
#include "exports_generated.h"
