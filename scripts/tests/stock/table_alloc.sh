# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The parameter table_alloc: what it chooses is shown, what a set takes is counted, and
# kmalloc, which does not know the zone, fails safely where there is memory above 4 GiB.
# guest: --mem 6G

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format

# What the kernel said since it was last asked.
said() {
	dmesg -c
}

fails() {
	! "$@" 2>/dev/null
}

# Secondary page tables in kB, those of our modules as there are no others.
counted() {
	echo 1 >/proc/sys/vm/stat_refresh
	sed -n 's/^SecPageTables: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# The number of second-level tables and the bytes of the one set there is.
taken() {
	sed 1d $debugfs/tables | awk '{ print $7, $10 }'
}

# serves NUMBER SOURCE KB TAKEN - a driver has a first-level table of 16 KiB and two of
# the second level.
serves() {
	check "table_alloc=$1 loads" modprobe $format table_alloc="$1"
	same 'and says what it is' "$2" "$(cat $debugfs/table_alloc)"
	check "a driver maps with tables from $2" modprobe rust_v7s_client
	same 'what its set takes is shown' "$4" "$(taken)"
	same 'and counted' "$3" "$(counted)"
	check 'both unload' rmmod rust_v7s_client $format
	same 'and nothing is left' 0 "$(counted)"
}

plan 49
same 'no secondary page tables at first' 0 "$(counted)"
check 'a value that table_alloc does not have is refused' fails modprobe $format table_alloc=6
has 'in a line that names it' 'table_alloc=6' "$(said)"

serves 0 slab 16 '2 18432'
serves 1 genalloc 4112 '2 18432'
serves 2 page_frag 48 '2 49152'
serves 4 page 24 '2 24576'
serves 5 pool 20 '2 20480'

check 'a region of one page' modprobe $format table_alloc=1 table_region=1
same 'takes no more' 4 "$(counted)"
rmmod $format
check 'a region that cannot be' fails modprobe $format table_alloc=1 table_region=0
has 'is refused' 'no region' "$(said)"

check 'table_alloc=3 loads' modprobe $format table_alloc=3
said >/dev/null
check 'but kmalloc has no memory below 4 GiB' fails modprobe rust_v7s_client
said >/tmp/said
has 'which one line says' 'table at 0x1[0-9a-f]* refused' "$(cat /tmp/said)"
same 'and the kernel had nothing to mend' 0 "$(grep -c 'Fix your code' /tmp/said)"
same 'no set is left' '' "$(taken)"
same 'nor a page' 0 "$(counted)"
check 'it unloads' rmmod $format
