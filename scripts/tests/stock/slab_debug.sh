# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Caches of a kernel that was told to debug all of them.
# guest: --append slab_debug=FZPU

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

slab=/sys/kernel/slab

plan 5
check 'the sample loads' modprobe rust_kmem_cache
same 'its caches are debugged' 1111 \
	"$(cd $slab/rust_sample_tables && cat sanity_checks red_zone poison store_user | tr -d '\n')"
same 'and still in their zone' 1 "$(cat $slab/rust_sample_tables/cache_dma32)"
check 'it unloads' rmmod rust_kmem_cache
same 'nothing was left behind' '' "$(dmesg | grep 'stays behind')"
