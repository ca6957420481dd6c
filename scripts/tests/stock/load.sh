# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The modules load on an unmodified kernel by name, and unload.
# guest: --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

loaded() {
	grep -o -e '^slab_rust ' -e '^io_pgtable_arm_v7s_rust ' /proc/modules | sort | tr -d '\n'
}

# load MODULE - loads a module.
load() {
	case $1 in
	io_pgtable_arm_v7s_rust) redirects || set -- "$1" takeover=0 ;;
	esac
	modprobe "$@"
}

# held FILE MODULE - succeeds if a module cannot be unloaded while its file is open.
held() (
	load "$2" && exec 3<"$1" || exit
	! rmmod "$2"
)

plan 6
check 'modprobe finds the format and what it needs' load io_pgtable_arm_v7s_rust
same 'both are loaded' 'io_pgtable_arm_v7s_rust slab_rust ' "$(loaded)"
check 'they unload' modprobe -r io_pgtable_arm_v7s_rust
same 'both are gone' '' "$(loaded)"
check 'a file of the format that is open holds it' \
	held /sys/kernel/debug/io_pgtable_arm_v7s_rust/sets io_pgtable_arm_v7s_rust
modprobe -r io_pgtable_arm_v7s_rust
check 'the list of caches that is open holds slab_rust' \
	held /sys/kernel/debug/slab_rust/caches slab_rust
