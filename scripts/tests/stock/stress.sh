# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Eight CPUs and their interrupts in one table set, on Debian's kernel.
# guest: --smp 8
# guest: --add scripts/tests/lib/callers.sh
# soak: STRESS_CALLS=10000000
# soak: STRESS_SEED=

# shellcheck source=scripts/tests/lib/callers.sh
. /callers.sh

plan "$stress_checks"
stress 0 "${STRESS_CALLS:-200000}"
