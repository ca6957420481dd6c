# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Two differences from C that need tracing: the GFP flags of first-level tables, and the number of
# slab caches.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
tracing=/sys/kernel/tracing

# traced MODULE - prints the trace while a module makes a table set.
traced() {
	echo >$tracing/trace
	echo 1 >$tracing/tracing_on
	modprobe "$1"
	echo 0 >$tracing/tracing_on
	rmmod "$1"
	grep "$1\|modprobe" $tracing/trace
}

# flags - prints the GFP flags of four pages below 4 GiB: the first-level table.
flags() {
	sed -n 's/.*mm_page_alloc: .*order=2 .*gfp_flags=\(.*\)/\1/p' | grep DMA32
}

caches() {
	grep -c '__kmem_cache_create_args <-'
}

[ -e $tracing/trace ] || mount -t tracefs none $tracing
plan 6
check 'C serves' modprobe $format takeover=0
echo 1 >$tracing/events/kmem/mm_page_alloc/enable
check 'caches that are made can be traced' \
	sh -c "echo __kmem_cache_create_args >$tracing/set_ftrace_filter"
echo function >$tracing/current_tracer
c=$(traced rust_v7s_client)
rust=$(traced rust_v7s_by_name)
has 'C allocates its first-level table without reclaim' '^GFP_DMA32\|__GFP_ZERO$' \
	"$(echo "$c" | flags)"
has 'Rust with it' '^GFP_KERNEL\|GFP_DMA32\|' "$(echo "$rust" | flags)"
same 'C makes a cache for a table set' 1 "$(echo "$c" | caches)"
same 'Rust none' 0 "$(echo "$rust" | caches)"
