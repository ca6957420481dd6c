# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Suites with takeover=0: table sets of C passed to the module's functions, and sets of the
# module passed to the kernel's free.

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

# ran SUITE
ran() {
	cp "/sys/kernel/debug/kunit/$1/results" "/out/$1.ktap"
}

plan 3
check 'the format loads with takeover=0' modprobe io_pgtable_arm_v7s_rust takeover=0
for suite in v7s_takeover v7s_misuse; do
	check "suite $suite ran" ran $suite
done
