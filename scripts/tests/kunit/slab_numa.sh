# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The suites of slab_rust on a machine with two NUMA nodes and memory above 4 GiB.
# guest: --mem 6G --smp 2
# guest: --qemu -object --qemu memory-backend-ram,id=first,size=4G
# guest: --qemu -object --qemu memory-backend-ram,id=second,size=2G
# guest: --qemu -numa --qemu node,memdev=first,cpus=0
# guest: --qemu -numa --qemu node,memdev=second,cpus=1

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

# ran SUITE
ran() {
	cp "/sys/kernel/debug/kunit/$1/results" "/out/$1.ktap"
}

# shellcheck disable=SC2046,SC2086,SC2154 # a list of words, from scripts/check
set -- $(printf '%s\n' $suites | grep '^slab_')
plan $(($# + 2))
same 'there are two nodes' 2 "$(find /sys/devices/system/node -name 'node[0-9]*' | wc -l)"
check 'slab_rust loads' modprobe slab_rust
for suite in "$@"; do
	check "suite $suite ran" ran "$suite"
done
