// SPDX-License-Identifier: GPL-2.0
/*
 * Macros and inline functions of the kernel's headers.
 */
#include "../../../../mm/selftests/lib/stopwatch.c"
#include "../soft_m4u/client/memory.c"
