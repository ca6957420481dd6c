# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The part of scripts/vm/system/guest.sh inside the guest: loads the modules for the disks, and
# mounts the Debian tree of the first.

format=/sys/kernel/debug/io_pgtable_arm_v7s_rust

# load rust|c - loads the modules, with tables of Rust or C.
load() {
	[ "$1" = c ] || modprobe io_pgtable_arm_v7s_rust
	for module in mtk-smi mtk_iommu virtio_blk ext4; do
		modprobe $module
	done
}

# disk SERIAL - prints the device of the disk with this serial number, once it is there.
disk() {
	for disk_try in $(seq 600); do
		for disk_name in /sys/block/vd*; do
			if [ "$(cat "$disk_name/serial" 2>/dev/null)" = "$1" ]; then
				echo "/dev/${disk_name##*/}"
				return
			fi
		done
		usleep 100000
	done
	echo "no disk $1 after $disk_try tries" >&2
	return 1
}

# start rust|c - prepares for `inside`; $data is the other disk.
start() {
	load "$1"
	# shellcheck disable=SC2034 # tests use it
	data=$(disk m4u-disk1) || return
	mkdir -p /debian
	mount -t ext4 "$(disk m4u-disk0)" /debian || return
	# The packages are not configured, so that some folders are missing.
	mkdir -p /debian/mnt
	mount -t proc none /debian/proc
	mount -t sysfs none /debian/sys
	mount --bind /dev /debian/dev
	mount -t tmpfs none /debian/tmp
	cp -R /add/. /debian/tmp 2>/dev/null
}

# inside CMD... - runs a command of Debian's.
inside() {
	chroot /debian /usr/bin/env PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 "$@"
}

# finish - unmounts the tree.
finish() {
	umount /debian/tmp /debian/dev /debian/sys /debian/proc && umount /debian
}

fault_interrupts() {
	awk '/1bff00000.iommu/ { print $2 + $3 }' /proc/interrupts
}

# facts - prints the provider of mtk_iommu's tables and counters of its log, one a line.
facts() {
	echo '== facts'
	echo "served by: $(cat $format/served_by 2>/dev/null || echo C)"
	echo "tables of C: $([ ! -e /sys/kernel/slab/io-pgtable_armv7s_l2 ] || echo some)"
	echo "table_alloc: $(cat $format/table_alloc 2>/dev/null)"
	echo "fault interrupts: $(fault_interrupts)"
	echo "timed out: $(dmesg | grep -c 'TLB flush timed out')"
}
