# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The samples are loaded and unloaded under the kernel's checks, with tables of C and of
# Rust. Their output is checked by other tests.
# guest: --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

# Loads and unloads a module with the given parameters.
comes_and_goes() {
	modprobe "$@" && rmmod "$1"
}

plan 12
check 'the caches' comes_and_goes rust_kmem_cache
check 'a client of C' comes_and_goes rust_v7s_client
for takeover in 0 1; do
	modprobe io_pgtable_arm_v7s_rust takeover=$takeover
	check "a client, takeover=$takeover" comes_and_goes rust_v7s_client
	check 'the exported functions' comes_and_goes rust_v7s_by_name
	check 'the kernel'\''s free' comes_and_goes rust_v7s_by_name kernel_free=1
	check 'one that maps under a spin lock' comes_and_goes rust_v7s_atomic
	check 'the format unloads' rmmod io_pgtable_arm_v7s_rust
done
