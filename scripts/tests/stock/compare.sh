# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Rust against C on Debian's kernel. Memory reaches above 4 GiB, so that tables may lie there.
# guest: --mem 6G --add scripts/tests/lib/v7s_compare.sh
# soak: COMPARE_OPERATIONS=16000000
# soak: COMPARE_SEED=
#
# What C reports: something is mapped there, or a section; an address out of range, of a map;
# nothing is mapped there, or something larger; an address out of range, of an unmap. v7s_compare.sh
# counts them.
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at (__arm_v7s_map|arm_v7s_init_pte)\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_map_pages\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at __arm_v7s_unmap\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_unmap_pages\+

# shellcheck source=scripts/tests/lib/v7s_compare.sh
. /v7s_compare.sh
