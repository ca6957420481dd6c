// SPDX-License-Identifier: GPL-2.0
/* Macros and inline functions of the kernel's headers, which Rust cannot call. */
#include <linux/dma-mapping.h>
#include <linux/io-pgtable.h>
#include <linux/ratelimit.h>

#include <asm/barrier.h>

#include "helpers.h"

/* config.rs repeats these numbers: bindgen has no constants for BIT(). */
static_assert(BIT(0) == IO_PGTABLE_QUIRK_ARM_NS);
static_assert(BIT(1) == IO_PGTABLE_QUIRK_NO_PERMS);
static_assert(BIT(3) == IO_PGTABLE_QUIRK_ARM_MTK_EXT);
static_assert(BIT(4) == IO_PGTABLE_QUIRK_ARM_MTK_TTBR_EXT);
static_assert(BIT(9) == IO_PGTABLE_QUIRK_NO_WARN);

void v7s_wmb(void)
{
	wmb(); /* Paired where it is called: format/barrier.rs */
}

void v7s_dma_wmb(void)
{
	dma_wmb(); /* Paired where it is called: format/barrier.rs */
}

int v7s_dma_map(struct device *dev, void *table, u64 phys, size_t size)
{
	dma_addr_t dma;

	/*
	 * The DMA layer warns of devices that cannot reach a page, or has them use another one. The
	 * latter is of no use to a walker, whose address for a table must be the physical one.
	 */
	if (!dev->dma_mask ||
	    phys + size - 1 > min_not_zero(*dev->dma_mask, dev->bus_dma_limit))
		return -EIO;
	dma = dma_map_single(dev, table, size, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma))
		return -EIO;
	if (dma == phys)
		return 0;
	dma_unmap_single(dev, dma, size, DMA_TO_DEVICE);
	return -EIO;
}

void v7s_dma_unmap(struct device *dev, u64 dma, size_t size)
{
	dma_unmap_single(dev, dma, size, DMA_TO_DEVICE);
}

void v7s_dma_sync(struct device *dev, void *entries, size_t size)
{
	dma_sync_single_for_device(dev, virt_to_phys(entries), size, DMA_TO_DEVICE);
}

unsigned long v7s_linear_distance(u64 phys)
{
	/*
	 * Not from the pointer that the allocator gave: with tags in pointers (KASAN_HW_TAGS), that
	 * holds the tag of one table, and this one matches all.
	 */
	return (unsigned long)phys_to_virt(phys) - (unsigned long)phys;
}

bool v7s_may_report(void)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&limit);
}

bool v7s_may_report_call(void)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&limit);
}
