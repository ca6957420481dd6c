# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/lib.sh
# Guests with two disks behind the tables, of which the first has a Debian tree. The disks and the
# M4U's counters are in $tmp.

# in_system CMD... - runs a command in the root that has fio and e2fsprogs.
in_system() {
	"$scripts/kernel/buildroot" --root system "$@"
}

# new_disks MIB - makes a disk with the tree, and an empty one of MIB megabytes.
new_disks() {
	local tree
	tree=$("$scripts/vm/system/tree") || exit
	cp --sparse=always "$tree" "$tmp/disk"
	truncate -s "$1M" "$tmp/data"
}

# boot TABLES CMD [FILE]... - runs CMD in a guest with tables of rust or c, where FILEs are in /add,
# and prints its output. The kernel is that of $kernel, its command line has $append, the M4U and
# QEMU $m4u_args.
kernel=stock append='' m4u_args=''
boot() {
	local tables=$1 cmd=$2
	shift 2
	rm -rf "$tmp/report" "$tmp/add"
	mkdir "$tmp/add"
	[ $# = 0 ] || cp "$@" "$tmp/add"
	local system=$scripts/vm/system
	local disks="--disk $tmp/disk --disk $tmp/data"
	"$scripts/guest" --kernel "$kernel" --mem 6G \
		--append "mem=5G deferred_probe_timeout=600 $append" \
		--overlay "$system/m4u.dtso" --timeout "${SOAK:-3600}" --console "$tmp/console" \
		--runner "$system/qemu $m4u_args --report $tmp/report $disks --" \
		--add "$tmp/add" --add "$system/inside.sh" \
		--run ". /inside.sh; start $tables || exit; $cmd" 2>&1
}

# counter NAME - prints a counter of the M4U.
counter() {
	awk -v name="$1" '$1 == name { print $2 }' "$tmp/report"
}

# section NAME TEXT - prints the lines of TEXT after the line "== NAME".
section() {
	sed -n "/^== $1$/,/^== /{/^== /!p}" <<<"$2"
}
