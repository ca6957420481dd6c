# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Calls with random arguments, under KASAN. They take ten times as long here: a million
# is for soak.
# guest: --mem 6G --append kunit.enable=0 --add scripts/tests/lib/v7s_fuzz.sh
# soak: FUZZ_CALLS=1000000
# soak: FUZZ_CACHES=2000
# soak: FUZZ_SEED=

# shellcheck disable=SC2034 # for v7s_fuzz.sh
usual_calls=20000 usual_caches=100

# shellcheck source=scripts/tests/lib/v7s_fuzz.sh
. /v7s_fuzz.sh
