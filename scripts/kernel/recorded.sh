# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/lib.sh
# Kernels that scripts/check --all has tested (Documentation/tested-kernels.tsv): a line of column
# names, and a line for each flavour with its release, the date, and the result of each test.
# README.md has a short table of them, between two marks.

recorded=$top/Documentation/tested-kernels.tsv
readme=$top/README.md
table_begins='<!-- tested kernels, written by make check-all -->'
table_ends='<!-- end of tested kernels -->'

# recorded_rows - prints the line of names, and those of kernels.
recorded_rows() {
	[ ! -f "$recorded" ] || sed '/^#/d' "$recorded"
}

# outcomes - prints release, flavour, date and what failed, or "passed", of each recorded kernel.
outcomes() {
	recorded_rows | awk -F '\t' -v OFS='\t' '
		$1 == "release" {
			for (i = 4; i <= NF; i++) column[i] = $i
			next
		}
		{
			bad = ""
			for (i = 4; i <= NF; i++)
				if ($i ~ /^(FAILED|not adapted yet)$/)
					bad = bad ", " column[i] " " $i
			print $1, $2, $3, bad ? substr(bad, 3) : "passed"
		}'
}

# readme_table - prints the table of README.md.
readme_table() {
	printf '%s\n' '| kernel | flavour | tested | result |' '| --- | --- | --- | --- |'
	outcomes | sed 's/\t/ | /g; s/^/| /; s/$/ |/'
}

# write_readme - puts the table between the marks.
write_readme() {
	readme_table >"$build/tested-kernels.md"
	sed -i -e "/^$table_begins\$/,/^$table_ends\$/ { //!d }" \
		-e "/^$table_begins\$/r $build/tested-kernels.md" "$readme"
}

# shown_table - prints the table that README.md has.
shown_table() {
	sed -n "/^$table_begins\$/,/^$table_ends\$/ { //!p }" "$readme"
}

# The newest version that was recorded before this run.
newest_recorded=$({ echo 0; recorded_rows | sed 's/[^0-9.].*//'; } | sort -V | tail -n 1)

# newer_than_recorded RELEASE - succeeds if the kernel is newer than all recorded ones.
newer_than_recorded() {
	[ "$(printf '%s\n' "$newest_recorded" "${1%%[!0-9.]*}" |
		sort -V | tail -n 1)" != "$newest_recorded" ]
}

# say_if_new RELEASE - prints a line if the kernel is newer than all recorded ones.
say_if_new() {
	! newer_than_recorded "$1" ||
		say "Linux $1 is newer than any that was tested;" \
			"'make check-all' tests it and keeps the result"
}
