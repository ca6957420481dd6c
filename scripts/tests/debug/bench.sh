# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The modules that measure and dump tables of Rust and C, under the kernel's checks. Their
# results are checked by other tests.
#
# C makes a cache of the same name for each of its tables.
# splat: kmem_cache of name 'io-pgtable_armv7s_l2' already exists
# guest: --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

results=/sys/kernel/debug/v7s_bench/results
dump=/sys/kernel/debug/v7s_dump

# Files of debugfs have no size until they are read.
not_empty() {
	find $dump -name tables | while read -r file; do
		head -c 1 "$file"
		echo
	done | grep -c .
}

plan 10
check 'the format loads beside C' modprobe io_pgtable_arm_v7s_rust takeover=0
check 'the benchmark runs' modprobe v7s_bench calls=1
has 'and has results' '"op": *"unmap"' "$(cat $results)"
check 'it unloads' rmmod v7s_bench
check 'it runs between marks' modprobe v7s_bench events=1
has 'and names the sections' '"buffer": *"scattered"' "$(cat $results)"
check 'it unloads' rmmod v7s_bench
check 'the dump is made' modprobe v7s_dump
same 'by both, in all configurations' 10 "$(not_empty)"
check 'it unloads' rmmod v7s_dump
