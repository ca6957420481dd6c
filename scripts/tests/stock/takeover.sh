# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The takeover: the provider of ARM_V7S, and that every table set is freed by its provider. Each
# rule at the head of drivers/iommu/io-pgtable-arm-v7s-rust/module/ftrace_takeover.rs.
# guest: --append kunit.autorun=0

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
debugfs=/sys/kernel/debug/$format
enabled=/proc/sys/kernel/ftrace_enabled

# Prints new lines of the kernel log.
said() {
	dmesg -c
}

# Prints the provider of the client that was just loaded: c or rust.
server() {
	case $(said | grep 'rust_v7s_client: served by') in
	*"[$format]") echo rust ;;
	*arm_v7s_map_pages) echo c ;;
	*) echo nobody ;;
	esac
}

sets() {
	sed 1d $debugfs/sets | wc -l
}

fails() {
	! "$@"
}

# The client comes and goes, and so does the format, each in its own time, until
# both have served a while.
race() {
	: >/race.log
	(
		i=0
		until [ $((i += 1)) -gt 300 ] || { [ $i -gt 40 ] && both; }; do
			modprobe rust_v7s_client && rmmod rust_v7s_client
			said >>/race.log
		done
	) &
	clients=$!
	while kill -0 $clients 2>/dev/null; do
		modprobe $format
		rmmod $format 2>/dev/null
	done
	wait $clients
}

both() {
	grep -q 'served by arm_v7s_map_pages' /race.log &&
		grep -q "served by .*\[$format\]" /race.log
}

plan 34

modprobe rust_v7s_client
same 'without the module C serves' c "$(server)"
check 'the module loads beside a table of C' modprobe $format
same 'it says who serves' 1 "$(said | grep -c "$format: ARM_V7S is served by rust")"
same 'debugfs says so, too' rust "$(cat $debugfs/served_by)"
check 'the table from before goes back to C' rmmod rust_v7s_client
check 'and the next one comes' modprobe rust_v7s_client
same 'from Rust' rust "$(server)"
same 'it is listed' 1 "$(sets)"
check 'the module stays under it' fails rmmod $format
check 'sysctl cannot disarm the hook' fails sh -c "echo 0 >$enabled"
same 'nor did it' 1 "$(cat $enabled)"
check 'the table goes' rmmod rust_v7s_client
same 'it is listed no more' 0 "$(sets)"
check 'the module unloads' rmmod $format
modprobe rust_v7s_client
same 'C serves again' c "$(server)"
rmmod rust_v7s_client

for takeover in 0 1; do
	for kernel_free in 0 1; do
		modprobe $format takeover=$takeover
		modprobe rust_v7s_by_name kernel_free=$kernel_free
		same "a set by name, takeover=$takeover kernel_free=$kernel_free" 1 "$(sets)"
		rmmod rust_v7s_by_name
		same 'it is freed by the one who made it' 0 "$(sets)"
		rmmod $format
	done
done

said >/dev/null
modprobe $format takeover=0
same 'takeover=0 says that C serves' c "$(cat $debugfs/served_by)"
modprobe rust_v7s_client
same 'and C does' c "$(server)"
rmmod rust_v7s_client
rmmod $format

# Loads it where ftrace is off.
without_ftrace() {
	check 'loading fails where ftrace is off' fails modprobe $format
	has 'and says why and what to do' \
		'with takeover=0 only the exported functions serve' "$(said)"
	check 'takeover=0 loads there' modprobe $format takeover=0
	has 'and says what then is to be minded' \
		'must go back through free_io_pgtable_arm_v7s_rust_ops' "$(said)"
	modprobe rust_v7s_by_name
	check 'the exported functions serve' rmmod rust_v7s_by_name
	rmmod $format
}

echo 1 >/sys/kernel/debug/clear_warn_once
said >/dev/null
echo 0 >$enabled
if said | grep -q 'ftrace_enabled file .* no longer disables ftrace'; then
	# Since Linux 7.3.
	for text in 'loading' 'its message' 'takeover=0' 'its message' 'the exported functions'; do
		skip "where ftrace is off: $text" 'this kernel does not turn it off'
	done
else
	without_ftrace
fi
echo 1 >$enabled

check 'a value that takeover does not have is refused' fails modprobe $format takeover=2
has 'in a line that names it' 'takeover=2' "$(said)"

check 'allocations race loading and unloading' race
check 'C served some and Rust others' both
