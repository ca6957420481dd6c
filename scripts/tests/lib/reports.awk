# SPDX-License-Identifier: GPL-2.0
# Prints a line for each report of the kernel on a guest's console:
#
#	WHERE KIND LINE
#
# WHERE is the kind of the mistake that a test had announced by "planting KIND"
# in the log, or "-". A report is one complaint with all that the kernel prints
# about it; those that match the expression $allowed are left out whole.

# The kinds, from the one that says most: a report is of the first that fits.
function kind(line)
{
	if (line ~ /BUG: KASAN: /) return "kasan"
	if (line ~ /UBSAN: /) return "ubsan"
	if (line ~ /rust_kernel: panicked at/) return "rust"
	if (line ~ /^BUG [^ ]+ \(.*\): /) return "slab"
	if (line ~ /WARNING: .*mm\/slub\.c|Slab cache still has objects|Wrong slab cache|Unexpected gfp/) return "slab"
	if (line ~ /BUG: Bad (page|rss-counter)/) return "page"
	if (line ~ /kmemleak: .*(suspected memory leak|disabled)|unreferenced object/) return "leak"
	if (line ~ /list_(add|del) .*corruption|list_(add|del) (double|corruption)/) return "list"
	if (line ~ /refcount_t: /) return "refcount"
	if (line ~ /usercopy: Kernel memory/) return "usercopy"
	if (line ~ /^DMA-API: [^ ]+ [^ ]+: /) return "dma"
	if (line ~ /virt_to_phys used for non-linear address/) return "virtual"
	if (line ~ /^ODEBUG: /) return "object"
	if (line ~ /possible circular locking dependency/) return "circular"
	if (line ~ /possible recursive locking/) return "recursive"
	if (line ~ /inconsistent lock state|irq lock inversion|unsafe lock order detected/) return "irq"
	if (line ~ /held lock freed/) return "freed"
	if (line ~ /locks? held (when|at)|still has locks held/) return "held"
	if (line ~ /Invalid wait context/) return "wait"
	if (line ~ /bad unlock balance|bad contention|Nested lock|BUG: (spinlock|rwlock|MAX_LOCK)/) return "lock"
	if (line ~ /suspicious RCU usage|RCU used illegally|RCU read-side critical section/) return "rcu"
	if (line ~ /sleeping function called from invalid context/) return "sleep"
	if (line ~ /scheduling while atomic/) return "atomic"
	if (line ~ /BUG: using .* in preemptible/) return "preempt"
	if (line ~ /rcu: INFO: .* stall/) return "stall"
	if (line ~ /BUG: soft lockup|hard LOCKUP/) return "lockup"
	if (line ~ /BUG: workqueue lockup/) return "workqueue"
	if (line ~ /INFO: task .* blocked/) return "hung"
	if (line ~ /kernel BUG at|Internal error|Unable to handle kernel|Oops|Kernel panic/) return "oops"
	if (line ~ /WARNING: /) return "warning"
	if (line ~ /BUG: /) return "bug"
	if (line ~ /Call trace:|cut here/) return "trace"
	return ""
}

# What is followed by a BUG that belongs to it.
function leads_on(what)
{
	return what ~ /^(rust|usercopy|oops)$/
}

# Whether a line of that kind is of another report than the open one.
function begins(what)
{
	if (is == "" || what == "trace" || what == "oops")
		return 0
	return what == is || is ~ /^(oops|warning|bug)$/ || what !~ /^(warning|bug)$/
}

function finish()
{
	if (open && !(allowed != "" && text ~ allowed))
		print where, (is == "" ? "trace" : is), head
	open = 0
	is = head = text = ""
}

function start()
{
	finish()
	open = 1
}

BEGIN {
	allowed = ENVIRON["allowed"]
	where = "-"
}

{
	sub(/\r$/, "")
	sub(/^\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? /, "")
}

/^planting / {
	finish()
	where = $2
	next
}

/^-+\[ cut here \]-+$/ && !leads_on(is) { start() }

/^---\[ end / {
	finish()
	next
}

{
	what = kind($0)
	if (what != "" && (!open || begins(what)))
		start()
	if (what != "" && what != "trace" && is == "") {
		is = what
		head = $0
	}
	if (open)
		text = text "\n" $0
}

END { finish() }
