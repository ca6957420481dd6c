# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/check
# scripts/check --all: the table of results of each kernel, and its record. A cell is ok, FAILED,
# "not adapted yet", or what a kernel lacks for a test. A kernel that is not available does not stop
# the others.

columns=(load samples takeover compare mtk_iommu clippy suites)
# What is said under the table, and the kernels that were recorded.
lines=() reasons=() renewed=()

# Why flavours cannot be had: a status of scripts/kernel/flavour, by flavour.
declare -A obtained

# known - prints the groups that are run if none is named, in the order of the table; what comes in
# parts comes last.
known() {
	local group
	for group in stock testing unstable next stock-16k stock-rt stock-cloud \
		hwtags cfi arm deb system series mutants; do
		[ ! -d "$tests/$group" ] || echo "$group"
	done
}

# tests_of GROUP - prints its tests: those of a column, and all others that the group has, but for
# stock, which has them in a run without --all.
tests_of() {
	local column
	{
		if is_flavour "$1"; then
			for column in "${columns[@]}"; do
				find_column "$1" "$column"
			done
		fi
		[ "$1" = stock ] || find_tests "$1"
	} | awk '!seen[$0]++'
}

# find_column GROUP COLUMN - prints the test of a column, as GROUP/FILE, if it is there. Those of a
# version, not of one flavour of it, lie elsewhere: KUnit takes a kernel that is built for it.
find_column() {
	local file
	for file in "$1/$2" "$1/$2.sh"; do
		case $file in
		stock/clippy) file=lint/clippy ;;
		stock/suites.sh) file=kunit/suites.sh ;;
		*/suites.sh) [ -e "$tests/$file" ] || file=kunit-$file ;;
		esac
		[ ! -e "$tests/$file" ] || echo "$file"
	done
}

# outcome GROUP/FILE - prints the result of a test, from the files of its run.
outcome() {
	local dir=$results/${1%.sh}
	if [ -f "$dir/seconds" ] && [ -s "$dir/tally" ] && awk '$2 { exit 1 }' "$dir/tally"; then
		echo ok
	elif not_adapted "$1"; then
		echo 'not adapted yet'
	else
		echo FAILED
	fi
}

# lacks COLUMN - prints what the kernel at hand would need for a test that is not there. One that is
# built here is for what it has, and what judges a version is done once for it.
lacks() {
	[ -n "$packages" ] || { echo - && return; }
	case $group/$1 in
	*/mtk_iommu) ! grep -q '^CONFIG_MTK_IOMMU=' "$kdir/.config" && echo 'no mtk_iommu' ;;
	*/takeover)
		! grep -q '^CONFIG_DYNAMIC_FTRACE_WITH_ARGS=y' "$kdir/.config" &&
			echo 'no ftrace args'
		;;
	stock-*/clippy | stock-*/suites) echo - ;;
	*) return 1 ;;
	esac
}

# cell COLUMN - prints the result in the current group. A test that is missing without a reason has
# failed.
cell() {
	local test
	test=$(find_column "$group" "$1")
	if [ -n "$test" ]; then
		outcome "$test"
	else
		lacks "$1" || echo FAILED
	fi
}

# row GROUP - adds the line of a kernel.
row() {
	local group=$1 column outcome line
	know "$group"
	line=$group
	for column in "${columns[@]}"; do
		outcome=$(cell "$column")
		line+=$'\t'$outcome
		# Those that ran were counted.
		if [ "$outcome" = FAILED ] && [ -z "$(find_column "$group" "$column")" ]; then
			failed=$((failed + 1))
		fi
	done
	lines+=("$line")
	record "$line"
}

# others GROUP - adds a line for each test that no column is for.
others() {
	local file name
	while read -r file; do
		name=$(basename "$file" .sh)
		case " ${columns[*]} " in
		*" $name "*) is_flavour "$1" && continue ;;
		esac
		lines+=("$1/$name"$'\t'"$(outcome "$file")")
	done < <(find_tests "$1")
}

