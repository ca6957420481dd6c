// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions of the kernel's headers; part of the helpers.c of each module that reads tables
 * from memory, see memory.rs.
 */
#include <linux/io.h>
#include <linux/mm.h>

const void *v7s_memory(phys_addr_t phys);
const void *v7s_memory(phys_addr_t phys)
{
	unsigned long pfn = PHYS_PFN(phys);

	return pfn_valid(pfn) && !PageHighMem(pfn_to_page(pfn)) ? phys_to_virt(phys) : NULL;
}
