/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IO_PGTABLE_ARM_V7S_INIT_H
#define IO_PGTABLE_ARM_V7S_INIT_H

/* In Rust */
int io_pgtable_arm_v7s_init(void);

#endif /* IO_PGTABLE_ARM_V7S_INIT_H */
