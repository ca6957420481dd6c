/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Prototypes of what helpers.c provides to Rust, which declares them again where
 * it calls them.
 */
#ifndef TABLE_BENCH_HELPERS_H
#define TABLE_BENCH_HELPERS_H

#include <linux/types.h>

void table_bench_free_pages(unsigned long *below, unsigned long *above);
u64 table_bench_piece(const void *address, size_t *bytes);

#endif /* TABLE_BENCH_HELPERS_H */
