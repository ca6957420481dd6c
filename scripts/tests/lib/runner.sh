# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/check
# Runs tests for scripts/check: several at a time, each in a guest of its own or on the host; the
# kernel's kunit.py counts results.

# Tests that run, by process, and how many ended of how many.
running=() ended=0 all=0
# What scripts/kernel/flavour said, by flavour.
declare -A facts

# find_tests NAME... - prints GROUP/FILE of the tests that are meant.
find_tests() {
	local name found
	for name in "$@"; do
		found=$(cd "$tests" && find "$name" "$name.sh" -xtype f -path '*/*' \
			-not -path 'lib/*' 2>/dev/null | sort) || true
		[ -n "$found" ] || die "no test '$name'; there are: $(every_test | paste -s -d ' ')"
		echo "$found"
	done
}

every_test() {
	cd "$tests" && find . -mindepth 2 -maxdepth 2 -xtype f -not -path './lib/*' \
		-printf '%P\n' | sort
}

# without KEY TESTS - prints those whose header does not say KEY.
without() {
	local test
	while read -r test; do
		[ -n "$(header "$test" "$1")" ] || echo "$test"
	done <<<"$2"
}

is_flavour() {
	[ -f "$scripts/kernel/flavours/$1" ]
}

in_guest() {
	[[ $1 == *.sh ]] && is_flavour "${1%%/*}"
}

# header TEST KEY - prints what the header of a test says under KEY.
header() {
	sed -n "s/^# $2: //p" "$tests/$1"
}

# know FLAVOUR - sets the facts of a flavour, here and for processes started from here, once.
know() {
	if [ -z "${facts[$1]:-}" ]; then
		flavour "$1"
		facts[$1]=$V7S_RS_FACTS
	fi
	export V7S_RS_FLAVOUR="$1 $cache $top" V7S_RS_FACTS=${facts[$1]}
	flavour "$1"
}

# Names of the KUnit suites in our sources.
suites() {
	local found
	found=$(grep -rhoE --include='*.rs' '^ *#\[[a-z:]*kunit_tests\([a-z0-9_]+\)\]' \
		"$top/mm" "$top/drivers" |
		sed 's/.*(\(.*\))./\1/' | sort | tr '\n' ' ')
	echo "${found:?there are no KUnit suites in mm and drivers}"
}

# Two more results of a guest test: how the guest and its kernel fared. Where the
# test had the kernel make mistakes, it has to complain of each and of nothing else.
judge_guest() (
	status=$1 console=$2 allowed=$3
	# shellcheck source=scripts/tests/lib/ktap.sh
	. "$tests/lib/ktap.sh"
	plan 2
	same 'the guest ran to its end' 0 "$status"
	reports=$(allowed=$allowed awk -f "$tests/lib/reports.awk" "$console")
	planted=$(sed -n 's/^.*\] planting \([a-z]*\).*/\1 \1/p' "$console" | sort -u)
	if [ -z "$planted" ]; then
		same 'the kernel had nothing to complain of' '' "$reports"
	else
		same 'the kernel complained of what was planted, and of nothing else' "$planted" \
			"$(cut -d ' ' -f 1,2 <<<"$reports" | sort -u)"
	fi
)

# variables TEST - prints assignments of the variables that the header of a test has under soak:
# what they are in our environment, or, in a long run, in the header.
variables() {
	local line name
	while IFS= read -r line; do
		name=${line%%=*}
		if [ -n "${!name:-}" ]; then
			line=$name=${!name}
		elif [ -z "${SOAK:-}" ]; then
			continue
		fi
		printf '%s ' "$line"
	done < <(header "$1" soak)
}

# add_modules FLAVOUR FOLDER - builds foreign modules, and adds them to a guest.
add_modules() {
	local out=$build/$1/$2 module
	mkdir -p "$out"
	"$scripts/kmake" --kernel "$1" -s M="$top/$2" MO="$out" modules >&2 || return
	for module in "$out"/*.ko; do
		options+=(--add "$module")
	done
}

# add_program DIR FILE.c - builds a program for guests of the flavour at hand in DIR, and adds it.
add_program() {
	local program
	program=$1/$(basename "$2" .c)
	"$scripts/kernel/buildroot" clang-19 --target="$target" -Os -Wall -Werror -fuse-ld=lld \
		-static -nostdlib -nostdinc -isystem "$source/tools/include/nolibc" \
		-isystem /usr/include -isystem "/usr/include/$target" \
		-o "$program" "$top/$2" >&2 || return
	options+=(--add "$program")
}

# Runs a test in a guest; the options of its header come as they are. SOAK is the seconds that a
# long run may take. Where the kernel keeps account of what is left behind, it is asked in the end.
run_guest() {
	local group=${1%/*} file=${1#*/} dir=$2 status=0 options after=: path
	read -r -a options <<<"$(header "$1" guest | tr '\n' ' ')"
	[ -z "${SOAK:-}" ] || options+=(--timeout "$SOAK")
	for path in $(header "$1" module); do
		add_modules "$group" "$path" || return
	done
	for path in $(header "$1" program); do
		add_program "$dir" "$path" || return
	done
	if [ "$group" = debug ]; then
		options+=(--add "$tests/lib/aftermath.sh")
		after='sh /aftermath.sh'
	fi
	touch "$dir/console"
	(cd "$top" && "$scripts/guest" --kernel "$group" --strict "${options[@]}" \
		--console "$dir/console" --out "$dir/out" \
		--add "$tests/lib/ktap.sh" --add "$tests/$1" \
		--run "cd / && suites='$(suites)' $(variables "$1")sh /$file
			status=\$?; $after; exit \$status") \
		>"$dir/ktap" || status=$?
	judge_guest "$status" "$dir/console" "$(header "$1" splat | paste -s -d '|')" \
		>"$dir/guest.ktap"
}

