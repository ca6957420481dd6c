/* SPDX-License-Identifier: GPL-2.0 */
/* C functions that the Rust files of this folder and module.rs call. */
#ifndef V7S_MODULE_HELPERS_H
#define V7S_MODULE_HELPERS_H

struct ftrace_regs;

unsigned long v7s_caller(void);
unsigned long v7s_ftrace_argument(struct ftrace_regs *fregs, unsigned int n);
void v7s_ftrace_redirect(struct ftrace_regs *fregs, unsigned long to);

#endif /* V7S_MODULE_HELPERS_H */