# record LINE - keeps the line of the kernel at hand, instead of what there was of it.
record() {
	local kept
	kept=$(recorded_rows | awk -F '\t' -v flavour="${1%%$'\t'*}" -v release="$release" \
		'$1 != release || $2 != flavour')
	renewed+=("$release"$'\t'"${1%%$'\t'*}")
	write_record "$kept" "$(printf '%s\t%s\t%s\t%s' "$release" "${1%%$'\t'*}" \
		"$(date -u +%F)" "${1#*$'\t'}")"
}

# Ends the support of kernels that this run, of all there are, did not come across.
forget() {
	[ ${#renewed[@]} = 0 ] ||
		write_record "$(recorded_rows | grep -F "$(printf '%s\t\n' "${renewed[@]}")")"
}

# write_record ROWS... - writes the file, with the rows sorted, and the table of README.md; an old
# line of names is left out.
write_record() {
	{
		head -n 1 "$scripts/lib.sh"
		(IFS=$'\t'; echo "release"$'\t'"flavour"$'\t'"date"$'\t'"${columns[*]}")
		printf '%s\n' "$@" | sed '/^$/d; /^release\t/d' | sort -t $'\t' -k 1,1rV -k 2,2
	} >"$build/tested-kernels.new"
	mv "$build/tested-kernels.new" "$recorded"
	write_readme
}

# absent GROUP CELL - the row of a kernel that is not to be had.
absent() {
	local column line=$1
	for column in "${columns[@]}"; do
		line+=$'\t'$2
	done
	lines+=("$line")
}

# can_be_had FLAVOUR - provides a kernel, what it says being seen. Why it cannot be had is said
# under the table, and is a failure, unless it is not offered (status 3).
can_be_had() {
	local status=0 said
	if [ -z "${obtained[$1]:-}" ]; then
		{
			said=$("$scripts/kernel/flavour" "$1" 2>&1 >/dev/null | tee >(cat >&3)) ||
				status=$?
		} 3>&2
		obtained[$1]=$status
		case $status in
		0) ;;
		3) reasons+=("$1: $(tail -n 1 <<<"$said")") ;;
		*)
			reasons+=("$1: $(tail -n 1 <<<"$said")")
			failed=$((failed + 1))
			;;
		esac
	fi
	return "${obtained[$1]}"
}

run_group() {
	local group=$1 test selected=()
	printf '== %s ==\n' "$group"
	if is_flavour "$group" && ! can_be_had "$group"; then
		absent "$group" \
			"$([ "${obtained[$group]}" = 3 ] && echo 'not offered' || echo FAILED)"
		return
	fi
	for test in $(tests_of "$group"); do
		rm -rf "${results:?}/${test%.sh}"
		! in_guest "$test" || can_be_had "${test%%/*}" || continue
		selected+=("$test")
	done
	run_tests "${selected[@]}"
	! is_flavour "$group" || row "$group"
	[ "$group" = stock ] || others "$group"
}

table() {
	{
		(IFS=$'\t'; echo "flavour"$'\t'"${columns[*]}")
		printf '%s\n' "${lines[@]}"
	} | awk -F '\t' '
		{
			for (i = 1; i <= NF; i++) {
				cell[NR, i] = $i
				if (length($i) > width[i]) width[i] = length($i)
			}
			cells[NR] = NF
		}
		END {
			for (row = 1; row <= NR; row++) {
				line = ""
				for (i = 1; i <= cells[row]; i++)
					line = line sprintf("%-*s  ", width[i], cell[row, i])
				sub(/ *$/, "", line)
				print line
			}
		}'
	[ ${#reasons[@]} = 0 ] || printf '%s\n' '' "${reasons[@]}"
}

# all_kernels [GROUP]...
all_kernels() {
	local group groups
	mapfile -t groups < <(known)
	for group in "$@"; do
		if ! is_flavour "$group" || [ ! -d "$tests/$group" ]; then
			[[ " ${groups[*]} " = *" $group "* ]] ||
				die "unknown group '$group':" \
					"there are ${groups[*]}, and other flavours"
		fi
	done
	[ $# = 0 ] || groups=("$@")
	# A comparison of each kernel need not be the longest.
	export COMPARE_OPERATIONS=${COMPARE_OPERATIONS:-50000}
	for group in "${groups[@]}"; do
		run_group "$group"
	done
	# One that could not be had today may be there tomorrow.
	[ $# != 0 ] || [[ " ${obtained[*]} " == *' 1 '* ]] || forget
	echo
	table
}
