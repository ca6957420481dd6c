# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/lib.sh
# For tests of scripts/check itself: a copy of the scripts in which nothing is built or booted. The
# stand-in for guests passes all tests except those in $BAD, and hangs in those in $LOST; both are
# lists of GROUP/NAME. Kernels in $GONE are unavailable, those in $NONE not offered.

# shellcheck source=scripts/tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

copy=$tmp/copy

# stand_in - makes the copy, with the kernel's configuration in $tmp/kdir.
stand_in() {
	flavour stock
	mkdir -p "$copy/mm" "$copy/drivers" "$copy/Documentation" "$tmp/kdir"
	cp -R "$scripts" "$top/README.md" "$copy"
	echo '#[kunit_tests(some_suite)]' >"$copy/mm/lib.rs"
	touch "$tmp/kdir/.config"
	# shellcheck disable=SC2016 # the script expands it
	printf '%s\n' '#!/bin/sh' 'echo "asking for $1" >&2' \
		'case " $GONE " in *" $1 "*) echo "flavour: $1 cannot be had" >&2; exit 1 ;; esac' \
		'case " $NONE " in' \
		'*" $1 "*) echo "flavour: no such kernel today" >&2; exit 3 ;; esac' \
		"echo 'kdir=$tmp/kdir'" "echo 'source=$source'" \
		"case \$1 in stock* | next) echo 'packages=$tmp/kdir' ;;" \
		'*) echo packages= ;; esac' \
		'echo "release=${RELEASE:-7.3.4}-$1"' \
		>"$copy/scripts/kernel/flavour"
	printf '#!/bin/sh\n' >"$copy/scripts/kernel/modules"
	cat >"$copy/scripts/guest" <<-'EOT'
		#!/bin/bash
		while [ $# -gt 0 ]; do
			case $1 in
			--console) console=$2 ;;
			--add) test=$2 ;;
			esac
			shift
		done
		test=${test#*/scripts/tests/}
		test=${test%.sh}
		echo "[ 1.0] $test runs" >"$console"
		printf '%s\n' 'KTAP version 1' 1..1
		case " $LOST " in *" $test "*) exit 1 ;; esac
		sleep "${DELAY:-0}"
		case " $BAD " in
		*" $test "*) echo 'not ok 1 it' ;;
		*) echo 'ok 1 it' ;;
		esac
	EOT
	export LOST='' BAD='' GONE='' NONE='' RELEASE='' DELAY=''
	# Not what this run knows.
	unset V7S_RS_FLAVOUR V7S_RS_FACTS
	export XDG_CACHE_HOME=${cache%/*}
}

# in_copy CMD... - runs a command in the copy; its output is in $tmp/said.
in_copy() {
	(cd "$copy" && "$@") >"$tmp/said" 2>&1
}
