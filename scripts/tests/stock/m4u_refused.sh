# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Without an M4U in the device tree, the soft M4U fails with a message, and its driver waits for a
# device.
# guest: --smp 1

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

fails() {
	! "$@"
}

plan 5
check 'without the nodes in the tree it does not load' fails modprobe soft_m4u
has 'and says which file has them' 'no "mediatek,mt8195-iommu-infra".*m4u.dtso' "$(dmesg)"
check 'nothing of it stays' [ ! -e /sys/kernel/debug/soft_m4u ]
check 'the client, which needs it, does not load either' fails modprobe soft_m4u_client
check 'nor does it have a file' [ ! -e /sys/kernel/debug/soft_m4u_client ]
