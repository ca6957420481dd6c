# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What debugfs shows of table sets, in order and while v7s_churn changes them on
# all CPUs: a line is of before or of after, and never of neither.
#
# A table that was freed is poison, so that who still looks at it is found out.
# guest: --smp 4 --append slab_debug=P,io-pgtable_armv7s_l2*

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format
sets=$debugfs/sets
# How often each file is looked at, and how many seconds that may take.
wanted=3 limit=120

fails() {
	! "$@"
}

# What v7s_churn maps: to 2 GiB above, and for each size of page with other
# flags. What could be one run is none.
# shellcheck disable=SC2016 # the fields are awk's
judge_runs='
	FNR == 1 && $0 == "iova paddr size page_size access" { end = last = 0; next }
	{ iova = $1 + 0; size = $3 + 0 }
	NF != 5 || $2 + 0 != iova + 0x80000000 || !size || iova % 4096 || size % 4096 ||
	iova < end || iova == end && $4 == last || iova + size > 0x10000000 ||
	$4 " " $5 != "4K read,write,uncached" && $4 " " $5 != "64K read,uncached" &&
	$4 " " $5 != "1M read,write,cached" && $4 " " $5 != "16M read,device,noexec" {
		print FILENAME ": " $0 " after " end
	}
	{ end = iova + size; last = $4; seen[$4] = 1 }
	END { for (size in seen) print size >>"/tmp/seen" }'

# The same of entries: sections and pages by their addresses, those of a second
# level by the table before them.
# shellcheck disable=SC2016
judge_entries='
	FNR == 1 && $0 == "iova level entry" { before = table = -1; next }
	{ iova = $1 + 0; mib = int(iova / 0x100000); kind = ("0x" substr($3, 10)) % 4 }
	NF != 3 || length($3) != 10 || iova < before || $2 == 2 && mib != table ||
	$2 == 1 && iova % 0x100000 || $2 != 1 && $2 != 2 {
		print FILENAME ": " $0 " after " before
	}
	{ before = iova; paddr = iova + 0x80000000 }
	# Type 1 of a first level is a table, type 2 a section or a part of a supersection (bit 18).
	$2 == 1 && kind == 1 { table = mib; next }
	$2 == 1 { digits = int(("0x" substr($3, 6, 1)) / 4) % 2 ? 4 : 5 }
	# Of a second level, type 1 is a large page and 2 or 3 a small one.
	$2 == 2 { digits = kind == 1 ? 6 : 7 }
	{ page = 2 ^ (40 - 4 * digits) }
	{ base = substr($3, 1, digits) substr("000000", 1, 10 - digits) }
	kind == 0 || base + 0 != paddr - paddr % page { print FILENAME ": " $0 " is not " paddr }'

# shellcheck disable=SC2016
judge_info='
	$1 == "l2_tables" { tables = $2 }
	$1 == "l2_kept" { tables += $2 }
	$1 == "l2_bytes" && $2 != 1024 * tables || $1 == "ias" && $2 != 32 {
		print FILENAME ": " $0
	}
	END { if (NR % 14) print "info has " NR " lines" }'

# shellcheck disable=SC2016
judge_tables='
	NR == 1 && NF == 10 && $1 $2 $10 == "iasoasbytes" { next }
	NF != 10 || $1 " " $2 " " $3 " " $4 " " $5 != "32 32 0x0 0x1111000 coherent" ||
	$10 < 16384 + 1024 * $7 || $10 % 1024 || $7 ? $8 + 0 > $9 + 0 : $8 $9 != "--" {
		print FILENAME ": " $0
	}'

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

# enough NAME - whether that file was looked at often enough.
enough() {
	[ "$(cat "/tmp/$1.times" 2>/dev/null || echo 0)" -ge $wanted ]
}

all_enough() {
	for name in $files; do
		enough "$name" || return
	done
	[ "$(sort -u /tmp/seen | wc -l)" = 4 ]
}

first() {
	cat $sets/0/"$1"
}

# The one whose tables are kept, and change hands.
second() {
	cat $sets/1/"$1"
}

# The set that was made last, which is about to go.
newest() {
	(cd $sets && printf '%s\n' *) | sort -n | tail -n 1
}

last() {
	cat "$sets/$(newest)/$1"
}

# A few bytes at a time.
sip() {
	dd if=$sets/0/runs bs=13
}

files='runs kept_runs last_runs sips entries kept_entries last_entries info kept_info tables'

plan $((17 + 2 * 10))

modprobe $format
modprobe rust_v7s_client
expected='iova paddr size page_size access
0x000100000 0x112345000 0x1000 4K read,write,uncached
0x000250000 0x112350000 0x10000 64K read,write,uncached
0x004000000 0x112400000 0x100000 1M read,write,uncached
0x010000000 0x120000000 0x1000000 16M read,write,uncached'
same 'runs are what the client mapped' "$expected" "$(first runs)"
same 'read a line at a time, too' "$expected" \
	"$(while read -r line; do echo "$line"; done <$sets/0/runs)"
same 'and from anywhere' "$(echo "$expected" | sed 1d)" \
	"$(dd if=$sets/0/runs bs=33 skip=1 2>/dev/null)"
same 'in entries of two tables, of 1, 16, 1 and 16 for a page' 36 \
	"$(first entries | sed 1d | wc -l)"
same 'info says where the tables are' "$(sed -n 's/^l1 //p' $sets/0/info)" \
	"$(sed 1d $debugfs/tables | cut -d ' ' -f 6)"
exec 3<$sets/0/runs 4<$debugfs/tables
check 'who looks at a set does not keep it' rmmod rust_v7s_client
same 'its folder is gone' '' "$(ls $sets)"
has 'and there is nothing more to read' 'Input/output error' "$(cat <&3 2>&1)"
check 'but it keeps the module' fails rmmod $format
exec 3<&- 4<&-
check 'for as long as it looks' rmmod $format

modprobe $format
check 'tables begin to change on all CPUs' modprobe v7s_churn
look runs "$judge_runs" first runs
look kept_runs "$judge_runs" second runs
look last_runs "$judge_runs" last runs
look sips "$judge_runs" sip
look entries "$judge_entries" first entries
look kept_entries "$judge_entries" second entries
look last_entries "$judge_entries" last entries
look info "$judge_info" first info
look kept_info "$judge_info" second info
look tables "$judge_tables" cat $debugfs/tables
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
dmesg -c >/dev/null
check 'the changes end' rmmod v7s_churn
rounds=$(dmesg | grep 'v7s_churn: .* rounds')
echo "$rounds" | diagnose
same 'all calls did what they should, on all CPUs' 5 \
	"$(echo "$rounds" | grep -c ' [1-9][0-9]* rounds, 0 failures')"
same 'no set is left' '' "$(ls $sets)"
check 'the module unloads' rmmod $format
