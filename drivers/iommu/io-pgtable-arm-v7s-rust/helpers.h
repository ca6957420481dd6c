/* SPDX-License-Identifier: GPL-2.0 */
/* C functions that Rust calls; each Rust file declares those that it calls. */
#ifndef V7S_HELPERS_H
#define V7S_HELPERS_H

#include <linux/types.h>

struct device;

void v7s_wmb(void);
void v7s_dma_wmb(void);
int v7s_dma_map(struct device *dev, void *table, u64 phys, size_t size);
void v7s_dma_unmap(struct device *dev, u64 dma, size_t size);
void v7s_dma_sync(struct device *dev, void *entries, size_t size);
unsigned long v7s_linear_distance(u64 phys);
bool v7s_may_report(void);
bool v7s_may_report_call(void);

#endif /* V7S_HELPERS_H */
