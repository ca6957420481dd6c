// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the ARMv7 short-descriptor page table format.
 */

#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/io-pgtable.h>
#include <linux/kernel.h>
#include <linux/sizes.h>

#define ALL_PAGE_SIZES	(SZ_4K | SZ_64K | SZ_1M | SZ_16M)

static void check_flush(unsigned long iova, size_t size, size_t granule,
			void *cookie)
{
	struct kunit *test = cookie;
	struct io_pgtable_cfg *cfg = test->priv;

	KUNIT_EXPECT_TRUE(test, size & cfg->pgsize_bitmap);
}

static void check_flush_all(void *cookie)
{
}

static void check_add_page(struct iommu_iotlb_gather *gather,
			   unsigned long iova, size_t granule, void *cookie)
{
	check_flush(iova, granule, granule, cookie);
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all	= check_flush_all,
	.tlb_flush_walk	= check_flush,
	.tlb_add_page	= check_add_page,
};

KUNIT_DEFINE_ACTION_WRAPPER(free_ops, free_io_pgtable_ops,
			    struct io_pgtable_ops *);

/* Page tables for the configuration of a test, which live as long as it does */
static struct io_pgtable_ops *alloc_ops(struct kunit *test)
{
	struct io_pgtable_ops *ops;

	ops = alloc_io_pgtable_ops(ARM_V7S, test->priv, test);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_ops, ops), 0);
	return ops;
}

static int map(struct io_pgtable_ops *ops, unsigned long iova,
	       phys_addr_t paddr, size_t pgsize, size_t pgcount, size_t *mapped)
{
	*mapped = 0;
	return ops->map_pages(ops, iova, paddr, pgsize, pgcount,
			      IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE,
			      GFP_KERNEL, mapped);
}

static void expect_mapped(struct kunit *test, struct io_pgtable_ops *ops,
			  unsigned long iova, phys_addr_t paddr, size_t pgsize,
			  size_t pgcount)
{
	size_t mapped;

	KUNIT_EXPECT_EQ(test, map(ops, iova, paddr, pgsize, pgcount, &mapped), 0);
	KUNIT_EXPECT_EQ(test, mapped, pgsize * pgcount);
}

/* Empty page tables translate nothing */
static void v7s_empty(struct kunit *test)
{
	struct io_pgtable_ops *ops = alloc_ops(test);

	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, 42), 0);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, SZ_1G + 42), 0);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, SZ_2G + 42), 0);
}

/* Each page size is mapped, found to be in the way, unmapped and mapped again */
static void v7s_page_sizes(struct kunit *test)
{
	struct io_pgtable_ops *ops = alloc_ops(test);
	struct io_pgtable_cfg *cfg = test->priv;
	unsigned long iova = 0;
	size_t mapped, size;
	unsigned int i;

	for_each_set_bit(i, &cfg->pgsize_bitmap, BITS_PER_LONG) {
		size = 1UL << i;
		expect_mapped(test, ops, iova, iova, size, 1);
		KUNIT_EXPECT_EQ(test, map(ops, iova, iova + size, size, 1, &mapped),
				-EEXIST);
		KUNIT_EXPECT_EQ(test, mapped, 0);
		KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + 42), iova + 42);

		KUNIT_EXPECT_EQ(test, ops->unmap_pages(ops, iova, size, 1, NULL), size);
		KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + 42), 0);

		expect_mapped(test, ops, iova, iova, size, 1);
		KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + 42), iova + 42);
		iova += SZ_16M;
	}
}

/* Several pages in a call, across the end of a second-level table */
static void v7s_many_pages(struct kunit *test)
{
	struct io_pgtable_ops *ops = alloc_ops(test);
	const unsigned long iova = SZ_1M - 3 * SZ_4K;
	const phys_addr_t paddr = SZ_256M;
	size_t mapped, offset;

	expect_mapped(test, ops, iova, paddr, SZ_4K, 260);
	for (offset = 0; offset < 260 * SZ_4K; offset += SZ_4K)
		KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + offset), paddr + offset);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova - SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + offset), 0);

	/* What is mapped before a page that is in the way stays mapped */
	KUNIT_EXPECT_EQ(test, map(ops, 0, 0, SZ_4K, 256, &mapped), -EEXIST);
	KUNIT_EXPECT_EQ(test, mapped, 253 * SZ_4K);

	KUNIT_EXPECT_EQ(test, ops->unmap_pages(ops, 0, SZ_4K, 513, NULL), 513 * SZ_4K);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, 0), 0);
	KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, SZ_1M), 0);
}

/* MediaTek's bits 32 to 34 of an output address */
static void v7s_mtk_ext(struct kunit *test)
{
	struct io_pgtable_cfg *cfg = test->priv;
	const phys_addr_t paddr = (phys_addr_t)(7ULL << 32);
	struct io_pgtable_ops *ops;
	unsigned long iova = 0;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_PHYS_ADDR_T_64BIT))
		kunit_skip(test, "physical addresses have 32 bits");

	cfg->quirks |= IO_PGTABLE_QUIRK_NO_PERMS | IO_PGTABLE_QUIRK_ARM_MTK_EXT;
	cfg->oas = 35;
	ops = alloc_ops(test);

	for_each_set_bit(i, &cfg->pgsize_bitmap, BITS_PER_LONG) {
		expect_mapped(test, ops, iova, paddr + iova, 1UL << i, 1);
		KUNIT_EXPECT_EQ(test, ops->iova_to_phys(ops, iova + 42),
				paddr + iova + 42);
		iova += SZ_16M;
	}
}

static int v7s_init(struct kunit *test)
{
	struct io_pgtable_cfg *cfg;
	struct device *dev;

	dev = kunit_device_register(test, "io-pgtable-v7s-test");
	if (IS_ERR(dev))
		return PTR_ERR(dev);

	cfg = kunit_kzalloc(test, sizeof(*cfg), GFP_KERNEL);
	if (!cfg)
		return -ENOMEM;

	*cfg = (struct io_pgtable_cfg) {
		.tlb = &flush_ops,
		.oas = 32,
		.ias = 32,
		.coherent_walk = true,
		.quirks = IO_PGTABLE_QUIRK_ARM_NS | IO_PGTABLE_QUIRK_NO_WARN,
		.pgsize_bitmap = ALL_PAGE_SIZES,
		.iommu_dev = dev,
	};
	test->priv = cfg;
	return 0;
}

static struct kunit_case v7s_cases[] = {
	KUNIT_CASE(v7s_empty),
	KUNIT_CASE(v7s_page_sizes),
	KUNIT_CASE(v7s_many_pages),
	KUNIT_CASE(v7s_mtk_ext),
	{}
};

static struct kunit_suite v7s_suite = {
	.name = "io-pgtable-arm-v7s",
	.init = v7s_init,
	.test_cases = v7s_cases,
};

kunit_test_suite(v7s_suite);

MODULE_DESCRIPTION("KUnit tests for the ARMv7 short-descriptor page table format");
MODULE_LICENSE("GPL");
