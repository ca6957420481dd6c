// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions that only the loadable module calls, and its exported symbols, which
 * Rust cannot export.
 */
#include <linux/export.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/stacktrace.h>

#include "../io_pgtable_arm_v7s_rust.h"
#include "helpers.h"

/* Returns the return address in the function that called this module, or 0. */
unsigned long v7s_caller(void)
{
#ifdef CONFIG_STACKTRACE
	unsigned long entries[16];
	unsigned int count = stack_trace_save(entries, ARRAY_SIZE(entries), 0);
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!within_module(entries[i], THIS_MODULE))
			return entries[i];
#endif
	return 0;
}

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
notrace unsigned long v7s_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
	return ftrace_regs_get_argument(fregs, n);
}

notrace void v7s_ftrace_redirect(struct ftrace_regs *fregs, unsigned long to)
{
	ftrace_regs_set_instruction_pointer(fregs, to);
}
#endif

EXPORT_SYMBOL_GPL(alloc_io_pgtable_arm_v7s_rust_ops);
EXPORT_SYMBOL_GPL(free_io_pgtable_arm_v7s_rust_ops);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_init_fns);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_populate);
EXPORT_SYMBOL_GPL(io_pgtable_arm_v7s_rust_trim);

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)
#include "exports_generated.h"
