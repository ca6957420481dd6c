// SPDX-License-Identifier: GPL-2.0
/*
 * Counts instructions of the kernel's page-table format in C, in a guest whose clock counts them.
 * The format is a part of this module, so that it may be as of any patch.
 */
#include <linux/ktime.h>
#include <linux/module.h>

#include "io-pgtable-arm-v7s.c"

static const struct {
	size_t pgsize, pgcount;
} shapes[] = {
	{ SZ_4K, 1 }, { SZ_4K, 2 }, { SZ_4K, 16 }, { SZ_4K, 256 },
	{ SZ_64K, 1 }, { SZ_64K, 16 }, { SZ_1M, 1 }, { SZ_1M, 16 },
};

static struct io_pgtable *make(void)
{
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = SZ_4K | SZ_64K | SZ_1M | SZ_16M,
		.ias = 32,
		.oas = 32,
		.coherent_walk = true,
	};
	struct io_pgtable *iop = io_pgtable_arm_v7s_init_fns.alloc(&cfg, NULL);

	if (iop)
		iop->cfg = cfg;
	return iop;
}

/* Maps as many times as one call after the other has room, and returns nanoseconds. */
static s64 map_all(struct io_pgtable_ops *ops, size_t pgsize, size_t pgcount, unsigned int calls)
{
	ktime_t start = ktime_get();
	size_t size = pgsize * pgcount, mapped = 0;
	unsigned int i;

	for (i = 0; i < calls; i++)
		ops->map_pages(ops, i * size, i * size, pgsize, pgcount, IOMMU_READ | IOMMU_WRITE,
			       GFP_KERNEL, &mapped);
	WARN_ON(mapped != calls * size);
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

static s64 unmap_all(struct io_pgtable_ops *ops, size_t pgsize, size_t pgcount, unsigned int calls)
{
	ktime_t start = ktime_get();
	size_t size = pgsize * pgcount, unmapped = 0;
	unsigned int i;

	for (i = 0; i < calls; i++)
		unmapped += ops->unmap_pages(ops, i * size, pgsize, pgcount, NULL);
	WARN_ON(unmapped != calls * size);
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

static int measure(size_t pgsize, size_t pgcount)
{
	unsigned int calls = min(1000, SZ_2G / (pgsize * pgcount));
	struct io_pgtable *iop = make();
	unsigned long flags;
	s64 map, unmap;

	if (!iop)
		return -ENOMEM;
	/* Second-level tables stay. */
	map_all(&iop->ops, pgsize, pgcount, calls);
	unmap_all(&iop->ops, pgsize, pgcount, calls);
	local_irq_save(flags);
	map = map_all(&iop->ops, pgsize, pgcount, calls);
	unmap = unmap_all(&iop->ops, pgsize, pgcount, calls);
	local_irq_restore(flags);
	pr_info("runs: map %zu %zu %lld\n", pgsize, pgcount, map / calls);
	pr_info("runs: unmap %zu %zu %lld\n", pgsize, pgcount, unmap / calls);
	io_pgtable_arm_v7s_init_fns.free(iop);
	return 0;
}

static int __init v7s_runs_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		ret = measure(shapes[i].pgsize, shapes[i].pgcount);
		if (ret)
			return ret;
	}
	return 0;
}

static void __exit v7s_runs_exit(void)
{
}

module_init(v7s_runs_init);
module_exit(v7s_runs_exit);
MODULE_DESCRIPTION("Instructions of ARM_V7S in C");
MODULE_LICENSE("GPL");
