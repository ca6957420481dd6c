# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Checks in a debug kernel after a test, when all modules are unloaded: leaked memory
# (kmemleak), corrupted slabs, and pages allocated by code of unloaded modules.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

kmemleak=/sys/kernel/debug/kmemleak

# A module that is still in use is the test's own doing.
unload() {
	cut -d ' ' -f 1 /proc/modules | xargs -n 1 rmmod 2>/dev/null
}

# What is not pointed to from two scans, the first of which may meet pointers on
# their way. Nothing that is younger than five seconds is reported.
leaks() {
	sleep 5
	echo scan >$kmemleak
	echo scan >$kmemleak
	cat $kmemleak
}

# Has each cache's slabs looked through; what is wrong goes to the log. In the first
# slab of kmem_cache_node, which is older than debugging, the kernel finds fault.
validate() {
	for cache in /sys/kernel/slab/*; do
		[ -h "$cache" ] || [ "${cache##*/}" = kmem_cache_node ] ||
			echo 1 >"$cache/validate" || echo "$cache"
	done
}

# Pages with a caller that has no name any more; slabs, the kernel's memory of
# callers and what vmalloc keeps are not his who happens to make them grow.
orphans() {
	dd bs=64k if=/sys/kernel/debug/page_owner_stacks/show_stacks 2>/dev/null | awk '
		BEGIN { RS = "" }
		/allocate_slab|stack_depot_save|kasan_populate_vmalloc|p(te|md|ud)_alloc/ { next }
		/\n 0x[0-9a-f]+\n/
		END { if (NR < 100) print NR " callers own pages" }'
}

# What a test broke on purpose is not looked at.
! dmesg | grep -q 'planting ' || exit
exec >/out/aftermath.ktap
plan 3
for _ in 1 2 3; do
	unload
done
same 'nothing leaked' '' "$(leaks | head -n 100)"
same 'all slabs can be looked through' '' "$(validate)"
same 'all pages have an owner' '' "$(orphans | head -n 100)"
