# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The format's suites run over the other source of second-level tables.
# guest: --add scripts/tests/lib/fault.sh
# splat: Call trace:.* __kmem_cache_create_args\+.*slab_rust4slab5tests6faults

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh
# shellcheck source=scripts/tests/lib/fault.sh
. /fault.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format
results=/sys/kernel/debug/kunit

# shellcheck disable=SC2154 # from scripts/check
suites=$(echo "$suites" | tr ' ' '\n' | grep '^v7s_')

# collect SOURCE - hands out what each suite said.
collect() {
	for suite in $suites; do
		cp "$results/$suite/results" "/out/$suite-$1.ktap" || return
	done
}

plan 4
fault_injection
check 'table_alloc=5 loads' modprobe $format table_alloc=5
same 'and says so' pool "$(cat $debugfs/table_alloc)"
check 'the suites ran over it' collect pool
check 'it unloads' rmmod $format
