/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Prototypes of what helpers.c provides to Rust, which declares them again where
 * it calls them.
 */
#ifndef V7S_HELPERS_H
#define V7S_HELPERS_H

#include <linux/types.h>

struct device;
struct ftrace_regs;

void v7s_wmb(void);
void v7s_dma_wmb(void);
int v7s_dma_map(struct device *dev, void *table, u64 phys, size_t size);
void v7s_dma_unmap(struct device *dev, u64 dma, size_t size);
void v7s_dma_sync(struct device *dev, void *entries, size_t size);
unsigned long v7s_linear_distance(u64 phys);
bool v7s_may_report(void);
bool v7s_may_report_call(void);
unsigned long v7s_caller(void);
#ifdef MODULE
unsigned long v7s_ftrace_argument(struct ftrace_regs *fregs, unsigned int n);
void v7s_ftrace_redirect(struct ftrace_regs *fregs, unsigned long to);
#endif

#endif /* V7S_HELPERS_H */
