// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers.
 */
#include <linux/cpumask.h>
#include <linux/smp.h>

#include "helpers.h"
#include "../../../../mm/selftests/lib/stopwatch.c"

unsigned int v7s_bench_online_cpus(void)
{
	return num_online_cpus();
}

/* Runs a function on this CPU and others at the same time, and waits for it. */
unsigned int v7s_bench_on_cpus(unsigned int cpus, smp_call_func_t run, void *data)
{
	static struct cpumask chosen;
	unsigned int cpu;

	cpumask_clear(&chosen);
	cpumask_set_cpu(get_cpu(), &chosen);
	for_each_online_cpu(cpu)
		if (cpumask_weight(&chosen) < cpus)
			cpumask_set_cpu(cpu, &chosen);
	on_each_cpu_mask(&chosen, run, data, true);
	put_cpu();
	return cpumask_weight(&chosen);
}
