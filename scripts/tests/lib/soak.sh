# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # shared with scripts/check
# Long versions of tests, one after the other (scripts/check --soak). Results of failed ones are
# kept in build/soak/ROUND/GROUP/NAME.

# Seconds that a test may take before its guest counts as hung.
limit=7200
# Seconds between two lines about one that is running.
interval=60

# long_tests [NAME]... - prints the named tests that have a long version.
long_tests() {
	local every name
	every=$(cd "$tests" && grep -l '^# soak: ' -- */*.sh)
	[ $# -gt 0 ] || set -- '.*'
	for name in "$@"; do
		grep -xE -- "$name(\.sh|/.*)?" <<<"$every" ||
			die "no test '$name' has a long version; there are: ${every//.sh$'\n'/ }"
	done
}

# progress TEST - prints the last line of its console.
progress() {
	tr -d '\r' <"$results/${1%.sh}/console" | sed -n 's/^\[ *[0-9.]*\] //p' | tail -n 1
}

# soak_test ROUND TEST - runs a test and says how it goes.
soak_test() {
	local test=$2 start=$SECONDS next=$interval before=$failed pid
	local dir=$results/${2%.sh} keep=$build/soak/$1/${2%.sh}
	printf '[round %s] %s\n' "$1" "${test%.sh}"
	launch "$test"
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if [ $((SECONDS - start)) -ge "$next" ]; then
			printf '    %s min: %s\n' $((next / 60)) "$(progress "$test" 2>/dev/null)"
			next=$((next + interval))
		fi
	done
	reap
	grep -haE '^ *# .*seed=' "$dir/ktap" 2>/dev/null | sed 's/^ */    /' || true
	[ "$failed" != "$before" ] || return 0
	rm -rf "$keep"
	mkdir -p "${keep%/*}"
	cp -r "$dir" "$keep"
	printf '    kept in %s\n' "${keep#"$top/"}"
}

# soak ROUNDS MINUTES [NAME]... - runs tests for a number of rounds or of minutes.
soak() {
	local rounds=$1 minutes=$2 round test selected
	shift 2
	selected=$(long_tests "$@")
	export SOAK=$limit
	# shellcheck disable=SC2086 # one word each
	build_for $selected || {
		failed=1
		return
	}
	all=$(wc -l <<<"$selected")
	for ((round = 1; ; round++)); do
		[ -n "$minutes" ] || [ "$round" -le "$rounds" ] || break
		ended=0
		for test in $selected; do
			[ -z "$minutes" ] || [ $SECONDS -lt $((minutes * 60)) ] || break 2
			soak_test "$round" "$test"
		done
	done
}
