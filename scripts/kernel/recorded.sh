# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/lib.sh
# Kernels that scripts/check --all has tested, as Documentation/tested-kernels.tsv has them: a line
# for each flavour, with its release, the date, and what became of each test, behind a line of the
# columns' names.

recorded=$top/Documentation/tested-kernels.tsv

# recorded_rows - prints the line of names, and those of kernels.
recorded_rows() {
	[ ! -f "$recorded" ] || sed '/^#/d' "$recorded"
}

# The newest version that was recorded before this run.
newest_recorded=$({ echo 0; recorded_rows | sed 's/[^0-9.].*//'; } | sort -V | tail -n 1)

# newer_than_recorded RELEASE - whether no kernel as new was recorded.
newer_than_recorded() {
	[ "$(printf '%s\n' "$newest_recorded" "${1%%[!0-9.]*}" |
		sort -V | tail -n 1)" != "$newest_recorded" ]
}

# say_if_new RELEASE - kernels move on their own; whoever runs one is to know.
say_if_new() {
	! newer_than_recorded "$1" ||
		say "Linux $1 is newer than any that was tested;" \
			"'make check-all' tests it and keeps the result"
}
