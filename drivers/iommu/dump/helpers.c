// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel's headers.
 */
#include <linux/io-pgtable.h>
#include <linux/io.h>
#include <linux/mm.h>

const void *v7s_dump_memory(phys_addr_t phys);
const void *v7s_dump_memory(phys_addr_t phys)
{
	return pfn_valid(PHYS_PFN(phys)) ? phys_to_virt(phys) : NULL;
}

unsigned long v7s_dump_quirks(bool ns, bool no_perms, bool mtk_ext);
unsigned long v7s_dump_quirks(bool ns, bool no_perms, bool mtk_ext)
{
	return (ns ? IO_PGTABLE_QUIRK_ARM_NS : 0) |
	       (no_perms ? IO_PGTABLE_QUIRK_NO_PERMS : 0) |
	       (mtk_ext ? IO_PGTABLE_QUIRK_ARM_MTK_EXT : 0);
}
