# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A real driver: Debian's unmodified mtk_iommu with tables of Rust, which the soft M4U walks.
#
# One thread for all CPUs of the guest: a polling CPU yields to the others, so that the M4U answers
# in time on a busy host. Freed tables are poisoned.
# guest: --mem 6G --smp 3 --overlay drivers/iommu/selftests/soft_m4u/m4u.dtso
# guest: --add scripts/tests/lib/m4u.sh
# guest: --append mem=5G --append isolcpus=2 --append slab_debug=P,io-pgtable_armv7s_l2*
# guest: --qemu -accel --qemu tcg,thread=single

# shellcheck source=scripts/tests/lib/m4u.sh
. /m4u.sh

format=io_pgtable_arm_v7s_rust

plan $((m4u_count + 5))
modprobe $format
m4u_start
same 'Rust serves ARM_V7S' rust "$(cat /sys/kernel/debug/$format/served_by)"
tables=$(sed 1d /sys/kernel/debug/$format/sets)
has 'the tables of the driver are ours' \
	'^0 32 35 ARM_NS,NO_PERMS,ARM_MTK_EXT 4K,64K,1M,16M noncoherent ' "$tables"
same 'and the M4U has their address' "$(echo "$tables" | cut -d ' ' -f 11)" "$(state base)"
check 'C made no cache for its own' [ ! -e /sys/kernel/slab/io-pgtable_armv7s_l2 ]
m4u_checks
check 'the driver never frees its tables, and we stay' fails rmmod $format
