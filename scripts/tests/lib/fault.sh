# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sets up the kernel to fail allocations of tasks that request it.

fault_injection() {
	for what in failslab fail_page_alloc; do
		dir=/sys/kernel/debug/$what
		echo 0 >$dir/verbose
		echo N >$dir/ignore-gfp-wait
		echo Y >$dir/task-filter
		echo -1 >$dir/times
		echo 100 >$dir/probability
	done
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
}

# only_within FUNCTION - those only that the kernel makes on behalf of one of its functions.
only_within() {
	range=$(sort /proc/kallsyms | awk -v name="$1" '
		found { print start, $1; exit }
		$3 == name { found = 1; start = $1 }')
	for what in failslab fail_page_alloc; do
		dir=/sys/kernel/debug/$what
		echo "0x${range% *}" >$dir/require-start
		echo "0x${range#* }" >$dir/require-end
	done
}
