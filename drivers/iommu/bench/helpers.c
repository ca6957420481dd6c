// SPDX-License-Identifier: GPL-2.0
/*
 * Macros of the kernel's headers.
 */
#include <linux/irqflags.h>

unsigned long v7s_bench_irq_save(void);
unsigned long v7s_bench_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void v7s_bench_irq_restore(unsigned long flags);
void v7s_bench_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}