run() {
	if in_guest "$1"; then
		run_guest "$1" "$2"
	else
		"$tests/$1" >"$2/ktap"
	fi
}

# judge TEST DIR - runs a test, and writes to DIR: tally, a line of numbers (passed, failed,
# skipped) for each KTAP document; seconds; and failures, as text.
judge() {
	local dir=$2 start=$SECONDS documents=()
	run "$1" "$dir" 2>"$dir/log" || true
	mapfile -t documents < <(find "$dir" -name '*ktap' -not -path "$dir/out/*/*" | sort)
	"$scripts/kernel/buildroot" python3 -B "$tests/lib/tally.py" \
		"$source/tools/testing/kunit/kunit.py" \
		"$dir/tally" "${documents[@]}" >"$dir/failures" 2>>"$dir/log" || return
	echo $((SECONDS - start)) >"$dir/seconds"
}

# not_adapted TEST - succeeds if a failure may only mean that our sources are not adapted to a new
# kernel: that of its flavour, or stock.
not_adapted() {
	[ -n "$(header "$1" judges)" ] || return
	if is_flavour "${1%%/*}"; then
		know "${1%%/*}"
	else
		know stock
	fi
	newer_than_recorded "$release"
}

# announce TEST - adds the result of a test to the sums, and prints one line or more.
announce() {
	local name=${1%.sh} bad=0 numbers
	local dir=$results/$name
	ended=$((ended + 1))
	[ -f "$dir/seconds" ] || bad=1
	while read -r -a numbers; do
		passed=$((passed + numbers[0]))
		bad=$((bad + numbers[1]))
		skipped=$((skipped + numbers[2]))
	done <"$dir/tally"
	if [ "$bad" = 0 ]; then
		printf '[%s/%s] %s: ok, %s s\n' "$ended" "$all" "$name" "$(cat "$dir/seconds")"
	elif not_adapted "$1"; then
		skipped=$((skipped + bad))
		printf '[%s/%s] %s: skipped, not adapted yet to Linux %s\n' \
			"$ended" "$all" "$name" "$release"
	else
		failed=$((failed + bad))
		printf '[%s/%s] %s: FAILED (see %s)\n' "$ended" "$all" "$name" "${dir#"$top/"}"
		cat "$dir/failures"
		tail -n 30 "$dir/log" | sed 's/^/    | /'
	fi
}

# Each test in a process group of its own, which is how it can be stopped.
launch() {
	local dir=$results/${1%.sh}
	rm -rf "$dir"
	mkdir -p "$dir/out"
	touch "$dir"/{tally,failures,log}
	if is_flavour "${1%%/*}"; then
		know "${1%%/*}"
	fi
	set -m
	judge "$1" "$dir" </dev/null &
	set +m
	running[$!]=$1
}

# Waits until a test has ended.
reap() {
	local pid
	wait -n -p pid "${!running[@]}" || true
	announce "${running[$pid]}"
	unset "running[$pid]"
}

# shellcheck disable=SC2317 # called by the trap
stop() {
	local pid
	for pid in "${!running[@]}"; do
		kill -- -"$pid" 2>/dev/null || true
	done
	wait
}

# As many tests at a time as there are processors, and memory for the largest guests.
at_a_time() {
	awk -v jobs="$(nproc)" '/^MemAvailable:/ { room = int($2 / 7e6) }
		END { if (room < jobs) jobs = room; print (jobs > 1 ? jobs : 1) }' /proc/meminfo
}

# build_for TEST... - builds our modules for the flavours of tests that run in guests. Nothing else
# makes sense if this fails, and the compiler has said why.
build_for() {
	local test group groups=()
	for test in "$@"; do
		! in_guest "$test" || groups+=("${test%%/*}")
	done
	[ ${#groups[@]} -gt 0 ] || return 0
	for group in $(printf '%s\n' "${groups[@]}" | sort -u); do
		know "$group"
		"$scripts/kernel/modules" "$group" || return
	done
}

# run_tests TEST... - runs them, as many at a time as there is room for.
run_tests() {
	local test jobs
	if ! build_for "$@"; then
		failed=$((failed + 1))
		return
	fi
	jobs=$(at_a_time)
	ended=0 all=$#
	for test in "$@"; do
		[ ${#running[@]} -lt "$jobs" ] || reap
		launch "$test"
	done
	while [ ${#running[@]} -gt 0 ]; do
		reap
	done
}
