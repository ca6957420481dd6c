# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Each allocation fails once while modules are loaded and files in debugfs are read, and in
# the suites slab_faults and v7s_faults; the number of objects and pages is the same
# afterwards.
#
# Of loading and reading, every FAULT_STEP-th allocation.
# soak: FAULT_STEP=1
#
# The kernel dumps the stack when it cannot make a cache.
# splat: Call trace:.* __kmem_cache_create_args\+.*slab_rust
# program: scripts/tests/lib/fault/attempt.c
# guest: --add scripts/tests/lib/fault.sh --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh
# shellcheck source=scripts/tests/lib/fault.sh
. /fault.sh

step=${FAULT_STEP:-20}
debugfs=/sys/kernel/debug
format=io_pgtable_arm_v7s_rust

# file MODULE
file() {
	find /lib/modules -name "$1.ko"
}

# Prints what exists of a module: itself, its files, its caches.
traces() {
	grep "^$1 " /proc/modules
	find $debugfs -maxdepth 1 -name "$1"
	[ "$1" = slab_rust ] || find /sys/kernel/slab -name '*_rust'
}

# load MODULE [PARAMETERS] - loads and unloads a module with each allocation
# failing in turn; prints errors.
load() {
	n=1
	while :; do
		# shellcheck disable=SC2046 # two words
		set -- "$1" "${2:-}" $(/attempt $n load "$(file "$1")" "${2:-}")
		case $3 in
		0) rmmod "$1" || echo "allocation $n: it does not unload" ;;
		12) [ "$4" = 0 ] || echo "ENOMEM, but no allocation failed" ;;
		*) echo "allocation $n: errno $3" ;;
		esac
		left=$(traces "$1")
		[ -z "$left" ] || echo "allocation $n: $left"
		[ "$4" = 0 ] || break
		n=$((n + step))
	done
	echo "# $1 $2: $n allocations" >/dev/kmsg
	[ "$n" -gt 1 ] || echo 'no allocation failed'
}

# read_file FILE [FACTOR] - reads a file with each allocation failing in turn, in larger steps.
read_file() {
	factor=${2:-1}
	n=1
	before=$(cut -d ' ' -f 1 "$1")
	while :; do
		# shellcheck disable=SC2046 # two words
		set -- "$1" $(/attempt $n read "$1")
		case $2 in
		0 | 12) ;;
		*) echo "allocation $n: errno $2" ;;
		esac
		[ "$3" = 0 ] || break
		n=$((n + step * factor))
	done
	echo "# $1: $n allocations" >/dev/kmsg
	[ "$n" -gt 1 ] || echo 'no allocation failed'
	[ "$(cut -d ' ' -f 1 "$1")" = "$before" ] || echo 'it changed'
}

# Objects in the caches of the format, and pages that our code has from the page
# allocator; slabs are those of their objects.
counts() {
	for cache in /sys/kernel/slab/*_rust; do
		echo 1 >"$cache/shrink"
		echo "${cache##*/} $(cut -d ' ' -f 1 "$cache/objects")"
	done
	dd bs=64k if=$debugfs/page_owner_stacks/show_stacks 2>/dev/null | awk '
		BEGIN { RS = "" }
		/\[(slab_rust|io_pgtable_arm_v7s_rust)\]/ && !/allocate_slab|stack_depot_save/ {
			sub(/.*nr_base_pages: /, "")
			pages += $1
		}
		END { print "pages", pages + 0 }'
}

# run SUITE
run() {
	echo 1 >"$debugfs/kunit/$1/run"
	cp "$debugfs/kunit/$1/results" "/out/$1.ktap"
}

plan 11
fault_injection

modprobe $format
for suite in slab_faults v7s_faults; do
	before=$(counts)
	check "suite $suite runs" run $suite
	same 'there are as many objects and pages' "$before" "$(counts)"
done

modprobe rust_v7s_client
# It has some for each cache of the system.
same 'reading slab_rust/caches' '' "$(read_file $debugfs/slab_rust/caches 50)"
for path in $format/sets $format/served_by; do
	same "reading $path" '' "$(read_file "$debugfs/$path")"
done
same 'reading cache_dma32' '' \
	"$(read_file /sys/kernel/slab/io-pgtable_armv7s_l2_rust/cache_dma32)"
rmmod rust_v7s_client $format slab_rust

only_within do_one_initcall
same 'loading slab_rust' '' "$(load slab_rust)"
modprobe slab_rust
same 'loading the format' '' "$(load $format)"
check 'it loads' modprobe $format
