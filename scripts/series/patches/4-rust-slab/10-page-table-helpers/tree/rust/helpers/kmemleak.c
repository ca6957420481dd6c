// SPDX-License-Identifier: GPL-2.0

#include <linux/kmemleak.h>

__rust_helper void rust_helper_kmemleak_ignore(const void *ptr)
{
	kmemleak_ignore(ptr);
}
