# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Debian's mtk_iommu with second-level tables from pool: see mtk_iommu.sh.
# guest: --mem 6G --smp 3 --overlay drivers/iommu/selftests/soft_m4u/m4u.dtso
# guest: --add scripts/tests/lib/m4u.sh --add scripts/tests/lib/m4u_source.sh
# guest: --append mem=5G --append isolcpus=2 --qemu -accel --qemu tcg,thread=single

# shellcheck source=scripts/tests/lib/m4u_source.sh
. /m4u_source.sh

data_arrives_over 5 pool
