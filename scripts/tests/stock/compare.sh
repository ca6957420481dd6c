# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Rust compared with C on Debian's kernel, with memory above 4 GiB, where tables may lie.
# guest: --mem 6G --add scripts/tests/lib/v7s_compare.sh
# soak: COMPARE_OPERATIONS=16000000
# soak: COMPARE_SEED=
#
# Expected reports of C: map over a mapping or a section; map out of range; unmap of nothing or of
# part of a page; unmap out of range. v7s_compare.sh counts them.
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at (__arm_v7s_map|arm_v7s_init_pte)\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_map_pages\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at __arm_v7s_unmap\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_unmap_pages\+

# shellcheck source=scripts/tests/lib/v7s_compare.sh
. /v7s_compare.sh
