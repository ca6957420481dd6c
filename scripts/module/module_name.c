// SPDX-License-Identifier: GPL-2.0
/*
 * A page table in the ARMv7 short-descriptor format, made in Rust and used from C.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "io_pgtable_arm_v7s_rust.h"

#define IOVA	0x00100000UL
#define PADDR	0x40000000UL

static struct io_pgtable_ops *ops;

static int map_some_pages(void)
{
	phys_addr_t paddr;
	size_t mapped = 0;
	int ret;

	ret = ops->map_pages(ops, IOVA, PADDR, SZ_4K, 16, IOMMU_READ | IOMMU_WRITE,
			     GFP_KERNEL, &mapped);
	if (ret)
		return ret;

	paddr = ops->iova_to_phys(ops, IOVA + SZ_4K);
	pr_info("%zu KiB mapped, %#lx is %pa\n", mapped / SZ_1K, IOVA + SZ_4K, &paddr);
	return 0;
}

static int __init module_name_init(void)
{
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = SZ_4K | SZ_64K | SZ_1M | SZ_16M,
		.ias = 32,
		.oas = 32,
		/* Otherwise .iommu_dev names the device whose walker reads the tables. */
		.coherent_walk = true,
	};
	int ret;

	ops = alloc_io_pgtable_arm_v7s_rust_ops(&cfg, NULL);
	if (!ops)
		return -ENOMEM;

	ret = map_some_pages();
	if (ret)
		free_io_pgtable_arm_v7s_rust_ops(ops);
	return ret;
}

static void __exit module_name_exit(void)
{
	free_io_pgtable_arm_v7s_rust_ops(ops);
	pr_info("unloading, the table is freed\n");
}

module_init(module_name_init);
module_exit(module_name_exit);

MODULE_AUTHOR("Your Name");
MODULE_DESCRIPTION("A page table in the ARMv7 short-descriptor format");
MODULE_LICENSE("GPL");
