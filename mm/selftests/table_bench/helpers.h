/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Prototypes of what helpers.c provides to Rust, which declares them again where
 * it calls them.
 */
#ifndef TABLE_BENCH_HELPERS_H
#define TABLE_BENCH_HELPERS_H

#include <linux/types.h>

struct page;

void table_bench_free_pages(unsigned long *below, unsigned long *above);
u64 table_bench_piece(const void *address, size_t *bytes);
struct page *table_bench_chunk_of(const void *address);
size_t table_bench_chunk_bytes(struct page *chunk);
void table_bench_chunk_account(const struct page *chunk, size_t bytes, bool held);

#endif /* TABLE_BENCH_HELPERS_H */
