# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Other users of the redirected functions: a second redirection, before and after, is
# refused; tracers are allowed.
# guest: --smp 2

# shellcheck source=scripts/tests/lib/ktap.sh
. /ktap.sh

format=io_pgtable_arm_v7s_rust
tracing=/sys/kernel/tracing
functions='alloc_io_pgtable_ops free_io_pgtable_ops'

fails() {
	! "$@"
}

said() {
	dmesg -c
}

traced() {
	cut -d' ' -f1 $tracing/enabled_functions | sort | tr '\n' ' ' | sed 's/ $//'
}

# Prints the provider of a client that is loaded and unloaded.
server() {
	said >/dev/null
	modprobe rust_v7s_client && rmmod rust_v7s_client
	case $(said | grep 'rust_v7s_client: served by') in
	*"[$format]") echo rust ;;
	*arm_v7s_map_pages) echo c ;;
	*) echo nobody ;;
	esac
}

# rival FUNCTION NUMBER - another module redirects a function first.
rival_first() {
	modprobe v7s_rival "free=$2"
	said >/dev/null
	check "$1 is redirected by another: no format" fails modprobe $format
	said >/tmp/said
	has 'the log says so' "cannot redirect .*$1.*: another user redirects it" \
		"$(cat /tmp/said)"
	has 'and what to do' 'with takeover=0 only the exported functions serve' "$(cat /tmp/said)"
	# Busybox tries twice.
	same 'in two lines' 2 "$(grep -o "$format: .*" /tmp/said | sort -u | wc -l)"
	same 'its other hook is gone, too' "$1" "$(traced)"
	same 'and C serves' c "$(server)"
	check 'by name it serves' modprobe $format takeover=0
	check 'and its tables go back to it' life_by_name
	rmmod $format
	rmmod v7s_rival
}

life_by_name() {
	modprobe rust_v7s_by_name && rmmod rust_v7s_by_name
}

# Calls of a function that the trace holds.
calls() {
	grep -c "$1" $tracing/trace
}

# watched NAME PATTERN - loads and unloads the format under a tracer that was set up,
# which shows calls as PATTERN.
watched() {
	same "$1: C serves" c "$(server)"
	check 'the format loads' modprobe $format
	same 'and serves' rust "$(server)"
	check 'it unloads' rmmod $format
	same 'C serves again' c "$(server)"
	same 'all three calls were seen' 3 "$(calls "$2")"
}

plan 46

rival_first alloc_io_pgtable_ops 0
rival_first free_io_pgtable_ops 1
same 'nothing is traced any more' '' "$(traced)"

modprobe $format
for free in 0 1; do
	check 'a second redirection is refused' fails modprobe v7s_rival free=$free
	same 'the format serves as before' rust "$(server)"
done
rmmod $format

# shellcheck disable=SC2086 # a list of words
printf '%s\n' $functions >$tracing/set_ftrace_filter
echo function >$tracing/current_tracer
watched 'the function tracer' ' alloc_io_pgtable_ops <-'
echo nop >$tracing/current_tracer

# shellcheck disable=SC2086 # a list of words
printf '%s\n' $functions >$tracing/set_graph_function
echo function_graph >$tracing/current_tracer
watched 'the function graph' 'alloc_io_pgtable_ops();'
echo nop >$tracing/current_tracer
echo >$tracing/set_ftrace_filter

echo 'f:v7s/entry alloc_io_pgtable_ops' >$tracing/dynamic_events
echo 'f:v7s/return alloc_io_pgtable_ops%return' >>$tracing/dynamic_events
echo 1 >$tracing/events/v7s/enable
watched 'probes at entry and return' ' entry: '
echo 0 >$tracing/events/v7s/enable
echo >$tracing/dynamic_events

echo 'p:v7s/probe alloc_io_pgtable_ops' >$tracing/kprobe_events
echo 1 >$tracing/events/v7s/enable
watched 'a kprobe' ' probe: '
echo 0 >$tracing/events/v7s/enable
echo >$tracing/kprobe_events
same 'nothing is traced at the end' '' "$(traced)"
