// SPDX-License-Identifier: GPL-2.0
/*
 * While this is loaded, unregister_ftrace_function() does nothing and fails, as it does when ftrace
 * has met an inconsistency and disabled itself.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int return_at_once(struct kprobe *probe, struct pt_regs *regs)
{
	regs_set_return_value(regs, -ENODEV);
	instruction_pointer_set(regs, procedure_link_pointer(regs));
	return 1;
}

static struct kprobe probe = {
	.symbol_name = "unregister_ftrace_function",
	.pre_handler = return_at_once,
};

static int __init keep_hooks_init(void)
{
	return register_kprobe(&probe);
}
module_init(keep_hooks_init);

static void __exit keep_hooks_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(keep_hooks_exit);

MODULE_DESCRIPTION("Makes unregister_ftrace_function() fail");
MODULE_LICENSE("GPL");
