/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What io_pgtable_arm_v7s_rust.ko offers to other modules.
 */
#ifndef IO_PGTABLE_ARM_V7S_RUST_H
#define IO_PGTABLE_ARM_V7S_RUST_H

#include <linux/io-pgtable.h>

/**
 * alloc_io_pgtable_arm_v7s_rust_ops() - Make an ARM_V7S table set in Rust.
 * @cfg:    What is asked for; completed as by alloc_io_pgtable_ops().
 * @cookie: Passed to the callbacks in @cfg->tlb.
 *
 * For a caller who asks for it by name, whatever serves ARM_V7S.
 *
 * Returns: The set's operations, or NULL; the log says why.
 */
struct io_pgtable_ops *
alloc_io_pgtable_arm_v7s_rust_ops(struct io_pgtable_cfg *cfg, void *cookie);

/**
 * free_io_pgtable_arm_v7s_rust_ops() - Free what the function above made.
 * @ops: May be NULL. Refused if it is not a set of this module.
 */
void free_io_pgtable_arm_v7s_rust_ops(struct io_pgtable_ops *ops);

/* The same as the io-pgtable core has it for its own formats. */
extern const struct io_pgtable_init_fns io_pgtable_arm_v7s_rust_init_fns;

#endif /* IO_PGTABLE_ARM_V7S_RUST_H */
