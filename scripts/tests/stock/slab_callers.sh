# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Safe code without reports of the kernel (mm/selftests/callers): leaked objects while KFENCE takes
# one each millisecond, and a vector in a static cache that user space reads.
# guest: --append kfence.sample_interval=1

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

slab=/sys/kernel/slab

# stays KIND - prints how many caches of a kind stay with all three leaked objects.
stays() {
	dmesg | grep -cE "cache '$1[^']*' stays behind: 3 of its objects leaked"
}

plan 18
has 'KFENCE is enabled' '^[1-9]' "$(cat /sys/module/kfence/parameters/sample_interval)"
check 'the callers are loaded' modprobe slab_callers
for kind in plain constructed rcu; do
	same "leaked objects keep each $kind cache, and are counted" 16 \
		"$(stays slab_callers_$kind)"
	same "KFENCE is kept away from $kind caches" 1 \
		"$(cat $slab/slab_callers_${kind}_*/skip_kfence | sort -u)"
done
same 'and each cache of tables' 16 "$(stays table_1024_normal)"
same 'no object was given to KFENCE' '' \
	"$(grep -E 'cache=(slab_callers|table_)' /sys/kernel/debug/kfence/objects)"
same 'a vector in a static cache is read by user space' 'from a static cache' \
	"$(cat /dev/slab_callers)"
same 'which may copy all of an object' 256 "$(cat $slab/slab_callers_text/usersize)"
check 'the callers are unloaded' rmmod slab_callers

leaked=$slab/slab_callers_leaked
same 'a leaked cache has its file' 0 "$(cat $leaked/cache_dma32)"
check 'which does not hold slab_rust' rmmod slab_rust
check 'the cache stays' [ -d $leaked ]
check 'the file goes with the code for it' [ ! -e $leaked/cache_dma32 ]
has 'the log names the cache' "cache 'slab_callers_leaked' stays behind: it was leaked" "$(dmesg)"
