# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Debian's unmodified mtk_iommu with a device behind the soft M4U: checks for tables of Rust and of
# C. The caller adds checks of its own:
#
#	. /m4u.sh
#	plan $((m4u_checks + 1))
#	m4u_start
#	same 'whose tables it has' ...
#	m4u_checks

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

m4u=/sys/kernel/debug/soft_m4u
client=/sys/kernel/debug/soft_m4u_client
driver=/sys/bus/platform/drivers/soft_m4u_client
# shellcheck disable=SC2034 # what m4u_checks has, for the plan
m4u_count=78

# The number after $1 in the state of the M4U.
state() {
	sed -n "s/^$1 //p" $m4u/state
}

positive() {
	[ "$(state "$1")" -gt 0 ]
}

fails() {
	! "$@"
}

# What the kernel said since it was last asked.
said() {
	dmesg -c | tee -a /tmp/said
}

# ask COMMAND... - runs a command of the client, and returns its result.
ask() {
	echo "$*" >$client/run
}

# The last of ask's errors, by its text.
refused() {
	ask "$@" 2>&1 | sed 's/.*: //'
}

# Bytes that were mapped with pages of size $1, of all reports so far.
bytes_by() {
	sed -n "s/.* $1 \([0-9]*\).*/\1/p" /tmp/reports | sort -n | tail -n 1
}

# round_trip KIND BYTES - the device copies that much, and it arrives.
round_trip() {
	check "$1, $(($2 / 1024)) KiB: every byte arrives" ask "$1" "$2"
	cat $client/run >>/tmp/reports
	has 'in memory above 4 GiB' "^.* $2 bytes .* $2 of them above 4 GiB" "$(cat $client/run)"
}

# Interrupts and what follows from them take a moment.
eventually() {
	for _ in $(seq 50); do
		[ "$(state "$1")" = "$2" ] && return
		usleep 20000
	done
	return 1
}

bound() {
	[ -e $driver/soft-m4u-client ]
}

m4u_start() {
	check 'the IOMMU driver loads' modprobe mtk_iommu
	check 'so does what plays the hardware' modprobe soft_m4u
	check 'and the driver of a device behind it' modprobe soft_m4u_client
	check 'the device is there' bound
	same 'and in an IOMMU group' soft-m4u-client "$(ls /sys/kernel/iommu_groups/*/devices)"
}

# The smallest buffer, a page of this kernel.
page_size() {
	awk '$1 == "KernelPageSize:" { print $2 * 1024; exit }' /proc/self/smaps
}

data_arrives() {
	: >/tmp/reports
	for bytes in "$(page_size)" 65536 1048576 16777216 67108864; do
		for kind in coherent single sg scattered; do
			round_trip $kind "$bytes"
		done
	done
	for size in 4K 64K 1M 16M; do
		check "pages of $size were among it" [ "$(bytes_by $size)" -gt 0 ]
	done
	check 'from four threads at a time' ask threads 4 100
	check 'addresses were found in the TLB' positive hits
	check 'and tables in the walk cache' positive walk_hits
	check 'invalidations took what was no longer so' positive dropped_in_time
	same 'nothing was used that was no longer so' 0 "$(state errors)"
}

faults() {
	said >/dev/null
	same 'an address taken back leads nowhere' 'Bad address' "$(refused late single 65536)"
	check 'the driver heard of it and invalidated everything' eventually full_invalidations 1
	has 'and says where' 'mtk-iommu .*: fault type=0x1 iova=0x[0-9a-f]*002 .* write' "$(said)"
	same 'no other was' 1 "$(state faults)"
}

nonsense() {
	for command in '' sg 'sg 0' 'sg 5' 'sg x' 'ring 4096' 'hold ring 4096' 'sg 4096 4096'; do
		same "'$command' is refused" 'Invalid argument' "$(refused "$command")"
	done
}

unbinding() {
	said >/dev/null
	check 'a buffer stays mapped' ask hold sg 1048576
	check 'the hardware stays under its driver' fails rmmod soft_m4u
	echo soft-m4u-client >$driver/unbind
	check 'unbound with the buffer mapped' fails bound
	has 'the client says so' '1 buffers of 1048576 bytes were still mapped: unmapped' "$(said)"
	echo soft-m4u-client >$driver/bind
	check 'bound again, data arrives' ask sg 1048576
	same 'nothing was left behind' 0 "$(state errors)"
}

# The tests above rely on this: errors made on purpose are found.
planted() {
	check 'driver and hardware unload' rmmod soft_m4u_client soft_m4u
	modprobe soft_m4u ignore_every=1
	modprobe soft_m4u_client
	said >/dev/null
	same 'invalidations that do nothing are noticed' 'Input/output error' "$(refused sg 65536)"
	has 'by the M4U' 'a translation is used that is no longer so' "$(said)"
	check 'which counts them' positive stale_translations
	check 'driver and hardware unload after errors' rmmod soft_m4u_client soft_m4u
}

m4u_checks() {
	data_arrives
	faults
	nonsense
	unbinding
	same 'every invalidation was acknowledged in time' '' \
		"$(said >/dev/null; grep 'TLB flush timed out' /tmp/said)"
	planted
}
