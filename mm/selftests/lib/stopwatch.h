/* SPDX-License-Identifier: GPL-2.0 */
/* Prototypes of stopwatch.c. */
#ifndef BENCH_STOPWATCH_H
#define BENCH_STOPWATCH_H

unsigned long bench_irq_save(void);
void bench_irq_restore(unsigned long flags);

#endif /* BENCH_STOPWATCH_H */
