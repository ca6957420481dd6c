# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # what is set here, others use
# What every script here shares: where things are, how it speaks, and how a
# cache entry is made so that nobody ever sees half of one.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scripts=$top/scripts
build=$top/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/v7s-rs

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# step K N TEXT CMD... - runs a long command, its output in a log that is shown
# only if the command fails.
step() {
	local k=$1 n=$2 text=$3 log start
	shift 3
	log=$(mktemp "${TMPDIR:-/tmp}/v7s-rs-step.XXXXXX")
	start=$SECONDS
	printf '[%s/%s] %s ... ' "$k" "$n" "$text" >&2
	if "$@" >"$log" 2>&1 </dev/null; then
		printf '%s s\n' "$((SECONDS - start))" >&2
		rm -f "$log"
		return 0
	fi
	printf 'failed after %s s\n' "$((SECONDS - start))" >&2
	tail -n 60 "$log" >&2
	rm -f "$log"
	die "step $k of $n failed: $text"
}

# flavour F - sets what scripts/kernel says of flavour F.
release='' kdir='' image='' modules='' source='' linux='' makeargs=''
flavour() {
	local assignments
	assignments=$("$scripts/kernel" "$1") || exit 1
	eval "$assignments"
}

# key FILE... [-- WORD...] - names a cache entry by what it is made from.
key() {
	local word
	for word in "$@"; do
		[ -f "$word" ] && cat "$word"
		printf '%s\n' "$word"
	done | sed "s|$top||g" | sha256sum | cut -c1-12
}

# entry NAME MAKER - prints the path of cache entry NAME; where it is missing,
# MAKER is called with an empty folder, which becomes the entry if MAKER succeeds,
# and with the path it will have then.
# Only one process makes an entry, the others wait for it.
entry() {
	local path=$cache/$1 maker=$2 making=$cache/.making.$1
	if [ ! -d "$path" ]; then
		mkdir -p "$cache" ||
			die "cannot write $cache: set XDG_CACHE_HOME to a folder you can write"
		(
			if ! flock -n 9; then
				say "waiting for another run that makes $path"
				flock 9
			fi
			[ ! -d "$path" ] || exit 0
			sweep
			need_space
			mkdir "$making"
			trap 'rm -rf "$making"' EXIT
			trap 'exit 130' INT TERM HUP
			"$maker" "$making" "$path" >&2
			mv "$making" "$path"
		) 9>"$making.lock" || exit 1
	fi
	printf '%s\n' "$path"
}

# What nobody holds the lock of was left by a run that was killed.
sweep() {
	local lock
	rm -rf "$making"
	for lock in "$cache"/.making.*.lock; do
		flock -n "$lock" rm -rf "${lock%.lock}"
	done || true
}

# A whole cache takes about 10 GB; better to say so than to fill the disk.
need_space() {
	local free
	free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge 6000000 ] ||
		die "$cache has $((free / 1024)) MB free, at least 6000 are needed:" \
			'free some, or set XDG_CACHE_HOME'
}
