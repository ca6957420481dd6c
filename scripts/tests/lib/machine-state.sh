# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For commands that scripts/tests/lib/deb.sh has a machine run.

format=io_pgtable_arm_v7s_rust
driver=/sys/bus/platform/drivers/mtk-iommu

# state - says whose tables mtk_iommu has, one fact a line.
state() {
	echo "kernel: $(uname -r)"
	echo "driver: $(find $driver -name '*.iommu' 2>/dev/null | wc -l)"
	echo "groups: $(find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | wc -l)"
	echo "module: $([ ! -d /sys/module/$format ] || cat /sys/module/$format/refcnt)"
	echo "served by: $(cat /sys/kernel/debug/$format/served_by 2>/dev/null || echo C)"
	echo "tables: $(sed 1d /sys/kernel/debug/$format/sets 2>/dev/null)"
	echo "tables of C: $([ ! -e /sys/kernel/slab/io-pgtable_armv7s_l2 ] || echo some)"
	echo "failed units: $(systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1 |
		paste -s -d ' ')"
}

# install ./FILE.deb... - as a user would.
install() {
	DEBIAN_FRONTEND=noninteractive apt-get -y -o APT::Sandbox::User=root install "$@"
}
