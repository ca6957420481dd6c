# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Rust compared with C under the kernel's checks. Expected reports of C: map over a mapping or a
# section; map out of range; unmap of nothing or of part of a page; unmap out of range; and a
# second cache of the same name.
# v7s_compare.sh counts the first five.
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at (__arm_v7s_map|arm_v7s_init_pte)\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_map_pages\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at __arm_v7s_unmap\+
# splat: WARNING: drivers/iommu/io-pgtable-arm-v7s.c:[0-9]+ at arm_v7s_unmap_pages\+
# splat: kmem_cache of name 'io-pgtable_armv7s_l2' already exists
# guest: --mem 6G --add scripts/tests/lib/v7s_compare.sh --append kunit.autorun=0
# soak: COMPARE_OPERATIONS=1000000
# soak: COMPARE_SEED=

COMPARE_OPERATIONS=${COMPARE_OPERATIONS:-20000}
# shellcheck source=scripts/tests/lib/v7s_compare.sh
. /v7s_compare.sh
