# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# On 32-bit Arm functions of the kernel cannot be redirected: loading fails with a line that names
# takeover=0, with which the exported functions work.
# guest: --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format

# Prints new lines of the format in the kernel log.
said() {
	dmesg -c | grep -o "$format: .*" | sort -u
}

sets() {
	sed 1d $debugfs/sets | wc -l
}

# Busybox tries twice.
refuse() {
	insmod "$(find /lib/modules -name $format.ko)" 2>&1
}

plan 20
modprobe slab_rust
said >/dev/null
has 'loading is refused' 'not supported' "$(refuse)"
said >/tmp/said
same 'in one line' 1 "$(wc -l </tmp/said)"
has 'that says what cannot be' 'ARM_V7S cannot be taken over: 32-bit Arm' "$(cat /tmp/said)"
has 'and what to do' 'with takeover=0 only the exported functions serve' "$(cat /tmp/said)"
same 'nothing is left of it' '' "$(grep -o "^$format " /proc/modules; ls -d $debugfs 2>/dev/null)"

check 'takeover=0 loads' modprobe $format takeover=0
said >/tmp/said
has 'it says what then is to be minded' \
	'must go back through free_io_pgtable_arm_v7s_rust_ops' "$(cat /tmp/said)"
has 'and that C serves' 'ARM_V7S is served by c' "$(cat /tmp/said)"
same 'debugfs says so, too' c "$(cat $debugfs/served_by)"
check 'a driver gets tables' modprobe rust_v7s_client
has 'from C' 'served by arm_v7s_map_pages' "$(dmesg | grep rust_v7s_client)"
same 'which are not ours' 0 "$(sets)"
check 'and go back' rmmod rust_v7s_client
check 'a driver that asks by name' modprobe rust_v7s_by_name
same 'gets ours' 1 "$(sets)"
check 'they hold the module' sh -c "! rmmod $format"
check 'and go back, too' rmmod rust_v7s_by_name
same 'none is left' 0 "$(sets)"
check 'the module unloads' rmmod $format
check 'slab_rust, too' rmmod slab_rust
