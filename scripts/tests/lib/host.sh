# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests on the host's side share: the scripts' library, KTAP, a folder that
# goes away, and the list of our files.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib.sh"
# shellcheck source=scripts/tests/lib/ktap.sh
. "$scripts/tests/lib/ktap.sh"

# A test looks at statuses itself.
set +e

tmp=$(mktemp -d "${TMPDIR:-/tmp}/v7s-rs-test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
cd "$top" || exit

# sources PATTERN... - prints our files that match, those not yet added too.
sources() {
	git ls-files --cached --others --exclude-standard -- "$@" |
		while read -r file; do
			[ ! -f "$file" ] || printf '%s\n' "$file"
		done
}
