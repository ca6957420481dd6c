# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Library of tests on the host: the library of scripts, KTAP, a temporary folder, and the list
# of files of this repository.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib.sh"
# shellcheck source=scripts/tests/lib/ktap.sh
. "$scripts/tests/lib/ktap.sh"

# A test looks at statuses itself.
set +e

temporary test
trap 'exit 130' INT TERM HUP
cd "$top" || exit

# sources PATTERN... - sets matched to those of ours that match, as git understands patterns. It
# does not ask the repository, which may be somebody else's, or none. No match is a mistake.
sources() {
	[ -d "$tmp/index.git" ] || git init -q --bare --template= "$tmp/index.git"
	mapfile -d '' -t matched < <(git --git-dir="$tmp/index.git" --work-tree="$top" \
		ls-files -z --others --exclude-per-directory=.gitignore -- "$@")
	[ ${#matched[@]} -gt 0 ] || die "no file of ours matches $*"
}

# without_links - takes links out of matched: what they lead to is there itself.
without_links() {
	local file kept=()
	for file in "${matched[@]}"; do
		[ -L "$file" ] || kept+=("$file")
	done
	matched=("${kept[@]}")
}

# cargo_tests MORE CMD... - reports the Rust tests that CMD runs, in a plan for MORE besides.
cargo_tests() {
	local line status more=$1 results=()
	shift
	"$@" >"$tmp/cargo" 2>&1
	status=$?
	cat "$tmp/cargo" >&2
	mapfile -t results < <(sed -nE 's/^test (.*) \.\.\. (ok|FAILED|ignored)$/\2 \1/p' \
		"$tmp/cargo")
	plan $((${#results[@]} + 1 + more))
	for line in "${results[@]}"; do
		same "${line#* }" ok "${line%% *}"
	done
	same 'they ran to their end' 0 "$status"
}
