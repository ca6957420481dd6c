// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel's headers.
 */
#include <linux/cpumask.h>
#include <linux/ftrace.h>
#include <linux/io-pgtable.h>
#include <linux/io.h>

#include "../lib/memory.c"

phys_addr_t v7s_stress_phys(const void *address);
phys_addr_t v7s_stress_phys(const void *address)
{
	return virt_to_phys(address);
}

unsigned long v7s_stress_no_warn_quirk(void);
unsigned long v7s_stress_no_warn_quirk(void)
{
	return IO_PGTABLE_QUIRK_NO_WARN;
}

/* A configuration of MediaTek's walkers, with 35 bits of output address */
unsigned long v7s_stress_mtk_quirks(void);
unsigned long v7s_stress_mtk_quirks(void)
{
	return IO_PGTABLE_QUIRK_NO_PERMS | IO_PGTABLE_QUIRK_ARM_MTK_EXT;
}

/* A configuration of such walkers with tables at any address */
unsigned long v7s_stress_ttbr_quirks(void);
unsigned long v7s_stress_ttbr_quirks(void)
{
	return v7s_stress_mtk_quirks() | IO_PGTABLE_QUIRK_ARM_MTK_TTBR_EXT;
}

/* Returns the @nth online CPU, counted round and round. */
unsigned int v7s_stress_cpu(unsigned int nth);
unsigned int v7s_stress_cpu(unsigned int nth)
{
	return cpumask_nth(nth % num_online_cpus(), cpu_online_mask);
}

notrace unsigned long v7s_stress_ftrace_argument(struct ftrace_regs *fregs, unsigned int n);
notrace unsigned long v7s_stress_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
	return ftrace_regs_get_argument(fregs, n);
}
