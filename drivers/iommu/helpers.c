// SPDX-License-Identifier: GPL-2.0
/*
 * What Rust cannot reach in the kernel's headers: inline functions and macros.
 */
#include <linux/export.h>
#include <linux/io.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)
#include "exports_generated.h"
