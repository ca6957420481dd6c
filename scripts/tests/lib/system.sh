# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by tests with disks behind the tables: guests, and checks of each. A test whose name ends
# in _c uses tables of the kernel's C, the others use tables of Rust.

# shellcheck source=scripts/tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"
# shellcheck source=scripts/vm/system/guest.sh
. "$scripts/vm/system/guest.sh"

lib=$scripts/tests/lib
case $0 in
*_c) tables=c ;;
*) tables=rust ;;
esac
# The source of memory of Rust tables.
memory=slab
# Number of checks in system_checks, for plans.
# shellcheck disable=SC2034 # used by tests
system_count=11

# unpack IMAGE TREE - copies a folder of an image to the host, and prints the path of the copy.
unpack() {
	local to=$tmp/unpacked.${1##*/}
	mkdir "$to"
	in_system debugfs -R "rdump $2 $to" "$1" >/dev/null 2>&1
	echo "$to/${2##*/}"
}

# system_checks TEXT - checks the provider of the tables, and the counters of driver and M4U.
system_checks() {
	local facts
	facts=$(section facts "$1")
	if [ "$tables" = rust ]; then
		has 'the tables are of Rust' '^served by: rust$' "$facts"
		has 'no table is of C' '^tables of C: $' "$facts"
		has "their memory is from source $memory" "^table_alloc: $memory$" "$facts"
	else
		has 'the tables are of C' '^tables of C: some$' "$facts"
		has 'our module is not loaded' '^served by: C$' "$facts"
		has 'no source of memory is chosen' '^table_alloc: $' "$facts"
	fi
	same 'the kernel reports nothing' '' \
		"$(allowed='' awk -f "$lib/reports.awk" "$tmp/console")"
	same 'each entry walked is valid or invalid, each table below 4 GiB' '0 0' \
		"$(counter malformed) $(counter misplaced)"
	check 'pages are invalidated after use' [ "$(counter freed_pages)" -gt 0 ]
	same 'none of them is mapped any more' 0 "$(counter freed_mapped)"
	check 'output addresses differ from input addresses' \
		[ "$(($(counter identity) * 100))" -lt "$(counter walks)" ]
	check 'memory above 4 GiB is used' [ "$(counter above_4g)" -gt 0 ]
	same 'no request fails' 0 "$(counter failed_requests)"
	same 'each fault is a rogue access' \
		"$(($(counter rogue_accesses) - $(counter rogue_translations)))" "$(counter faults)"
	{
		grep -x 'timed out: .*' <<<"$facts"
		cat "$tmp/report"
	} | diagnose
}
