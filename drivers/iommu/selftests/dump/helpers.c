// SPDX-License-Identifier: GPL-2.0
/*
 * Macros of the kernel's headers.
 */
#include <linux/io-pgtable.h>

#include "../lib/memory.c"

unsigned long v7s_dump_quirks(bool ns, bool no_perms, bool mtk_ext);
unsigned long v7s_dump_quirks(bool ns, bool no_perms, bool mtk_ext)
{
	return (ns ? IO_PGTABLE_QUIRK_ARM_NS : 0) |
	       (no_perms ? IO_PGTABLE_QUIRK_NO_PERMS : 0) |
	       (mtk_ext ? IO_PGTABLE_QUIRK_ARM_MTK_EXT : 0);
}
