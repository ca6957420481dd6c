# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The hooks of the takeover are on the kernel's functions, not on others of the same name; and the
# code behind a hook that cannot be unregistered stays.
# guest: --append kunit.autorun=0
# module: scripts/tests/lib/hooks

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust

said() {
	dmesg -c | grep -o "\($format\|rust_v7s_client\): .*"
}

# Waits up to ten seconds until a command succeeds.
soon() {
	for _ in $(seq 100); do
		"$@" && return
		usleep 100000
	done
	return 1
}

kept() {
	said | tee -a /tmp/said | grep -q 'cannot unregister the hook on "alloc_io_pgtable_ops"'
}

plan 11

check 'a module with a function of the same name' insmod /v7s_namesake.ko
check 'the format loads' modprobe $format
check 'the function is not redirected' \
	sh -c 'echo 1 >/sys/module/v7s_namesake/parameters/call'
said >/dev/null
check 'the function of the kernel' modprobe rust_v7s_client
has 'is redirected' "served by .*\[$format\]" "$(said)"
rmmod rust_v7s_client

# Tasks that wait for more than a second are reported from now on.
echo 1 >/proc/sys/kernel/hung_task_timeout_secs
check 'hooks cannot be unregistered any more' insmod /v7s_keep_hooks.ko
rmmod $format >/dev/null 2>&1 &
check 'the log says so' soon kept
sleep 3
has 'the module is not unloaded' "^$format .* Unloading " "$(cat /proc/modules)"
rmmod v7s_keep_hooks
check 'a driver gets tables' modprobe rust_v7s_client
has 'from C' 'served by arm_v7s_map_pages' "$(said)"
check 'and they go back' rmmod rust_v7s_client
