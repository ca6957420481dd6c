# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The parameter table_alloc: the source is shown in debugfs, the memory of a set is counted, and
# numbers of removed sources are refused.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format

# Prints new lines of the kernel log.
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
	sed 1d $debugfs/sets | awk '{ print $13, $12 + $17 }'
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

# refused NUMBER - a source that only table_bench measures.
refused() {
	check "table_alloc=$1 is refused" fails modprobe $format table_alloc="$1"
	has 'in a line that names it' "table_alloc=$1: only table_bench" "$(said)"
}

plan $((3 + 2 * 6 + 4 * 2 + 5))
same 'no secondary page tables at first' 0 "$(counted)"
check 'a value that table_alloc does not have is refused' fails modprobe $format table_alloc=6
has 'in a line that names it' 'table_alloc=6' "$(said)"

serves 0 slab 16 '2 18432'
serves 5 pool 20 '2 20480'
for number in 1 2 3 4; do
	refused $number
done

check 'populate_mib=8 loads' modprobe $format populate_mib=8
check 'a driver maps in some of the first 8 MiB' modprobe rust_v7s_client
same 'each of which had a table from the start' 8 "$(taken | cut -d ' ' -f 1)"
check 'both unload' rmmod rust_v7s_client $format
same 'and nothing is left' 0 "$(counted)"
