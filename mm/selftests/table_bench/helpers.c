// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/vmstat.h>

#include "../lib/stopwatch.c"
#include "helpers.h"

static unsigned long zone_free_pages(struct zone *zone)
{
	unsigned long pages = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	int cpu;

	/* Pages in per-CPU lists are free, too */
	for_each_possible_cpu(cpu)
		pages += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
	return pages;
}

/* Free pages of the zones that end at 4 GiB or below, and of all others. */
void table_bench_free_pages(unsigned long *below, unsigned long *above)
{
	int node;

	*below = 0;
	*above = 0;
	for_each_online_node(node) {
		struct zone *zone = NODE_DATA(node)->node_zones;
		struct zone *end = zone + MAX_NR_ZONES;

		for (; zone < end; zone++) {
			if (!populated_zone(zone))
				continue;
			if ((u64)zone_end_pfn(zone) << PAGE_SHIFT <= SZ_4G)
				*below += zone_free_pages(zone);
			else
				*above += zone_free_pages(zone);
		}
	}
}

/* The block of pages that the page allocator gave, and that goes back as a whole */
u64 table_bench_piece(const void *address, size_t *bytes)
{
	struct page *head = virt_to_head_page(address);

	*bytes = page_size(head);
	return page_to_phys(head);
}

/* A chunk is a block that page_frag takes from the page allocator */

struct page *table_bench_chunk_of(const void *address)
{
	return virt_to_head_page(address);
}

size_t table_bench_chunk_bytes(struct page *chunk)
{
	return page_size(chunk);
}

/* A chunk may be freed before this is called */
void table_bench_chunk_account(const struct page *chunk, size_t bytes, bool held)
{
	long pages = bytes >> PAGE_SHIFT;

	mod_node_page_state(page_pgdat(chunk), NR_SECONDARY_PAGETABLE, held ? pages : -pages);
}
