# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # what is set here, others use
# What every script here shares: where things are, how it speaks, and how a
# cache entry is made so that nobody ever sees half of one.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
scripts=$top/scripts
build=$top/build
cache=${XDG_CACHE_HOME:-~/.cache}/v7s-rs

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
	local k=$1 n=$2 text=$3 start=$SECONDS unnamed log
	shift 3
	# Without a name from the start, the log cannot outlive an interrupted run.
	unnamed=$(mktemp "${TMPDIR:-/tmp}/v7s-rs-step.XXXXXX")
	exec {log}<>"$unnamed"
	rm -f "$unnamed"
	printf '[%s/%s] %s ... ' "$k" "$n" "$text" >&2
	if "$@" >&"$log" 2>&1 </dev/null; then
		printf '%s s\n' "$((SECONDS - start))" >&2
		exec {log}>&-
		return 0
	fi
	printf 'failed after %s s\n' "$((SECONDS - start))" >&2
	tail -n 60 "/dev/fd/$log" >&2
	die "step $k of $n failed: $text"
}

# flavour F - sets what scripts/kernel/flavour says of flavour F. Scripts that this one starts
# have it from the environment.
release='' arch='' kdir='' image='' modules='' source='' packages='' root='' makeargs='' bootargs=''
target='' busybox='' machine='' tty=''
flavour() {
	local fact
	if [ "${V7S_RS_FLAVOUR:-}" != "$1 $cache $top" ]; then
		V7S_RS_FACTS=$("$scripts/kernel/flavour" "$1") || exit
		V7S_RS_FLAVOUR="$1 $cache $top"
		export V7S_RS_FACTS V7S_RS_FLAVOUR
	fi
	while IFS= read -r fact; do
		printf -v "${fact%%=*}" %s "${fact#*=}"
	done <<<"$V7S_RS_FACTS"
	hold "$kdir" "$source" ${packages:+"$packages"}
}

# key FILE|WORD... - names a cache entry by what it is made from: the content of files, and words.
key() {
	local word
	for word in "$@"; do
		if [ -f "$word" ]; then
			cat "$word"
		else
			printf '%s\n' "$word"
		fi
	done | sha256sum | cut -c1-12
}

# entry NAME MB MAKER - prints the path of cache entry NAME. Where it is missing
# and MB megabytes are free, MAKER is called with an empty folder, which becomes
# the entry if MAKER succeeds, and with the path it will have then. Only one
# process makes an entry, the others wait for it. $current has who took which last.
current=$cache/.current
entry() {
	local path=$cache/$1 size=$2 maker=$3 making=$cache/.making.$1 status
	if [ ! -d "$path" ]; then
		mkdir -p "$cache" ||
			die "cannot write $cache: set XDG_CACHE_HOME to a folder you can write"
		(
			set -e
			if ! flock -n 9; then
				say "waiting for another run that makes $path"
				flock 9
			fi
			[ ! -d "$path" ] || exit 0
			sweep
			need_space "$size"
			mkdir "$making"
			trap 'discard "$making"' EXIT
			trap 'exit 130' INT TERM HUP
			"$maker" "$making" "$path" >&2
			mv "$making" "$path"
		) 9>"$making.lock"
		status=$?
		[ "$status" = 0 ] || exit 1
	fi
	take "$1"
	printf '%s\n' "$path"
}

# take NAME - notes for scripts/kernel/cache that an entry is what we use of its kind: the script,
# the root or flavour it works for, and the first part of NAME.
take() {
	local mark=$current/${0##*/}.${flavour:-${name:-}}.${1%%-*}
	[ "$(readlink "$mark")" != "../$1" ] || return 0
	mkdir -p "$current"
	ln -sfn "../$1" "$mark"
}

# hold DIR... - keeps entries from being removed as long as we run, and what we start.
hold() {
	local dir lock
	for dir in "$@"; do
		exec {lock}<"$dir" || die "$dir was removed a moment ago: run this again"
		flock -s "$lock"
		[ -d "$dir" ] || die "$dir was removed a moment ago: run this again"
	done
}

# What nobody holds the lock of was left by a run that was killed.
sweep() {
	local lock left
	discard "$making"
	for lock in "$cache"/.making.*.lock; do
		left=${lock%.lock}
		[ -d "$left" ] || continue
		(! flock -n 9 || discard "$left") 9<"$lock"
	done
}

# discard DIR - removes it, also where a root that was not finished has files of user ids that only
# a user namespace gives us.
discard() {
	rm -rf "$1" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$1"
}

# Better to say so than to fill the disk.
need_space() {
	local free
	free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$cache has $free MB free, $1 are needed: free some, or set XDG_CACHE_HOME"
}
