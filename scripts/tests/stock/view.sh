# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Files of table sets in debugfs, also while v7s_churn changes mappings on all CPUs: a line
# shows the state before or after a change.
#
# Freed tables are poisoned, to detect readers of freed tables.
# guest: --smp 4 --append slab_debug=P,io-pgtable_armv7s_l2*

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format
# Number of reads of each file, and limit in seconds.
wanted=3 limit=120

fails() {
	! "$@"
}

# What v7s_churn maps: to 2 GiB above, and for each size of page with other
# flags. What could be one run is none.
# shellcheck disable=SC2016 # the fields are awk's
judge_runs='
	FNR == 1 && $0 == "set iova paddr size page_size access" { set = -1; next }
	$1 > set { set = $1; end = last = 0; sets[set] = 1 }
	{ iova = $2 + 0; size = $4 + 0 }
	NF != 6 || $1 != set || $3 + 0 != iova + 0x80000000 ||
	!size || iova % 4096 || size % 4096 ||
	iova < end || iova == end && $5 == last || iova + size > 0x10000000 ||
	$5 " " $6 != "4K read,write,uncached" && $5 " " $6 != "64K read,uncached" &&
	$5 " " $6 != "1M read,write,cached" && $5 " " $6 != "16M read,device,noexec" {
		print FILENAME ": " $0 " after " end
	}
	{ end = iova + size; last = $5; seen[$5] = 1 }
	END {
		for (size in seen) print size >>"/tmp/seen"
		for (set in sets) print set >>"/tmp/numbers"
	}'

# The same of entries: sections and pages by their addresses, those of a second
# level by the table before them.
# shellcheck disable=SC2016
judge_entries='
	FNR == 1 && $0 == "set iova level entry" { set = -1; next }
	$1 > set { set = $1; before = table = -1 }
	{ iova = $2 + 0; mib = int(iova / 0x100000); kind = ("0x" substr($4, 10)) % 4 }
	NF != 4 || $1 != set || length($4) != 10 || iova < before || $3 == 2 && mib != table ||
	$3 == 1 && iova % 0x100000 || $3 != 1 && $3 != 2 {
		print FILENAME ": " $0 " after " before
	}
	{ before = iova; paddr = iova + 0x80000000 }
	# Type 1 of a first level is a table, type 2 a section or a part of a supersection (bit 18).
	$3 == 1 && kind == 1 { table = mib; next }
	$3 == 1 { digits = int(("0x" substr($4, 6, 1)) / 4) % 2 ? 4 : 5 }
	# Of a second level, type 1 is a large page and 2 or 3 a small one.
	$3 == 2 { digits = kind == 1 ? 6 : 7 }
	{ page = 2 ^ (40 - 4 * digits) }
	{ base = substr($4, 1, digits) substr("000000", 1, 10 - digits) }
	kind == 0 || base + 0 != paddr - paddr % page { print FILENAME ": " $0 " is not " paddr }'

# shellcheck disable=SC2016
judge_sets='
	NR == 1 && NF == 17 && $1 $2 $3 $17 == "setiasoasl2_bytes" { set = -1; next }
	NF != 17 || $1 <= set ||
	$2 " " $3 " " $4 " " $5 " " $6 != "32 32 - 4K,64K,1M,16M coherent" ||
	$12 != 16384 || $17 != 1024 * ($13 + $14) || $13 ? $15 + 0 > $16 + 0 : $15 $16 != "--" {
		print FILENAME ": " $0
	}
	{ set = $1 }'

# look NAME JUDGE CMD... - judges what CMD prints, again and again, while there is
# something to see. A set may go before its file is opened, or while it is read.
look() {
	(
		name=$1 judge=$2 times=0
		shift 2
		until [ -e /tmp/stop ]; do
			if "$@" >"/tmp/$name" 2>/dev/null && [ -s "/tmp/$name" ]; then
				awk "$judge" "/tmp/$name" >>"/tmp/$name.wrong"
				times=$((times + 1))
				echo $times >"/tmp/$name.times"
			fi
		done
	) &
}

# enough NAME - succeeds if that file was read often enough.
enough() {
	[ "$(cat "/tmp/$1.times" 2>/dev/null || echo 0)" -ge $wanted ]
}

all_enough() {
	for name in $files; do
		enough "$name" || return
	done
	[ "$(sort -u /tmp/seen | wc -l)" = 4 ]
}

# A few bytes at a time.
sip() {
	dd if=$debugfs/runs bs=13
}

# The number of the set that was made last.
newest() {
	sed 1d $debugfs/sets | cut -d ' ' -f 1 | tail -n 1
}

files='runs sips entries sets'

plan $((20 + 2 * 4))

modprobe $format
modprobe rust_v7s_client
expected='set iova paddr size page_size access
0 0x000100000 0x112345000 0x1000 4K read,write,uncached
0 0x000250000 0x112350000 0x10000 64K read,write,uncached
0 0x004000000 0x112400000 0x100000 1M read,write,uncached
0 0x010000000 0x120000000 0x1000000 16M read,write,uncached'
same 'runs are what the client mapped' "$expected" "$(cat $debugfs/runs)"
same 'read a line at a time, too' "$expected" \
	"$(while read -r line; do echo "$line"; done <$debugfs/runs)"
same 'and from anywhere' "$(echo "$expected" | sed 1d)" \
	"$(dd if=$debugfs/runs bs=37 skip=1 2>/dev/null)"
same 'in entries of two tables, of 1, 16, 1 and 16 for a page' 36 \
	"$(sed 1d $debugfs/entries | wc -l)"
check 'another set comes' modprobe rust_v7s_by_name
same 'and is behind the first' '0 1 ' "$(sed 1d $debugfs/sets | cut -d ' ' -f 1 | tr '\n' ' ')"
check 'it goes' rmmod rust_v7s_by_name
exec 3<$debugfs/runs 4<$debugfs/sets
check 'a reader does not keep a set' rmmod rust_v7s_client
same 'it is not listed any more' '' "$(sed 1d $debugfs/sets)"
same 'and there is nothing more to read' '' "$(sed 1d <&3)"
check 'but it keeps the module' fails rmmod $format
exec 3<&- 4<&-
check 'for as long as it looks' rmmod $format

modprobe $format
check 'tables begin to change on all CPUs' modprobe v7s_churn
look runs "$judge_runs" cat $debugfs/runs
look sips "$judge_runs" sip
look entries "$judge_entries" cat $debugfs/entries
look sets "$judge_sets" cat $debugfs/sets
for _ in $(seq $limit); do
	sleep 1
	all_enough && break
done
made=$(newest)
: >/tmp/stop
wait
for name in $files; do
	same "$name: nothing was wrong" '' "$(sort "/tmp/$name.wrong" | head -n 5)"
	echo "looked at $(cat "/tmp/$name.times") times" | diagnose
	check "$name: there was something to see" enough "$name"
done
same 'pages of all sizes were seen' '16M 1M 4K 64K ' "$(sort -u /tmp/seen | tr '\n' ' ')"
check 'sets came and went' [ "$made" -gt 3 ]
check 'and runs of several were seen' [ "$(sort -u /tmp/numbers | wc -l)" -gt 2 ]
dmesg -c >/dev/null
check 'the changes end' rmmod v7s_churn
rounds=$(dmesg | grep 'v7s_churn: .* rounds')
echo "$rounds" | diagnose
same 'all calls did what they should, on all CPUs' 5 \
	"$(echo "$rounds" | grep -c ' [1-9][0-9]* rounds, 0 failures')"
same 'no set is left' '' "$(sed 1d $debugfs/sets)"
check 'the module unloads' rmmod $format
