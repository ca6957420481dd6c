// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers, which Rust cannot call.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/* Above this size, free pages take long to find */
#define BLOCK (PAGE_SIZE << MAX_PAGE_ORDER)

/* Zeroed and physically contiguous. */
void *m4u_client_alloc(size_t size);
void *m4u_client_alloc(size_t size)
{
	struct page *page __maybe_unused;

	if (size <= BLOCK)
		return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
#ifdef CONFIG_CONTIG_ALLOC
	page = alloc_contig_pages(PFN_UP(size), GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
				  first_online_node, NULL);
	return page ? page_address(page) : NULL;
#else
	return NULL;
#endif
}

void m4u_client_free(void *memory, size_t size);
void m4u_client_free(void *memory, size_t size)
{
	if (size <= BLOCK)
		free_pages_exact(memory, size);
#ifdef CONFIG_CONTIG_ALLOC
	else
		free_contig_range(page_to_pfn(virt_to_page(memory)), PFN_UP(size));
#endif
}

/*
 * Zeroed, for vfree(). Consecutive pages are not physically consecutive if possible, so that each
 * is mapped by itself.
 */
void *m4u_client_alloc_scattered(size_t size);
void *m4u_client_alloc_scattered(size_t size)
{
	unsigned long i, allocated, count = PFN_UP(size);
	struct page **pages = kvcalloc(count, sizeof(*pages), GFP_KERNEL);
	void *memory;

	if (!pages)
		return NULL;
	for (allocated = 0; allocated < count; allocated++) {
		pages[allocated] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[allocated])
			goto free;
	}
	/* The allocator hands out neighbours: every second one changes sides. */
	for (i = 1; i < count / 2; i += 2)
		swap(pages[i], pages[count - 1 - i]);
	memory = vmap(pages, count, VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (memory)
		return memory;
free:
	while (allocated--)
		__free_page(pages[allocated]);
	kvfree(pages);
	return NULL;
}

/* Physical address of memory of any kind */
phys_addr_t m4u_client_phys(const void *memory);
phys_addr_t m4u_client_phys(const void *memory)
{
	if (is_vmalloc_addr(memory))
		return page_to_phys(vmalloc_to_page(memory)) + offset_in_page(memory);
	return virt_to_phys(memory);
}

int m4u_client_map(struct device *dev, void *memory, size_t size, int direction, dma_addr_t *iova);
int m4u_client_map(struct device *dev, void *memory, size_t size, int direction, dma_addr_t *iova)
{
	*iova = dma_map_single(dev, memory, size, direction);
	return dma_mapping_error(dev, *iova);
}

void m4u_client_unmap(struct device *dev, dma_addr_t iova, size_t size, int direction);
void m4u_client_unmap(struct device *dev, dma_addr_t iova, size_t size, int direction)
{
	dma_unmap_single(dev, iova, size, direction);
}
