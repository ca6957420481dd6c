# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The samples on 32-bit Arm, with memory above 4 GiB: their lines in the log.
# guest: --mem 6G --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

slab=/sys/kernel/slab

# log MODULE - prints the lines of a module in the log.
log() {
	dmesg | sed -n "s/.*\] $1: //p"
}

# Loads and unloads a module with the given parameters.
comes_and_goes() {
	modprobe "$@" && rmmod "$1"
}

# Modules that write 64-bit numbers in decimal, where Rust on 32-bit Arm panics: the kernel has no
# division for it. Those that write numbers of any base in tests are not looked at.
decimal() {
	find /lib/modules -name '*.ko' ! -name v7s_compare.ko \
		! -name io_pgtable_arm_v7s_rust.ko -exec \
		grep -lE '_(4core3fmt3num3imp|6kernel3fmt)[xy]Nt[A-Za-z0-9]*_7Display3fmt' {} +
}

plan 17
same 'no module writes 64-bit numbers in decimal' '' "$(decimal)"
check 'the caches' modprobe rust_kmem_cache
has 'a table lies below 4 GiB' 'table at 0x[0-9a-f]{8}, below' "$(log rust_kmem_cache)"
same 'in zone DMA' 'dma 1024' \
	"$(awk '$1 == "rust_sample_tables" { print $2, $3 }' /sys/kernel/debug/slab_rust/caches)"
same 'as the kernel says' 1 "$(cat $slab/rust_sample_tables/cache_dma)"
same 'which is not DMA32' 0 "$(cat $slab/rust_sample_tables/cache_dma32)"
has 'what is neither is in memory that the kernel maps' 'plain object at 0x[0-9a-f]{8}, below' \
	"$(log rust_kmem_cache)"
check 'they unload' rmmod rust_kmem_cache
same 'and leave nothing' '' "$(find $slab/ -name 'rust_sample*')"

check 'a client of C' comes_and_goes rust_v7s_client
has 'has memory above 4 GiB mapped' '16384 KiB page: 0x10ffffff -> 0x120ffffff' \
	"$(log rust_v7s_client)"
check 'the format' modprobe io_pgtable_arm_v7s_rust takeover=0
check 'a client beside it' comes_and_goes rust_v7s_client
check 'one that asks by name' comes_and_goes rust_v7s_by_name
check 'one that maps under a lock' comes_and_goes rust_v7s_atomic
check 'the format unloads' rmmod io_pgtable_arm_v7s_rust
same 'no complaint of theirs' '' "$(dmesg | grep -E 'stays behind|leaked|that is wrong')"
