# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Many callers of one table set (drivers/iommu/selftests/stress), while others make sets
# and free them, debugfs is read, and the format is told to go, which it must not:
#
#	. /callers.sh
#	plan $((2 * stress_checks))
#	stress 0 200000
#	stress 1 200000

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
users=/sys/kernel/debug/v7s_users/counts
# shellcheck disable=SC2034 # for plans
stress_checks=10

# Everything that there is to read, over and over. Folders of sets go meanwhile.
read_all() {
	while [ ! -e /tmp/stop ]; do
		find /sys/kernel/debug/$format -type f -exec cat {} + >/tmp/reading 2>/dev/null
		grep -q '^set ias ' /tmp/reading && echo >>/tmp/readings
	done
}

unload_all_the_time() {
	while [ ! -e /tmp/stop ]; do
		rmmod $format 2>/dev/null && echo gone
		echo >>/tmp/refused
		usleep 10000
	done
}

more_than() {
	[ "$(wc -l <"$2")" -gt "$1" ]
}

# stress KIND CALLS - races for tables of a kind; what the race says is a document
# of its own.
stress() {
	rm -f /tmp/stop /tmp/readings /tmp/refused
	check "tables of kind $1: the format loads" modprobe $format "table_alloc=$1"
	check 'v7s_users makes and frees sets' modprobe v7s_users sets=2 threads=1
	read_all &
	unload_all_the_time >/tmp/unloaded &
	check "$2 calls are made" modprobe v7s_stress "calls=$2" "seed=${STRESS_SEED:-0}"
	touch /tmp/stop
	wait
	cp /sys/kernel/debug/v7s_stress/results "/out/stress-$1.ktap"
	same 'the format stayed' '' "$(cat /tmp/unloaded)"
	check 'though it was told to go' more_than 5 /tmp/refused
	check 'while it was looked at' more_than 0 /tmp/readings
	same 'and the others were fine' 'c 0 wrong 0' \
		"$(sed '/^rust/d' $users | tr '\n' ' ' | sed 's/ $//')"
	check 'all of them go' rmmod v7s_stress v7s_users
	check 'and the format' rmmod $format
	same 'and leave no table behind' '' "$(dmesg -c | grep 'stays behind')"
}
