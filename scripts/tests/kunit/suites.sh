# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Runs the KUnit suites of the modules, by loading them, and returns their results. $suites
# has the names of the suites in the sources.
#
# Freed tables are poisoned, to detect readers of freed tables.
# guest: --append slab_debug=P,io-pgtable_armv7s_l2*
# guest: --mem 6G --add scripts/tests/lib/fault.sh
#
# The kernel dumps the stack when it cannot make a cache, as a suite wants it; on 32-bit Arm not as
# far as to the suite.
# splat: Call trace:.* __kmem_cache_create_args\+.*slab_rust4slab5tests6faults
# splat: Call trace:.* __kmem_cache_create_args from .*slab_rust11slab_module8registry

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

# shellcheck source=scripts/tests/lib/fault.sh
. /fault.sh

results=/sys/kernel/debug/kunit

# Names of the suites that the kernel has.
there() {
	find $results -mindepth 1 -maxdepth 1 -type d -exec basename {} \;
}

# ran SUITE
ran() {
	cp "$results/$1/results" "/out/$1.ktap"
}

fault_injection
# The kernel has some of its own.
theirs=$(there)
takeover=1 missing=''
if ! redirects; then
	# Nor does ftrace tell what functions are called with.
	takeover=0 missing=v7s_sync
fi
modprobe io_pgtable_arm_v7s_rust takeover=$takeover
status=$?
# shellcheck disable=SC2046,SC2086,SC2154 # lists of words; one is from scripts/check
set -- $(printf '%s\n' $suites $(there | grep -vxF "$theirs") | grep -vx -e "$missing" | sort -u)
plan $(($# + 1))
same 'the modules load' 0 "$status"
for suite in "$@"; do
	check "suite $suite ran" ran "$suite"
done
