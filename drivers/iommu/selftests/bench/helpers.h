/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Prototypes of what helpers.c provides to Rust, which declares them again where
 * it calls them.
 */
#ifndef V7S_BENCH_HELPERS_H
#define V7S_BENCH_HELPERS_H

#include <linux/smp.h>

unsigned int v7s_bench_online_cpus(void);
unsigned int v7s_bench_on_cpus(unsigned int cpus, smp_call_func_t run, void *data);

#endif /* V7S_BENCH_HELPERS_H */
