// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers, and exported symbols, which Rust cannot
 * export.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>

/* Address of @phys in the linear map; NULL if there is no memory. */
void *soft_m4u_memory(phys_addr_t phys);
void *soft_m4u_memory(phys_addr_t phys)
{
	return pfn_is_map_memory(PHYS_PFN(phys)) ? phys_to_virt(phys) : NULL;
}

void soft_m4u_cond_resched(void);
void soft_m4u_cond_resched(void)
{
	cond_resched();
}

void soft_m4u_preempt_disable(void);
void soft_m4u_preempt_disable(void)
{
	preempt_disable();
}

void soft_m4u_preempt_enable(void);
void soft_m4u_preempt_enable(void)
{
	preempt_enable();
}

unsigned int soft_m4u_last_cpu(void);
unsigned int soft_m4u_last_cpu(void)
{
	return cpumask_last(cpu_online_mask);
}

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)
#include "exports_generated.h"
