// SPDX-License-Identifier: GPL-2.0

#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/vmstat.h>

__rust_helper struct page *rust_helper_virt_to_page(const void *address)
{
	return virt_to_page(address);
}

/*
 * Pages for tables are counted as the kernel counts those of its own: as secondary
 * page tables, of the memory cgroup that they are charged to, if any, and of their node.
 */
static __always_inline void pagetable_account(struct page *page, int pages)
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

__rust_helper void *rust_helper_pagetable_alloc_pages(gfp_t gfp, unsigned int order)
{
	/* What a device walks is not the business of the task's memory policy. */
	struct page *page = alloc_pages_node(NUMA_NO_NODE, gfp | __GFP_COMP, order);

	if (!page)
		return NULL;
	pagetable_account(page, 1 << order);
	return page_address(page);
}

/* Two pages at a time take little more than one; where there is one left, that. */
__rust_helper void *rust_helper_pagetable_alloc_two_pages(gfp_t gfp, void **second)
{
	struct page *pages[2] = {};

	if (!alloc_pages_bulk(gfp, ARRAY_SIZE(pages), pages))
		return NULL;
	pagetable_account(pages[0], 1);
	*second = NULL;
	if (pages[1]) {
		pagetable_account(pages[1], 1);
		*second = page_address(pages[1]);
	}
	return page_address(pages[0]);
}

__rust_helper void rust_helper_pagetable_free_pages(const void *address)
{
	struct page *page = virt_to_page(address);
	unsigned int order = compound_order(page);

	pagetable_account(page, -(1 << order));
	__free_pages(page, order);
}
