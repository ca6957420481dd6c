# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Caches on an unmodified kernel: cache_dma32 in sysfs, the list in debugfs, addresses of
# objects, and no leftovers of an unloaded module.
# guest: --mem 6G

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

slab=/sys/kernel/slab
list=/sys/kernel/debug/slab_rust/caches

# log PATTERN - lines of the log about our caches.
log() {
	dmesg | grep -E "(slab_rust|rust_kmem_cache): .*($1)"
}

# line CACHE - its columns in the list, but for the counts.
line() {
	awk -v cache="$1" '$1 == cache { print $2, $3 }' $list
}

# both FILE COLUMN - a count of our cache, in sysfs and in the list.
both() {
	sysfs=$(cut -d ' ' -f 1 "$slab/rust_sample_tables/$1")
	echo "$sysfs" "$(awk -v column="$2" '$1 == "rust_sample_tables" { print $column }' $list)"
}

# Names in /sys/kernel/slab that are not in the list, or are in it twice.
missing() {
	awk 'NR > 1 { print $1; if ($6 != "-") { gsub(",", "\n", $6); print $6 } }' $list |
		sort >/tmp/listed
	uniq -d /tmp/listed
	for name in "$slab"/*; do
		grep -qxF -- "${name##*/}" /tmp/listed || echo "${name##*/}"
	done
}

# Succeeds if there are other names of merged caches, which the list has to show.
merged() {
	[ "$(find $slab -type l | wc -l)" -gt 10 ]
}

plan 35

check 'the sample loads' modprobe rust_kmem_cache
same 'a DMA32 cache says 1' 1 "$(cat $slab/rust_sample_tables/cache_dma32)"
same 'another cache says 0' 0 "$(cat $slab/rust_sample_plain/cache_dma32)"
same 'the file is a digit and a newline' 2 "$(wc -c <$slab/rust_sample_tables/cache_dma32)"
same 'it is read in parts too' 1 \
	"$(dd bs=1 count=1 if=$slab/rust_sample_tables/cache_dma32 2>/dev/null)"
has 'all users may read it, none may write it' '^-r--r--r-- ' \
	"$(ls -l $slab/rust_sample_tables/cache_dma32)"
same 'only our caches have the file' 3 "$(find $slab/ -name cache_dma32 | wc -l)"
same 'KFENCE is kept away from our caches' 1 "$(cat $slab/rust_sample_*/skip_kfence | sort -u)"
same 'the kernel has the usercopy window' 120 "$(cat $slab/rust_sample_records/usersize)"
same 'and none where none was asked for' 0 "$(cat $slab/rust_sample_plain/usersize)"
same 'the kernel has the alignment' 1024 "$(cat $slab/rust_sample_tables/align)"
same 'the kernel has the flags' 1 "$(cat $slab/rust_sample_records/hwcache_align)"

has 'the list has a header' \
	'^name +zone +object_size +objects +slabs other_names$' "$(head -n 1 $list)"
same 'the list has our DMA32 cache' 'dma32 1024' "$(line rust_sample_tables)"
same 'the list has our other cache' 'normal 1024' "$(line rust_sample_plain)"
same 'the list has caches of the kernel' 'normal 1024' "$(line kmalloc-1k)"
same 'the list has the kernel'\''s DMA caches' 'dma 1024' "$(line dma-kmalloc-1k)"
check 'there are merged caches' merged
same 'each name is in the list, once' '' "$(missing)"
has 'objects are those of sysfs' '^([1-9][0-9]*) \1$' "$(both objects 4)"
has 'slabs are those of sysfs' '^([1-9][0-9]*) \1$' "$(both slabs 5)"

has 'an object of the DMA32 cache lies below 4 GiB' 'table at 0x[0-9a-f]{8}, below' "$(log table)"
has 'an object of another cache may lie above' \
	'plain object at 0x[1-9a-f][0-9a-f]{8} refused: ERANGE' "$(log plain)"
same 'and is refused in one line' 1 "$(log 'does not lie below 4 GiB' | wc -l)"
same 'a bad cache is refused in one line' 1 "$(log "cache 'rust_sample_bad' refused" | wc -l)"
has 'which says what is wrong' 'SLAB_CACHE_DMA and SLAB_CACHE_DMA32 exclude each other' \
	"$(log rust_sample_bad)"
has 'and is an errno' 'DMA with DMA32: Some\(EINVAL\)' "$(log 'DMA with')"

check 'slab_rust cannot go first' sh -c '! rmmod slab_rust'
exec 3<$slab/rust_sample_tables/cache_dma32
check 'the sample unloads, with the file open' rmmod rust_kmem_cache
same 'the open file has nothing more to say' '' "$(cat <&3 2>/dev/null)"
exec 3<&-
same 'its caches are gone' '' "$(find $slab/ -name 'rust_sample*')"
same 'from the list too' '' "$(grep rust_sample $list)"
same 'nothing was left behind' '' "$(log 'stays behind')"
check 'it loads and unloads again' sh -c 'modprobe rust_kmem_cache && rmmod rust_kmem_cache'
check 'slab_rust unloads' rmmod slab_rust
