# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Mistakes of every kind, made on purpose: scripts/check fails unless the kernel reports
# exactly these. The kernel's own test modules come first; scripts/tests/lib/plant has the
# other mistakes.
#
# A task that an oops ends leaves interrupts disabled on its CPU, which is reported once.
# splat: Unexpected DAIF value|WARNING: kernel/context_tracking.c
# module: scripts/tests/lib/plant
# guest: --smp 1

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

# plant KIND CMD... - KIND is one of scripts/tests/lib/reports.awk.
plant() {
	echo "planting $1" >/dev/kmsg
	kind=$1
	shift
	("$@") >/dev/null 2>&1
	# Waits for the report in the log.
	sleep 0.1
	ok "$kind: $*"
}

# in_c MISTAKE
in_c() {
	insmod /plant_c.ko mistake="$1"
	rmmod plant_c
}

# in_rust NUMBER
in_rust() {
	insmod /plant_rust.ko mistake="$1"
	rmmod plant_rust
}

# lkdtm CRASHPOINT
lkdtm() {
	modprobe lkdtm
	echo "$1" >/sys/kernel/debug/provoke-crash/DIRECT
}

# with FILE VALUE CMD... - runs CMD while FILE has that value.
with() {
	file=$1
	before=$(cat "$1")
	echo "$2" >"$1"
	shift 2
	"$@"
	echo "$before" >"$file"
}

lose_memory() {
	modprobe kmemleak-test
	in_rust 5
	# Nothing that is younger is reported.
	sleep 5
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >/tmp/leaked
}

hung=/proc/sys/kernel/hung_task_timeout_secs
stall=/sys/module/rcupdate/parameters/rcu_exp_cpu_stall_timeout
workqueue=/sys/module/workqueue/parameters/watchdog_thresh
lockup=/proc/sys/kernel/watchdog_thresh

# An oops must not panic.
echo 0 >/proc/sys/kernel/panic_on_oops

plan 37
plant circular in_c circular
plant recursive in_c recursive
plant irq in_c irq
plant wait in_c wait
plant lock in_c lock
plant freed in_c freed
plant rcu in_c rcu
plant stall with $stall 500 in_c stall
plant held in_c held
plant warning lkdtm WARNING
plant sleep in_rust 4
plant atomic in_c atomic
plant preempt in_c preempt
plant virtual modprobe test_debug_virtual
plant ubsan modprobe test_ubsan
plant dma in_c dma
plant object in_c object
plant list lkdtm CORRUPT_LIST_ADD
plant refcount lkdtm REFCOUNT_DEC_NEGATIVE
plant trace eval 'echo l >/proc/sysrq-trigger'
plant hung with $hung 1 modprobe test_lockup state=D time_secs=3
plant workqueue with $workqueue 1 in_c workqueue
plant lockup with $lockup 1 modprobe test_lockup disable_preempt=1 time_secs=4
plant leak lose_memory
has 'a leak of C is found' 'comm "modprobe"' "$(cat /tmp/leaked)"
has 'a leak of Rust is found' 'comm "insmod"' "$(cat /tmp/leaked)"
plant slab in_c slab
plant page in_c page
plant kasan in_rust 1
plant kasan in_rust 2
plant kasan lkdtm READ_AFTER_FREE
plant kasan lkdtm SLAB_FREE_DOUBLE
plant kasan lkdtm VMALLOC_LINEAR_OVERFLOW
plant usercopy lkdtm USERCOPY_SLAB_WHITELIST_TO
plant oops lkdtm EXCEPTION
plant oops lkdtm BUG
plant rust in_rust 3
