/* SPDX-License-Identifier: GPL-2.0 */
/* Exported functions of io_pgtable_arm_v7s_rust.ko */
#ifndef IO_PGTABLE_ARM_V7S_RUST_H
#define IO_PGTABLE_ARM_V7S_RUST_H

#include <linux/io-pgtable.h>

/**
 * alloc_io_pgtable_arm_v7s_rust_ops() - Make an ARM_V7S table set in Rust.
 * @cfg:    Configuration; completed as by alloc_io_pgtable_ops().
 * @cookie: Passed to the callbacks in @cfg->tlb.
 *
 * The table set is made by this module, whatever provides ARM_V7S.
 *
 * Returns: The operations of the set, or NULL with a line in the log.
 */
struct io_pgtable_ops *
alloc_io_pgtable_arm_v7s_rust_ops(struct io_pgtable_cfg *cfg, void *cookie);

/**
 * free_io_pgtable_arm_v7s_rust_ops() - Free a table set of this module.
 * @ops: May be NULL. Refused if it is not a set of this module.
 */
void free_io_pgtable_arm_v7s_rust_ops(struct io_pgtable_ops *ops);

/**
 * io_pgtable_arm_v7s_rust_populate() - Make second-level tables ahead of need.
 * @ops:  Operations of a set of this module.
 * @iova: First input address of the range.
 * @size: Bytes in the range.
 * @gfp:  How to allocate.
 *
 * No mapping of small or large pages in the range allocates from then on,
 * whatever is unmapped meanwhile. A section mapped there replaces a table. May be
 * called where @gfp allows it, while other callers use other addresses of the
 * range.
 *
 * Returns: 0, -ERANGE if the range is not inside ias, -EINVAL for @gfp with zone
 * bits or @ops of another provider, -ENOMEM; tables made until then stay.
 */
int io_pgtable_arm_v7s_rust_populate(struct io_pgtable_ops *ops, unsigned long iova,
				     size_t size, gfp_t gfp);

/**
 * io_pgtable_arm_v7s_rust_trim() - Free second-level tables that map nothing.
 * @ops:  Operations of a set of this module.
 * @iova: First input address of the range.
 * @size: Bytes in the range.
 *
 * Frees only tables whose MiB lies in the range as a whole. The caller has the
 * range to itself, and has invalidated the caches of the walker since it last
 * unmapped there.
 */
void io_pgtable_arm_v7s_rust_trim(struct io_pgtable_ops *ops, unsigned long iova, size_t size);

/* Functions of the format, as the io-pgtable core has them for its own formats */
extern const struct io_pgtable_init_fns io_pgtable_arm_v7s_rust_init_fns;

#endif /* IO_PGTABLE_ARM_V7S_RUST_H */
