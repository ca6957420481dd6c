# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The format is loaded, used and unloaded many times, with and without takeover, idle and
# with callers in the background; nothing is left of it.
# guest: --smp 2
# soak: LIFECYCLE_CYCLES=500
# soak: LIFECYCLE_RELOADS=200

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format
users=/sys/kernel/debug/v7s_users/counts
cycles=${LIFECYCLE_CYCLES:-100}
reloads=${LIFECYCLE_RELOADS:-10}

fails() {
	! "$@"
}

# One cycle: loaded with parameters, used by a client, unloaded.
life() {
	client=$1
	shift
	modprobe $format "$@" && modprobe "$client" && rmmod "$client" && rmmod $format slab_rust
}

# Many cycles: sets from the kernel's function, from the exported one, and from the exported
# one but freed by the kernel's. Prints errors.
lives() {
	i=0
	while [ $((i += 1)) -le "$1" ]; do
		case $((i % 4)) in
		0 | 1) life rust_v7s_client takeover=1 ;;
		2) life rust_v7s_by_name takeover=0 ;;
		3) life rust_v7s_by_name takeover=$((i / 4 % 2)) ;;
		esac || {
			echo "life $i went wrong"
			return
		}
	done
}

# Live objects of each slab cache. What CPUs have put by counts as live, hence the
# shrinking, and so does what waits for a grace period, of which the kernel makes
# batches of some seconds. Areas of kernel addresses are freed now and then.
slabs() {
	sleep 6
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache"
	done
	sed '1,2d; /^vmap_area /d' /proc/slabinfo | awk '{ print $1, $2 }' | sort
}

# Caches that have at least $1 objects more in /tmp/after than in /tmp/before.
grown() {
	awk -v limit="$1" 'NR == FNR { before[$1] = $2; next }
		$2 - before[$1] >= limit { print $1, before[$1] + 0, $2 }' /tmp/before /tmp/after
}

# Areas of kernel address space that are in use, modules among them.
areas() {
	grep -vc unpurged /proc/vmallocinfo
}

# Free pages, those included that CPUs have put by.
free_pages() {
	awk '$1 == "pages" { sum += $3 }
		$1 == "count:" { sum += $2 }
		END { print sum }' /proc/zoneinfo
}

traced() {
	cat /sys/kernel/tracing/enabled_functions
}

ours() {
	ls -d /sys/kernel/debug/*v7s* /sys/kernel/debug/slab_rust /sys/module/*v7s* \
		/sys/module/slab_rust /sys/kernel/slab/*v7s* 2>/dev/null
}

# The number after $1 that callers have counted.
count() {
	sed -n "s/^$1 //p" $users
}

# The format is loaded and unloaded while callers make sets all the time: it stays until
# there is no set. Prints errors.
reload() {
	i=0
	while [ $((i += 1)) -le "$1" ]; do
		modprobe $format || echo "load $i failed"
		before=$(count rust)
		until [ "$(count rust)" -gt "$before" ]; do :; done
		patience=0
		until rmmod $format 2>/dev/null; do
			[ $((patience += 1)) -lt 10000 ] || {
				echo "unload $i failed"
				return
			}
		done
		before=$(count c)
		until [ "$(count c)" -gt "$before" ]; do :; done
	done
}

sets() {
	sed 1d $debugfs/sets | wc -l
}

plan 23

# What the first ones leave behind is there for good: the kernel's own caches of
# names, of folders, of trampolines.
lives 20 >/tmp/warmup
slabs >/tmp/before
areas=$(areas) pages=$(free_pages)
start=$(cut -d. -f1 /proc/uptime)
same "$cycles lives" '' "$(lives "$cycles")"
echo "# $(($(cut -d. -f1 /proc/uptime) - start)) s"
slabs >/tmp/after
same 'no slab cache has an object more for each life' '' "$(grown $((cycles * 3 / 4)))"
check 'no more areas of kernel addresses are in use' [ "$(areas)" -le $((areas + 4)) ]
leaked=$((pages - $(free_pages)))
echo "# $leaked pages less are free"
# The log and the shell take some, too.
check 'not a page for every fourth life is gone' [ $leaked -lt $((cycles / 4 + 128)) ]
same 'no function is traced' '' "$(traced)"
same 'nothing has our name' '' "$(ours)"

dmesg -c >/dev/null
# C makes a slab cache for each set. One set stays, because the kernel stumbles where
# the last of such caches goes while another comes.
check 'callers that never rest are served by C' modprobe v7s_users sets=1 threads=2
same "they go on during $reloads loads and unloads" '' "$(reload "$reloads")"
echo "# $(tr '\n' ' ' <$users)"
same 'and nothing is wrong' 0 "$(count wrong)"
check 'they go' rmmod v7s_users
same 'the log has no other lines' '' "$(dmesg -c | grep -Ev "$format: ARM_V7S is served by rust")"

check 'two devices have 500 sets' modprobe v7s_users sets=500
same 'of C' 'c 500 rust 0 wrong 0' "$(tr '\n' ' ' <$users | sed 's/ $//')"
check 'the format loads beside them' modprobe $format
same 'it has none' 0 "$(sets)"
check 'they go back to C' rmmod v7s_users
modprobe v7s_users sets=500
same 'the next 500 are of Rust' 'c 0 rust 500 wrong 0' "$(tr '\n' ' ' <$users | sed 's/ $//')"
same 'and listed' 500 "$(sets)"
check 'the format stays under them' fails rmmod $format
check 'they go, too' rmmod v7s_users
same 'none is listed any more' 0 "$(sets)"
check 'and the format unloads' rmmod $format
same 'without a word of anything wrong' '' "$(dmesg -c | grep -E 'wrong|leaked|not freed')"
