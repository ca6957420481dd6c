# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A million calls with arguments of all kinds. Memory reaches above 4 GiB, so that
# an address can lose bits.
# guest: --mem 6G --append kunit.enable=0 --add scripts/tests/lib/v7s_fuzz.sh
# soak: FUZZ_CALLS=20000000
# soak: FUZZ_CACHES=20000
# soak: FUZZ_SEED=

# shellcheck source=scripts/tests/lib/v7s_fuzz.sh
. /v7s_fuzz.sh
