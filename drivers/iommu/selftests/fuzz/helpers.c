// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions of the kernel's headers.
 */
#include "../lib/memory.c"
