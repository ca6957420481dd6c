// SPDX-License-Identifier: GPL-2.0
/*
 * What Rust cannot reach: inline functions and macros of the kernel's headers, and the export of
 * symbols.
 */
#include <linux/dma-mapping.h>
#include <linux/io-pgtable.h>
#include <linux/ratelimit.h>

#include <asm/barrier.h>

#include "helpers.h"

#ifdef MODULE
#include <linux/export.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/stacktrace.h>

#include "io_pgtable_arm_v7s_rust.h"
#endif

/* The numbers are written again in config.rs, because bindgen passes over them. */
static_assert(BIT(0) == IO_PGTABLE_QUIRK_ARM_NS);
static_assert(BIT(1) == IO_PGTABLE_QUIRK_NO_PERMS);
static_assert(BIT(3) == IO_PGTABLE_QUIRK_ARM_MTK_EXT);
static_assert(BIT(4) == IO_PGTABLE_QUIRK_ARM_MTK_TTBR_EXT);
static_assert(BIT(9) == IO_PGTABLE_QUIRK_NO_WARN);

void v7s_wmb(void)
{
	/* What it orders against what is said where it is called: walker.rs. */
	wmb();
}

void v7s_dma_wmb(void)
{
	/* As above. */
	dma_wmb();
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

/* The return address in the function that called this module. Built in, its own cannot be told. */
unsigned long v7s_caller(void)
{
#if defined(MODULE) && defined(CONFIG_STACKTRACE)
	unsigned long entries[16];
	unsigned int count = stack_trace_save(entries, ARRAY_SIZE(entries), 0);
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!within_module(entries[i], THIS_MODULE))
			return entries[i];
#endif
	return 0;
}

#ifdef MODULE
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
notrace unsigned long v7s_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
	return ftrace_regs_get_argument(fregs, n);
}

notrace void v7s_ftrace_redirect(struct ftrace_regs *fregs, unsigned long to)
{
	ftrace_regs_set_instruction_pointer(fregs, to);
}
#endif

EXPORT_SYMBOL_GPL(alloc_io_pgtable_arm_v7s_rust_ops);
EXPORT_SYMBOL_GPL(free_io_pgtable_arm_v7s_rust_ops);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_init_fns);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_populate);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_trim);

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)
#include "exports_generated.h"
#endif /* MODULE */
