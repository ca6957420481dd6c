# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Many callers of one table set under KASAN, lockdep and checks of atomic context.
# guest: --smp 2
# guest: --append kunit.enable=0
# guest: --add scripts/tests/lib/callers.sh
# soak: STRESS_CALLS=1000000
# soak: STRESS_SEED=

# shellcheck source=scripts/tests/lib/callers.sh
. /callers.sh

# What CPUs keep of their own, and what has memory set aside, differ most.
plan $((2 * stress_checks))
stress 0 "${STRESS_CALLS:-30000}"
stress 5 "${STRESS_CALLS:-30000}"
