# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Misuse by drivers and administrators on an unmodified kernel: calls, each refused with one
# line in the log at most; parameters; and odd reads of files, and writes.
# guest: --mem 6G

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
files='served_by table_alloc sets runs entries'
cache=/sys/kernel/slab/io-pgtable_armv7s_l2_rust
cases=49

said() {
	dmesg -c | grep -E "($format|slab_rust|v7s_fuzz|parameter)" | grep -v taint
}

fails() {
	! "$@"
}

# Lines that do not name the device that a set is for, if it is for one, and the
# module whose function called.
nameless() {
	grep -v ' v7s_fuzz: ' /tmp/said | grep -v \
		-e "$format: v7s_fuzz_[a-z]*: .*, called from .* \[v7s_fuzz\]$" \
		-e "$format: no device: cannot serve .* iommu_dev, called from .* \[v7s_fuzz\]$" \
		-e "$format: no device: not freed: .*, called from .* \[v7s_fuzz\]$"
}

# Each burst of lines that the log takes is for eight.
do_case() {
	[ $(($1 % 8)) != 1 ] || { rmmod $format slab_rust 2>/dev/null; modprobe $format; }
	said >/dev/null
	modprobe v7s_fuzz case="$1" 2>/tmp/error && rmmod v7s_fuzz
	said >/tmp/said
	what=$(sed -n 's/.*v7s_fuzz: \(.*\): [01] lines$/\1/p' /tmp/said)
	lines=$(sed -n 's/.*v7s_fuzz: .*: \([01]\) lines$/\1/p' /tmp/said)
	same "${what:-case $1}" "$lines" "$(grep -vc v7s_fuzz: /tmp/said)"
	same 'it names the device and the caller' '' "$(nameless)"
	grep -v v7s_fuzz: /tmp/said | cut -d ']' -f 2- | diagnose
}

# refused PARAMETER - an invalid value of a parameter is refused.
refused() {
	said >/dev/null
	check "$(printf '%.40s' "$1") is refused" fails modprobe $format "$1"
	# busybox tries again in another way.
	same 'in one line' 1 "$(said | cut -d ']' -f 2- | sort -u | wc -l)"
}

# in_parts FILE - what differs between a file and what is read of it in parts, at
# once, from somewhere in it, from its end, and from beyond it.
in_parts() {
	cat "$1" >/tmp/whole || return
	length=$(wc -c </tmp/whole)
	for size in 1 7 4095 1048576; do
		dd if="$1" bs=$size 2>/dev/null | cmp - /tmp/whole 2>&1
	done
	for at in 1 $((length / 2)) $((length - 1)); do
		tail -c +$((at + 1)) /tmp/whole >/tmp/rest
		dd if="$1" bs=1 skip=$at 2>/dev/null | cmp - /tmp/rest 2>&1
	done
	for at in "$length" $((length + 1)) 1099511627776 4611686018427387904; do
		dd if="$1" bs=1 count=9 skip="$at" 2>/dev/null
	done
}

# written FILE - writing to a file has no effect.
written() {
	cat "$1" >/tmp/whole
	for text in 1 '' "$(head -c 100000 /dev/zero | tr '\0' 7)"; do
		{ printf '%s\n' "$text" >"$1"; } 2>/dev/null && echo 'written'
	done
	cmp "$1" /tmp/whole 2>&1
}

# The cases, parameters, and files.
plan $((2 * cases + 1 + 2 * 12 + 1 + 1 + 2 * 6 + 1 + 1))

for number in $(seq $cases); do
	do_case "$number"
done
check 'that was all' fails modprobe v7s_fuzz case=$((cases + 1))
rmmod $format slab_rust

for value in 2 7 255 256 -1 99999999999999999999 x 1x '' "$(head -c 800 /dev/zero | tr '\0' 7)"; do
	refused takeover="$value"
done
for value in 6 99; do
	refused table_alloc="$value"
done
check 'nothing of it is left' fails grep -q $format /proc/modules

check 'a client has a table set' sh -c "modprobe $format && modprobe rust_v7s_client"
for file in $files; do
	same "$file, read in parts" '' "$(in_parts "/sys/kernel/debug/$format/$file")"
	same "$file, written to" '' "$(written "/sys/kernel/debug/$format/$file")"
done
same 'cache_dma32, read in parts' '' "$(in_parts $cache/cache_dma32)"
same 'cache_dma32, written to' '' "$(written $cache/cache_dma32)"
# Its numbers change, as the list is part of the system.
caches=/sys/kernel/debug/slab_rust/caches
same 'the list of caches, byte by byte' "$(awk '{ print $1, $2, $3 }' $caches)" \
	"$(dd if=$caches bs=1 2>/dev/null | awk '{ print $1, $2, $3 }')"
check 'the table set is there' rmmod rust_v7s_client
