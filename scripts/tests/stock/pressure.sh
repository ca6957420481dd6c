# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# More tables than there is memory for, with 3 GiB below 4 GiB and 3 GiB above: calls fail
# with an error, and other tasks go on. init_on_alloc=0, so that unused memory of the guest
# takes none of the host's.
# guest: --mem 6G --smp 2
# guest: --append init_on_alloc=0
# soak: PRESSURE_SETS=1500
# soak: PRESSURE_TABLES=1024

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
cache=io-pgtable_armv7s_l2_rust
sets=${PRESSURE_SETS:-1000}
tables=${PRESSURE_TABLES:-256}

# Free pages of a zone, or of all, those included that CPUs have put by.
free_pages() {
	awk -v zone="${1:-.}" '$1 == "Node" { in_zone = $4 ~ zone }
		in_zone && $1 == "pages" { sum += $3 }
		in_zone && $1 == "count:" { sum += $2 }
		END { print sum }' /proc/zoneinfo
}

# Whether as many pages are free as before, but for what the log, the shell and the
# caches of the kernel put by meanwhile: 2 MiB, of the gigabyte and more that was
# taken. They are counted for all zones, between which memory moves.
as_before() {
	after=$(free_pages)
	echo "# free pages: $before, then $after"
	[ $((before - after)) -lt 512 ]
}

live_tables() {
	echo 1 >/sys/kernel/slab/$cache/shrink
	cut -d' ' -f1 /sys/kernel/slab/$cache/objects
}

oom_kills() {
	sed -n 's/^oom_kill //p' /proc/vmstat
}

plan 12
same 'memory below 4 GiB is zone DMA here' 0 "$(free_pages DMA32)"
check 'the format loads' modprobe $format
# The first round leaves caches of the kernel behind.
check 'a first round' modprobe v7s_pressure sets=10 tables=10 spare=8
rmmod v7s_pressure
before=$(free_pages)
dmesg -c >/dev/null

check "$sets sets with $tables tables each, and then until there is no memory" \
	modprobe v7s_pressure "sets=$sets" "tables=$tables"
cp /sys/kernel/debug/v7s_pressure/results /out/pressure.ktap
dmesg -c >/tmp/said
line="$format: no device: no memory for a"
has 'the log says what there is no memory for' "$line second-level table" \
	"$(cat /tmp/said)"
has 'and when a set is not to be had' "$line first-level table" \
	"$(cat /tmp/said)"
same 'and nothing else' '' "$(grep -v "$line .*-level table" /tmp/said)"
same 'the OOM killer did not run' 0 "$(oom_kills)"
check 'everything goes back' rmmod v7s_pressure
same 'no table is left' 0 "$(live_tables)"
check 'memory is as it was' as_before
check 'and the format unloads' rmmod $format
