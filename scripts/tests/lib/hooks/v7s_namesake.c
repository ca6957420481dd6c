// SPDX-License-Identifier: GPL-2.0
/*
 * A module with a static function of its own that has the name of one of the kernel's. Writing to
 * the parameter "call" calls it, and fails if another function ran in its place.
 */
#define alloc_io_pgtable_ops kernels_alloc_io_pgtable_ops
#include <linux/io-pgtable.h>
#undef alloc_io_pgtable_ops
#include <linux/module.h>
#include <linux/moduleparam.h>

static noinline void *alloc_io_pgtable_ops(enum io_pgtable_fmt fmt, struct io_pgtable_cfg *cfg,
					   void *cookie)
{
	return cookie;
}

static int call(const char *val, const struct kernel_param *kp)
{
	typeof(alloc_io_pgtable_ops) *own = alloc_io_pgtable_ops;
	struct io_pgtable_cfg cfg = {};

	/* Else the compiler inlines or specializes it. */
	OPTIMIZER_HIDE_VAR(own);
	return own(ARM_V7S, &cfg, &cfg) == &cfg ? 0 : -EEXIST;
}

static const struct kernel_param_ops call_ops = { .set = call };
module_param_cb(call, &call_ops, NULL, 0200);
MODULE_PARM_DESC(call, "Calls the function");

static int __init namesake_init(void)
{
	return 0;
}
module_init(namesake_init);

static void __exit namesake_exit(void)
{
}
module_exit(namesake_exit);

MODULE_DESCRIPTION("Has a function with the name of one of the kernel's");
MODULE_LICENSE("GPL");
