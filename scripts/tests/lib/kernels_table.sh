# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/check
# The tests of each kernel that we know (scripts/check --all): a table of what became of them, and
# the record of it. A cell is ok, FAILED, "not adapted yet", or what a kernel lacks for a test. A
# kernel that cannot be had does not stop the others.

columns=(load samples takeover compare mtk_iommu clippy suites)
# What is said under the table.
lines=() reasons=()

# known - prints the groups there are, in the order of the table; what comes in parts comes last.
known() {
	local group
	for group in stock testing unstable next stock-16k stock-rt stock-cloud kunit kunit-testing kunit-unstable kunit-next arm deb series; do
		[ ! -d "$tests/$group" ] || echo "$group"
	done
}

# tests_of GROUP - prints its tests; those of stock that are in the table, which a run without
# --all has all of.
tests_of() {
	local column
	if [ "$1" != stock ]; then
		find_tests "$1"
		return
	fi
	for column in "${columns[@]}"; do
		find_column "$1" "$column"
	done
}

# find_column GROUP COLUMN - prints the test of a column, as GROUP/FILE, if it is there.
find_column() {
	(cd "$tests" && find "$1" -xtype f \( -name "$2" -o -name "$2.sh" \))
}

# outcome GROUP/FILE - what the files that a run has left say of a test.
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

# lacks COLUMN - the option that the kernel at hand would need for a test that is not there.
lacks() {
	case $1 in
	mtk_iommu) ! grep -q '^CONFIG_MTK_IOMMU=' "$kdir/.config" && echo 'no mtk_iommu' ;;
	takeover) ! grep -q '^CONFIG_DYNAMIC_FTRACE_WITH_ARGS=y' "$kdir/.config" && echo 'no ftrace args' ;;
	# These judge a version, which another flavour of it stands for.
	clippy) [ "$group" != stock ] && echo - ;;
	suites) ! grep -q '^CONFIG_KUNIT=y' "$kdir/.config" && echo 'no KUnit' ;;
	*) return 1 ;;
	esac
}

# cell COLUMN - what became of it in the group at hand. A test that is missing although nothing is
# in its way has failed.
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
	kept=$(recorded_rows | awk -F '\t' -v flavour="${1%%$'\t'*}" -v release="$release" '$1 != "release" && ($1 != release || $2 != flavour)')
	{
		echo '# SPDX-License-Identifier: GPL-2.0'
		(IFS=$'\t'; echo "release"$'\t'"flavour"$'\t'"date"$'\t'"${columns[*]}")
		{
			[ -z "$kept" ] || echo "$kept"
			printf '%s\t%s\t%s\t%s\n' "$release" "${1%%$'\t'*}" "$(date -u +%F)" "${1#*$'\t'}"
		} | sort -t $'\t' -k 1,1rV -k 2,2
	} >"$build/tested-kernels.new"
	mv "$build/tested-kernels.new" "$recorded"
}

# absent GROUP CELL SAID - the row of a kernel that is not to be had, and why.
absent() {
	local column line=$1
	for column in "${columns[@]}"; do
		line+=$'\t'$2
	done
	lines+=("$line")
	reasons+=("$1: $(tail -n 1 <<<"$3")")
}

# obtain FLAVOUR - provides a kernel, what it says being seen, and kept in said.
obtain() {
	local status=0
	{ said=$("$scripts/kernel/flavour" "$1" 2>&1 >/dev/null | tee >(cat >&3)) || status=$?; } 3>&2
	return "$status"
}

run_group() {
	local group=$1 selected status=0 said
	printf '== %s ==\n' "$group"
	rm -rf "${results:?}/$group"
	if is_flavour "$group"; then
		obtain "$group" || status=$?
		case $status in
		0) ;;
		3)
			absent "$group" 'not offered' "$said"
			return
			;;
		*)
			absent "$group" FAILED "$said"
			failed=$((failed + 1))
			return
			;;
		esac
	fi
	mapfile -t selected < <(tests_of "$group")
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
				for (i = 1; i <= cells[row]; i++) line = line sprintf("%-*s  ", width[i], cell[row, i])
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
		case " ${groups[*]} " in
		*" $group "*) ;;
		*) die "unknown group '$group': there are ${groups[*]}" ;;
		esac
	done
	[ $# = 0 ] || groups=("$@")
	# A comparison of each kernel need not be the longest.
	export COMPARE_OPERATIONS=${COMPARE_OPERATIONS:-50000}
	for group in "${groups[@]}"; do
		run_group "$group"
	done
	echo
	table
}
