# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by scripts/tests/lib/host.sh
# A copy of the scripts in $copy with a cache of its own, for tests without network and builds: the
# mirror offers the kernels in $tmp/offers (scripts/kernel/kernels.sh), roots are this host, and
# $tmp/done lists the requests.

copy=$tmp/copy
mkdir "$copy"
cp -R "$scripts" "$copy"
mkdir "$copy/Documentation"
export XDG_CACHE_HOME=$tmp/cache
unset V7S_RS_FLAVOUR V7S_RS_FACTS

# stand_in SCRIPT - has standard input take the place of a script of the copy.
stand_in() {
	rm "$copy/scripts/$1"
	cat >"$copy/scripts/$1"
	chmod +x "$copy/scripts/$1"
}

stand_in kernel/buildroot <<-'EOT'
	#!/bin/bash
	while :; do
		case $1 in
		--root) echo "root $2" >>"$PLANTED/done"; shift 2 ;;
		--tmp) shift ;;
		*) break ;;
		esac
	done
	case $1 in
	dpkg-query) cat "$PLANTED/tools" ;;
	sed) echo 'deb file:/mirror trixie main' | sed "${@:2:2}" ;;
	# merge_config.sh, and the kernel's make
	sh) cat "${@:5}" >"$KCONFIG_CONFIG" ;;
	make)
		for word in "$@"; do
			case $word in
			O=*) out=${word#O=} ;;
			KCONFIG_ALLCONFIG=*) cp "${word#*=}" "$out/.config" ;;
			modules)
				echo "built $out" >>"$PLANTED/done"
				mkdir -p "$out/include/config"
				echo 7.3.4-built >"$out/include/config/kernel.release"
				echo "export KBUILD_OUTPUT = $out" >"$out/Makefile"
				;;
			esac
		done
		;;
	*) exec "$@" ;;
	esac
EOT
# Headers say what they were made by: trixie's compilers, or newer ones.
stand_in kernel/debian <<-'EOT'
	#!/bin/bash
	[ ! -e "$PLANTED/unreachable" ] || exit 10
	shift
	action=$1 suite=$2 dir=$3
	case $action in
	list)
		shift
		for suite in "$@"; do grep "^$suite " "$PLANTED/offers"; done
		exit 0
		;;
	esac
	echo "$action ${*:4}" >>"$PLANTED/done"
	case $action in
	source)
		grep -q "^$suite $5 " "$PLANTED/offers" || exit 11
		mkdir "$dir/source"
		;;
	packages)
		grep -q "^$suite $5 " "$PLANTED/offers" || exit 11
		mkdir -p "$dir/usr/src/linux-headers-$4"
		case $4 in
		*deb13*) gcc=14 rustc=1.85.1 ;;
		*) gcc=16 rustc=1.97.1 ;;
		esac
		printf '%s\n' \
			"CONFIG_CC_VERSION_TEXT=\"aarch64-linux-gnu-gcc-$gcc (Debian) $gcc\"" \
			"CONFIG_RUSTC_VERSION_TEXT=\"rustc $rustc (x 2026)\"" \
			>"$dir/usr/src/linux-headers-$4/.config"
		;;
	esac
EOT
stand_in kernel/preflight <<<'#!/bin/true'
stand_in rust-headers <<-'EOT'
	#!/bin/bash
	while [ "$1" != --out ]; do shift; done
	echo "headers $3" >>"$PLANTED/done"
	echo "export KBUILD_OUTPUT = $2" >"$2/Makefile"
EOT
export PLANTED=$tmp
echo 'clang-19 19.1' >"$tmp/tools"
cat >"$tmp/offers" <<-'EOT'
	trixie-backports 7.3.4-1~bpo13+1 7.3.4+deb13 linux-source-7.3
	trixie-backports 7.2.9-1~bpo13+1 7.2.9+deb13 linux-source-7.2
	testing 7.2.12-1 7.2.12+deb14 linux-source-7.2
	unstable 7.2.13-1 7.2.13+deb14 linux-source-7.2
	experimental 7.4~rc2-1~exp1 7.4-rc2 linux-source-7.4
EOT
