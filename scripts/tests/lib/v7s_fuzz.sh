# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Random calls and requests for caches, checked by v7s_fuzz, and their lines in the log.
#
#	FUZZ_SEED=N FUZZ_CALLS=N scripts/check kunit/fuzz
#
# repeats a run.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
calls=${FUZZ_CALLS:-${usual_calls:-1000000}}
caches=${FUZZ_CACHES:-${usual_caches:-500}}
seed=${FUZZ_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

# fuzz [PARAMETER]... - makes calls; the log of them is in /tmp/said, and the
# seconds they took in /tmp/seconds.
fuzz() {
	dmesg -c >/dev/null
	seconds=$(date +%s)
	modprobe v7s_fuzz seed="$seed" "$@" && rmmod v7s_fuzz
	fuzz_status=$?
	echo $(($(date +%s) - seconds)) >/tmp/seconds
	dmesg -c >/tmp/said
	grep 'v7s_fuzz:' /tmp/said
	return $fuzz_status
}

# count WORD - the number after a word in v7s_fuzz's summary.
count() {
	sed -n "s/.*v7s_fuzz: done:.* $1 \([0-9]*\).*/\1/p" /tmp/said
}

refusals() {
	sed -n 's/.*v7s_fuzz: done: //p' /tmp/said | tr ',' '\n' |
		sed -n 's/.* \(refused\|unmapped\) //p' | awk '{ sum += $1 } END { print sum }'
}

# Lines of our modules about what was refused.
lines() {
	grep -cE "($format|slab_rust): .*(refused|cannot|does not|no tables)" /tmp/said
}

# few - whether the log has few of these lines: five kinds, ten in five seconds each.
few() {
	seconds=$(cat /tmp/seconds)
	check 'but few' [ "$(lines)" -le $((5 * 10 * (seconds / 5 + 2))) ]
}

plan 12
echo "# seed $seed"
check 'the format loads' modprobe $format
check "$calls calls are answered as they should be" fuzz calls="$calls" caches="$caches"
echo "# $(tail -n 1 /tmp/said)"
check 'many of them did something' [ "$(($(count map) + $(count unmap)))" -gt $((calls / 10)) ]
check 'many more were refused' [ "$(refusals)" -gt $((calls / 3)) ]
check 'the log has lines about them' [ "$(lines)" -gt 0 ]
few
echo "# $(lines) lines in $seconds s, for $(refusals) refusals"
check 'the format unloads: no set is left' rmmod $format
check 'it loads with takeover=0' modprobe $format takeover=0
check 'where the same holds' fuzz calls=$((calls / 20)) caches=0 first=1000000
# Of so many calls the kernel still has all lines.
few
rmmod $format

modprobe $format table_alloc=5
check 'and with table_alloc=5' fuzz calls=$((calls / 20)) caches=0 first=5000000
rmmod $format
check 'nothing is left' [ ! -e /sys/kernel/slab/io-pgtable_armv7s_l2_rust ]
