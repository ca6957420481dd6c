// SPDX-License-Identifier: GPL-2.0
/*
 * Macros of the kernel's headers; part of the helpers.c of each module that measures time, see
 * stopwatch.rs.
 */
#include <linux/irqflags.h>

#include "stopwatch.h"

unsigned long bench_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void bench_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}
