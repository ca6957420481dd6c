# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Compares tables of Rust with those of the kernel's C, with v7s_compare; results go to /out. The
# log must have exactly the provoked reports of C, and none of Rust.
#
#	COMPARE_SEED=N COMPARE_OPERATIONS=N scripts/check stock/compare
#
# repeats a run.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
results=/sys/kernel/debug/v7s_compare
seed=${COMPARE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
operations=${COMPARE_OPERATIONS:-100000}

fails() {
	! "$@"
}

# Reports of C in the log, by their place in its source.
logged() {
	dmesg | sed -n 's/.*WARNING: .*io-pgtable-arm-v7s\.c:\([0-9]*\) at .*/\1/p' | sort -n |
		uniq -c | awk '{ print $1 }' | tr '\n' ' '
}

# Those that were provoked, in the order of its source.
provoked() {
	awk '$1 { print $1 }' $results/reports | tr '\n' ' '
}

plan 11
# Some reports are made once; a kernel that has made them makes them again.
echo 1 >/sys/kernel/debug/clear_warn_once
if redirects; then
	modprobe $format takeover=1
	check 'where C does not serve, there is nothing to compare' fails modprobe v7s_compare
	has 'and the log says what to do' 'load io_pgtable_arm_v7s_rust with takeover=0' "$(dmesg)"
	rmmod $format
else
	skip 'where C does not serve, there is nothing to compare' 'C always serves'
	skip 'and the log says what to do' 'C always serves'
fi
dmesg -c >/dev/null

check 'C serves' modprobe $format takeover=0
echo "seed=$seed operations=$operations" | tee /dev/kmsg | diagnose
check 'both are asked the same' modprobe v7s_compare "seed=$seed" "operations=$operations"
check 'the results' cp $results/results /out/compare.ktap
same 'C reports what was provoked, place by place' "$(provoked)" "$(logged)"
if [ "$operations" -lt 50000 ]; then
	skip 'every report of C was provoked' 'too few operations'
else
	same 'every report of C was provoked' '' "$(grep '^0 ' $results/reports)"
fi
same 'and a few times' '' "$(awk '$1 > 4' $results/reports)"
# On some kernels the slab allocator does of C, for one cache a table, all of one name.
same 'there are no other reports' '' "$(dmesg | grep 'WARNING:' | grep -v \
	-e 'io-pgtable-arm-v7s\.c:[0-9]* at ' \
	-e 'slab_common\.c:[0-9]* at __kmem_cache_create_args+')"
has 'what Rust refuses is a line in the log' "$format: v7s_compare: map refused at 0x" "$(dmesg)"
same 'but for NO_WARN' '' "$(dmesg | grep 'refused at 0xddba')"
