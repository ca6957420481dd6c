# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The soft M4U over one source of second-level tables, which the module has until reboot:
#
#	data_arrives_over 5 pool

# shellcheck source=scripts/tests/lib/m4u.sh
. /m4u.sh

format=io_pgtable_arm_v7s_rust

# data_arrives_over NUMBER SOURCE
data_arrives_over() {
	plan 18
	modprobe $format table_alloc="$1"
	same 'where tables come from' "$2" "$(cat /sys/kernel/debug/$format/table_alloc)"
	m4u_start
	: >/tmp/reports
	for bytes in 4096 1048576 67108864; do
		round_trip sg $bytes
	done
	round_trip scattered 16777216
	check 'from four threads at a time' ask threads 4 50
	check 'invalidations took what was no longer so' positive dropped_in_time
	same 'nothing was used that was no longer so' 0 "$(state errors)"
	same 'no table lies above 4 GiB' '' "$(dmesg | grep 'does not')"
}
