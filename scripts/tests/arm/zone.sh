# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Second-level tables on 32-bit Arm with memory above 4 GiB lie in a cache of zone DMA, in low
# memory, below 4 GiB.
# guest: --mem 6G --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
cache=/sys/kernel/slab/io-pgtable_armv7s_l2_rust
sets=/sys/kernel/debug/$format/sets

# first_of ZONE - prints the first address of a zone.
first_of() {
	pages=$(awk -v zone="$1" '/^Node/ { is = $4 == zone } is && /start_pfn/ { print $2 }' \
		/proc/zoneinfo)
	echo $((pages * 4096))
}

# The last address of memory.
last_memory() {
	sed -n 's/^[0-9a-f]*-\([0-9a-f]*\) : System RAM/0x\1/p' /proc/iomem | tail -n 1
}

# below END NUMBER... - succeeds if there are numbers, and all of them are smaller.
below() {
	end=$1
	shift
	[ $# -gt 0 ] || return
	for number in "$@"; do
		[ $((number)) -lt "$end" ] || return
	done
}

# column NUMBER - prints a column of the only table set.
column() {
	sed 1d $sets | cut -d ' ' -f "$1"
}

plan 13
has 'the machine is 32-bit Arm' '^armv7' "$(uname -m)"
check 'there is memory above 4 GiB' test $(($(last_memory))) -gt $((0xffffffff))
lowmem=$(first_of HighMem)
check 'what the kernel maps ends below' below $((1 << 32)) "$lowmem"
check 'the format loads' modprobe $format takeover=0
same 'its tables are in zone DMA, as the kernel says' 1 "$(cat $cache/cache_dma)"
same 'and not in zone DMA32' 0 "$(cat $cache/cache_dma32)"
same 'the list of caches says so, too' 'dma 1024' \
	"$(awk '$1 == "io-pgtable_armv7s_l2_rust" { print $2, $3 }' \
		/sys/kernel/debug/slab_rust/caches)"
same 'those that may lie anywhere have no zone' 0 \
	"$(cat /sys/kernel/slab/io-pgtable_armv7s_l2_ext_rust/cache_dma)"

check 'a driver maps under a spin lock' modprobe rust_v7s_atomic
has 'without waiting for tables' 'mapped under a lock' "$(dmesg | grep rust_v7s_atomic)"
has 'which go under it, too' 'and 5 tables freed' "$(dmesg | grep rust_v7s_atomic)"
# shellcheck disable=SC2046 # one word each
check 'its tables lie in what the kernel maps' below "$lowmem" \
	$(column 11) $(column 15) $(column 16)
check 'it unloads' rmmod rust_v7s_atomic
