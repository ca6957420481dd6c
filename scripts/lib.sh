# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # what is set here, others use
# Library of all scripts: paths, messages, long steps, and cache entries, which are made
# atomically.

set -euo pipefail
shopt -s inherit_errexit
# An exported CDPATH makes "cd" print a path, or go elsewhere.
unset CDPATH
# Messages of tools are compared and sorted.
export LC_ALL=C.UTF-8

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

# help - prints the comment at the head of the script.
help() {
	sed '1,2d; /^#/!Q; s/^# \{0,1\}//' "$0"
}

# absolute NAME - makes the path in a variable absolute, if it is set.
absolute() {
	case ${!1:-/} in
	/*) ;;
	*) die "$1=${!1} is a relative path: set it to one that begins with /" ;;
	esac
}

# buildable WHAT PATH HINT - dies unless the kernel's make can build in PATH.
buildable() {
	case $2 in
	*[[:space:]:\'\"\\\$\#%,]*)
		die "the path of $1, '$2', has a blank or one of : ' \" \\ \$ # % , in it," \
			"which the kernel's make cannot build in: $3"
		;;
	esac
}

# Files of root in build/ are in the way of an ordinary user.
own_build() {
	local path
	path=$(find "$build" -maxdepth 2 ! -user "$EUID" ! -writable ! -type l \
		-print -quit 2>/dev/null) || true
	[ -z "$path" ] ||
		die "cannot write $path, which belongs to $(stat -c %U "$path"):" \
			"remove it (sudo rm -rf $build)"
	[ -e "$build" ] || [ -w "$top" ] ||
		die "cannot make $build: $top belongs to $(stat -c %U "$top");" \
			"use a clone of your own"
}

case ${1:-} in
--help | -h)
	help
	exit
	;;
esac
absolute XDG_CACHE_HOME
absolute TMPDIR
buildable 'this checkout' "$top" 'move it'
buildable 'the cache' "$cache" 'set XDG_CACHE_HOME to another folder'
own_build

# temporary NAME - sets tmp to a new folder, which is removed after this script and all processes
# that it started have ended: a background process reads a pipe that they hold open.
temporary() {
	local alive
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/v7s-rs-$1.XXXXXX")
	mkfifo "$tmp/alive"
	# shellcheck disable=SC2016 # the inner shell expands it
	(setsid sh -c 'cat <"$1/alive"; rm -rf "$1"' sh "$tmp" </dev/null >/dev/null 2>&1 &)
	exec {alive}>"$tmp/alive"
	rm "$tmp/alive"
}

# step K N TEXT CMD... - runs a long command; its output goes to a log that is shown only if the
# command fails, or, with V=1, here. CMD may be a function, and may die; its variables are those of
# the caller, which those of step must not hide.
step() {
	local step_name="step $1 of $2" step_text=$3 step_start=$SECONDS step_options=$-
	local step_status step_unnamed step_log
	printf '[%s/%s] %s ... ' "$1" "$2" "$3" >&2
	shift 3
	if [ "${V:-0}" != 0 ]; then
		echo >&2
		exec {step_log}>&2
	else
		# Without a name from the start, the log cannot outlive an interrupted run.
		step_unnamed=$(mktemp "${TMPDIR:-/tmp}/v7s-rs-step.XXXXXX")
		exec {step_log}<>"$step_unnamed"
		rm -f "$step_unnamed"
	fi
	set +e
	(
		set -e
		"$@"
	) >&"$step_log" 2>&1 </dev/null
	step_status=$?
	[[ $step_options != *e* ]] || set -e
	if [ "$step_status" = 0 ]; then
		printf '%s s\n' "$((SECONDS - step_start))" >&2
		exec {step_log}>&-
		return 0
	fi
	printf 'failed after %s s\n' "$((SECONDS - step_start))" >&2
	say "$step_name failed: $step_text"
	[ "${V:-0}" != 0 ] || tail -n 60 "/dev/fd/$step_log" >&2
	exit 1
}

# flavour F - sets the facts that scripts/kernel/flavour prints, in the environment, which scripts
# that this one starts inherit.
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

# key FILE|WORD... - prints a key of a cache entry: a hash of the content of files, and of words.
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

# take NAME - records for scripts/kernel/cache that the entry is the one in use for this script,
# its root or flavour, and the first part of NAME.
take() {
	local mark=$current/${0##*/}.${flavour:-${name:-}}.${1%%-*}
	[ "$(readlink "$mark")" != "../$1" ] || return 0
	mkdir -p "$current"
	ln -sfn "../$1" "$mark"
}

# hold DIR... - keeps entries from being removed as long as this script, or a process that it
# started, runs.
declare -A held
hold() {
	local dir lock
	for dir in "$@"; do
		[ -z "${held[$dir]:-}" ] || continue
		held[$dir]=1
		exec {lock}<"$dir" || die "$dir was removed a moment ago: run this again"
		flock -s "$lock"
		[ -d "$dir" ] || die "$dir was removed a moment ago: run this again"
	done
}

# Entries in the making without a lock were left by a killed run.
sweep() {
	local lock left
	discard "$making"
	for lock in "$cache"/.making.*.lock; do
		left=${lock%.lock}
		[ -d "$left" ] || continue
		(! flock -n 9 || discard "$left") 9<"$lock"
	done
}

# discard DIR - removes a folder, even with files of user ids of a user namespace, as an unfinished
# root has.
discard() {
	rm -rf "$1" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$1"
}

# Fails early if the disk has no room.
need_space() {
	local free
	free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$cache has $free MB free, $1 are needed: free some, or set XDG_CACHE_HOME"
}
