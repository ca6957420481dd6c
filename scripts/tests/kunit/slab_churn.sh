# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The list of caches is read while the suites, run repeatedly on one CPU after the other,
# make, merge and destroy caches.
# guest: --smp 2
# soak: SLAB_CHURN_SECONDS=300

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

seconds=${SLAB_CHURN_SECONDS:-10}
list=/sys/kernel/debug/slab_rust/caches
kunit=/sys/kernel/debug/kunit

# Lines that are not of the form that they should have.
malformed() {
	tail -n +2 | grep -Ev '^[^ ]+ +(normal|dma|dma32) +[0-9]+ +[0-9]+ +[0-9]+ [^ ]+$'
}

churn() {
	while [ ! -e /tmp/stop ]; do
		for suite in slab_list slab_names slab_static slab_rcu slab_bulk; do
			echo 1 >$kunit/$suite/run
			cat $kunit/$suite/results >>/tmp/results
		done
	done
}

# One cache of the kernel is in every reading, once.
read_list() {
	end=$(($(date +%s) + seconds))
	while [ "$(date +%s)" -lt "$end" ]; do
		cat $list >/tmp/reading || echo 'not read'
		malformed </tmp/reading
		[ "$(grep -c '^kmalloc-1k ' /tmp/reading)" = 1 ] || echo 'kmalloc-1k is missing'
		echo >>/tmp/readings
	done
}

plan 5
check 'the module loads' modprobe slab_rust
churn &
same 'every reading is whole' '' "$(read_list)"
touch /tmp/stop
wait
readings=$(wc -l </tmp/readings)
runs=$(grep -c '^ok' /tmp/results)
echo "# $readings readings, $runs runs of suites"
check 'there were many' [ "$readings" -gt 10 ]
check 'while the suites ran' [ "$runs" -gt 5 ]
same 'and none failed' '' "$(grep 'not ok' /tmp/results)"
