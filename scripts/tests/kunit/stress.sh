# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Eight CPUs and their interrupts in one table set, with second-level tables from each
# source.
# guest: --smp 8
# guest: --append kunit.enable=0
# guest: --add scripts/tests/lib/callers.sh
# soak: STRESS_CALLS=2000000
# soak: STRESS_SEED=

# shellcheck source=scripts/tests/lib/callers.sh
. /callers.sh

plan $((2 * stress_checks))
for source in 0 5; do
	stress $source "${STRESS_CALLS:-40000}"
done
