# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # what is set here, tests use
# Library of tests of the packages: making them, and a machine that runs Debian. Commands in
# it can call 'state', which prints the provider of mtk_iommu's tables.

# shellcheck source=scripts/tests/lib/host.sh
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"

tests=$scripts/tests
flavour stock
modules_package=v7s-rs-modules-$release
# The release's own kernel, which no package of ours is for.
other=

# What is in a package, and who signs, does not depend on this machine.
export DEBFULLNAME='A Builder' DEBEMAIL=builder@example.org

# literally TEXT - prints an expression that matches it.
literally() {
	printf '%s\n' "$1" | sed 's/[+.]/[&]/g'
}

# make_packages VERSION - makes the packages, and prints their paths.
make_packages() {
	"$scripts/package/deb" --version "$1" --out "$tmp/packages"
}

# in_deb CMD... - runs a command in the root that has Debian's tools.
in_deb() {
	"$scripts/kernel/buildroot" --root deb "$@"
}

# A disk of this test's own.
new_machine() {
	local image
	image=$("$scripts/vm/machine/image") || exit
	cp --sparse=always "$image" "$tmp/disk"
	other=$(in_deb debugfs -R 'ls -p /boot' "$tmp/disk" 2>/dev/null |
		sed -n 's|.*/vmlinuz-\([^/]*\)/.*|\1|p' | grep -vx "$release")
}

# boot RELEASE CMD [FILE]... - runs CMD in the machine, and prints its output. The
# kernel's command line has $append, too.
boot() {
	local kernel=$1 cmd=$2
	shift 2
	boots=$((${boots:-0} + 1))
	"$scripts/vm/machine/run" ${append:+--append "$append"} \
		"$tmp/disk" "$kernel" "$tmp/console" \
		". ./machine-state.sh; $cmd" "$tests/lib/machine-state.sh" "$@" 2>&1 | tr -d '\r'
}

# section NAME TEXT - prints the part of TEXT after the line "== NAME".
section() {
	sed -n "/^== $1$/,/^== /{/^== /!p}" <<<"$2"
}
