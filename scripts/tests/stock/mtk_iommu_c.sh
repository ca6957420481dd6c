# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# stock/mtk_iommu with tables of the kernel's C: the soft M4U accepts them, too.
# guest: --mem 6G --smp 3 --overlay drivers/iommu/selftests/soft_m4u/m4u.dtso
# guest: --add scripts/tests/lib/m4u.sh
# guest: --append mem=5G --append isolcpus=2 --append slab_debug=P,io-pgtable_armv7s_l2*
# guest: --qemu -accel --qemu tcg,thread=single

# shellcheck source=scripts/tests/lib/m4u.sh
. /m4u.sh

plan $((m4u_count + 1))
m4u_start
check 'C has a cache for its tables' [ -e /sys/kernel/slab/io-pgtable_armv7s_l2 ]
m4u_checks
