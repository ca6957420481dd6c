# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Results of a test in KTAP, for any POSIX shell. The plan comes first:
#
#	plan 2
#	same 'the cache is in zone DMA32' 1 "$(cat cache_dma32)"
#	check 'the module unloads' modprobe -r slab_rust

ktap_number=0

plan() {
	printf 'KTAP version 1\n1..%s\n' "$1"
}

result() {
	ktap_number=$((ktap_number + 1))
	printf '%s %s %s\n' "$1" "$ktap_number" "$2"
}

# diagnose - shows its input with the next result.
diagnose() {
	sed 's/^/# /'
}

ok() {
	result ok "$1"
}

not_ok() {
	result 'not ok' "$1"
}

# skip TEXT REASON
skip() {
	result ok "$1 # SKIP $2"
}

# check TEXT CMD... - passes if CMD succeeds, and shows its output if not.
check() {
	ktap_text=$1
	shift
	if ktap_output=$("$@" 2>&1); then
		ok "$ktap_text"
	else
		printf '%.100s: status %s\n%s\n' "$*" "$?" "$ktap_output" | diagnose
		not_ok "$ktap_text"
	fi
}

# redirects - succeeds if functions of this kernel can be redirected: not on 32-bit Arm.
redirects() {
	case $(uname -m) in
	arm*) return 1 ;;
	esac
}

# same TEXT WANT GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		printf 'want: %s\ngot:  %s\n' "$2" "$3" | diagnose
		not_ok "$1"
	fi
}

# has TEXT PATTERN GOT - passes if an extended regular expression matches.
has() {
	if grep -Eq -- "$2" <<-ktap_end
		$3
	ktap_end
	then
		ok "$1"
	else
		printf 'want a line like: %s\ngot: %s\n' "$2" "$3" | diagnose
		not_ok "$1"
	fi
}
