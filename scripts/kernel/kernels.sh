# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/lib.sh
# Debian's arm64 kernels: offers of the mirror when it was last asked, the kernel of
# each suite, and kernels in the cache.
#
# An offer is a line: suite version abi source, as in
# "testing 7.2.12-1 7.2.12+deb14 linux-source-7.2"; of a suite, the newest comes first.

offers=$cache/kernels

# Runs scripts/kernel/debian in the root "build", and prints an error of the mirror.
debian() {
	local status=0
	"$scripts/kernel/buildroot" --tmp "$scripts/kernel/debian" "$(mirror)" "$@" || status=$?
	case $status in
	10) say "the mirror cannot be reached: is there a network?" ;;
	11) say "the mirror has no ${*:4} any more: 'make update-kernel' moves to what it has" ;;
	esac
	return "$status"
}

# Prints the mirror of that root: options and address.
mirror() {
	"$scripts/kernel/buildroot" sed -nE 's/^deb ((\[[^]]*\] )?[^ ]+) .*/\1/p' \
		/etc/apt/sources.list | head -n 1
}

suites() {
	sed '/^#/d; s/:.*//' "$scripts/kernel/suites"
}

# root_of SUITE - prints the root that has the compilers of its kernels.
root_of() {
	sed -n "s/^$1: //p" "$scripts/kernel/suites"
}

# suite_of FLAVOUR - prints the suite of its kernel.
suite_of() {
	local suite
	suite=$(sed -n 's/^suite=//p' "$scripts/kernel/flavours/$1")
	echo "${suite:-$(suites | head -n 1)}"
}

# ask FILE - writes the current offers of the mirror.
ask() {
	local names
	mapfile -t names < <(suites)
	debian list "${names[@]}" >"$1.new" && mv "$1.new" "$1"
}

# Asks the mirror once for each cache; scripts/kernels --update asks again. Fails without an answer.
learn() {
	[ ! -f "$offers" ] || return 0
	"$scripts/kernel/buildroot" true || exit 1
	mkdir -p "$cache"
	(
		flock 9
		[ -f "$offers" ] || step 1 1 'asking the mirror which arm64 kernels there are' \
			ask "$offers"
	) 9>"$offers.lock"
}

# newest_of_each <OFFERS - prints the newest offer of each suite.
newest_of_each() {
	awk '!seen[$1]++'
}

# meant SUITE <OFFERS - prints the offer that a flavour from this suite means. A version that
# several suites have is the first one's, so that it is built once. "next" is the
# newest of what no other suite means.
meant() {
	newest_of_each | awk -v suite="$1" '
		!($2 in first) { first[$2] = $0; order[++n] = $2 }
		$1 != "experimental" { taken[$2] }
		$1 == suite { print first[$2]; exit }
		END {
			for (i = 1; suite == "next" && i <= n; i++)
				if (!(order[i] in taken)) print first[order[i]]
		}' | sort -rV -k 2 | head -n 1
}

# cached - prints the offers whose source is in the cache.
cached() {
	cat "$cache"/linux-*/offer 2>/dev/null | sort -k 1,1 -k 2,2rV || true
}
