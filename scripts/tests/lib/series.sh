# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Library of tests of the patch series: the patches, a repository of the files that they change, and
# a kernel source with them.

# shellcheck source=scripts/tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

# The cover letter is no patch.
shopt -s extglob nullglob

flavour stock
place=$build/series-check
tree=$place/linux

# kernels - prints the flavours whose sources differ: Debian's plain arm64 kernels.
kernels() {
	grep -lx 'debian=arm64' "$scripts"/kernel/flavours/* | xargs -n 1 basename | sort -r
}

# write [FLAVOUR] - writes the patches to $tmp/patches.
write() {
	rm -rf "$tmp/patches"
	"$scripts/series/write" --kernel "${1:-stock}" "$tmp/patches" >/dev/null
}

# parts - prints the parts that were written.
parts() {
	(cd "$tmp/patches" && printf '%s\n' *)
}

# after PART - prints the part that a part applies on top of, if it is not the kernel.
after() {
	[ ! -f "$scripts/series/patches/$1/after" ] ||
		grep -v '^#' "$scripts/series/patches/$1/after"
}

in_am() {
	git -C "$tmp/am" -c user.name=somebody -c user.email=somebody@example.org "$@"
}

# begin - makes a repository of the files that patches in $tmp/patches change, as the kernel has
# them.
begin() {
	local file
	rm -rf "$tmp/am"
	git init -q "$tmp/am" || return
	while read -r file; do
		[ -f "$source/$file" ] || continue
		install -D -m 644 "$source/$file" "$tmp/am/$file" || return
	done < <({ echo MAINTAINERS; sed -n 's|^+++ b/||p' "$tmp"/patches/*/*.patch; } | sort -u)
	in_am add -A && in_am commit -q -m base && in_am tag base
}

# apply PART - applies a part where it belongs, and leaves a branch of its name.
apply() {
	local base
	base=$(after "$1")
	in_am checkout -q -b "$1" "${base:-base}" &&
		in_am am -q "$tmp/patches/$1"/!(0000-*).patch
}

# commits PART - prints the commits of a part, oldest first.
commits() {
	local base
	base=$(after "$1")
	in_am rev-list --reverse "${base:-base}..$1"
}

# subject COMMIT
subject() {
	in_am log -1 --format=%s "$1"
}

# have COMMIT [FILE OTHER]... - has a kernel source as of a commit, but for files that are as of
# another. Only what differs is written, so that what was built from the rest stays.
have() {
	local file
	if [ "$(cat "$place/from" 2>/dev/null)" != "$source" ]; then
		rm -rf "$place"
		mkdir -p "$place" || return
		# The same files under other names take no room, if they can be had.
		cp -al "$source" "$tree" 2>/dev/null ||
			{ rm -rf "$tree" && cp -a "$source" "$tree"; } || return
		echo "$source" >"$place/from"
	fi
	in_am checkout -q --detach "$1" || return
	shift
	while [ $# -gt 0 ]; do
		in_am checkout -q "$2" -- "$1" || return
		shift 2
	done
	(cd "$tmp/am" && find . -path ./.git -prune -o -type f -printf '%P\n') >"$tmp/here"
	# Files of other patches that this one does not have are the kernel's, or go.
	touch "$place/touched"
	while read -r file; do
		[ ! -f "$tmp/am/$file" ] || continue
		rm -f "$tree/$file"
		[ ! -f "$source/$file" ] || cp -p "$source/$file" "$tree/$file" || return
	done <"$place/touched"
	cp "$tmp/here" "$place/touched" || return
	while read -r file; do
		cmp -s "$tmp/am/$file" "$tree/$file" && continue
		# It may be another name of the one in the cache.
		rm -f "$tree/$file"
		install -D -m 644 "$tmp/am/$file" "$tree/$file" || return
	done <"$tmp/here"
	in_am checkout -q -f "$(in_am rev-parse HEAD)"
}

# configs PART - prints the files that configure a kernel for the KUnit suites that a kernel with
# the part has: its own, and those of the part that it applies on top of.
configs() {
	local base
	base=$(after "$1")
	[ -z "$base" ] || configs "$base"
	find "$scripts/series/patches/$1" -name kunit.config -o -name .kunitconfig | sort
}

# kunit COMMAND CONFIG... - has kunit.py build or run the tree, with memory beyond 4 GiB, so that it
# matters where tables lie. Kernels with Rust have a build folder of their own. Leaves $tmp/raw and
# $tmp/log, and sets built to the folder.
kunit() {
	local command=$1 options=()
	shift
	options=("${@/#/--kunitconfig=}" --kunitconfig="$scripts/kernel/configs/series.config")
	built=$place/c
	! grep -qx 'CONFIG_RUST=y' "$@" || built=$place/rust
	[ "$command" != run ] || options+=(--qemu_args='-m 6G' --raw_output=kunit)
	(cd "$tree" && "$scripts/kernel/buildroot" ./tools/testing/kunit/kunit.py "$command" \
		--arch=arm64 --build_dir="$built" --make_options LLVM=-19 --jobs="$(nproc)" \
		"${options[@]}") >"$tmp/raw" 2>"$tmp/log"
}

# show_kunit - shows the results of kunit, without what is said around them, as a subtest.
show_kunit() {
	sed -n '/^KTAP version/,$p' "$tmp/raw" |
		grep -E '^ *(KTAP|[0-9]+\.\.|ok|not ok|#)' | sed 's/^/    /'
}
