# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The modules load on an unmodified kernel by name, and unload.

# shellcheck source=scripts/tests/ktap.sh
. /ktap.sh

loaded() {
	grep -o -e '^slab_rust ' -e '^io_pgtable_arm_v7s_rust ' /proc/modules | sort | tr -d '\n'
}

plan 4
check 'modprobe finds the format and what it needs' modprobe io_pgtable_arm_v7s_rust
same 'both are loaded' 'io_pgtable_arm_v7s_rust slab_rust ' "$(loaded)"
check 'they unload' modprobe -r io_pgtable_arm_v7s_rust
same 'both are gone' '' "$(loaded)"
