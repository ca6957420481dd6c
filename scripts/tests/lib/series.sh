# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests of the series for the kernel share: the patches, and a kernel source with them.

# shellcheck source=scripts/tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

# The cover letter is no patch.
shopt -s extglob

flavour stock
place=$build/series
tree=$place/linux

# write - writes the patches to $tmp/patches.
write() {
	"$scripts/series/write" "$tmp/patches" >/dev/null
}

# touched - names of the files that the patches in $tmp/patches change or add.
touched() {
	sed -n 's|^+++ b/||p' "$tmp"/patches/*.patch | sort -u
}

# apply - makes a repository of the files that the patches begin from, and applies them.
apply() {
	local file
	git init -q "$tmp/am" || return
	while read -r file; do
		[ -f "$source/$file" ] || continue
		install -D -m 644 "$source/$file" "$tmp/am/$file" || return
	done < <(touched)
	set -- git -C "$tmp/am" -c user.name=somebody -c user.email=somebody@example.org
	"$@" add -A && "$@" commit -q -m base &&
		"$@" am -q "$tmp"/patches/!(0000-*).patch
}

# Has a kernel source with the patches in it, where only what differs is written: what was built
# from the rest stays.
update_tree() {
	local file
	if [ "$(cat "$place/from" 2>/dev/null)" != "$source" ]; then
		rm -rf "$place/from" "$place/touched" "$place/kunit" "$tree"
		mkdir -p "$place" || return
		# The same files under other names take no room, if they can be had.
		cp -al "$source" "$tree" 2>/dev/null ||
			{ rm -rf "$tree" && cp -a "$source" "$tree"; } || return
		echo "$source" >"$place/from"
	fi
	touched >"$tmp/touched"
	# Files of an earlier series that this one leaves alone.
	touch "$place/touched"
	while read -r file; do
		rm -f "$tree/$file"
		[ ! -f "$source/$file" ] || cp -p "$source/$file" "$tree/$file" || return
	done < <(sort "$place/touched" | comm -23 - "$tmp/touched")
	cp "$tmp/touched" "$place/touched" || return
	while read -r file; do
		cmp -s "$tmp/am/$file" "$tree/$file" && continue
		# It may be another name of the one in the cache.
		rm -f "$tree/$file"
		install -D -m 644 "$tmp/am/$file" "$tree/$file" || return
	done <"$tmp/touched"
}
