# SPDX-License-Identifier: GPL-2.0
"""Turns what table_bench measured into build/memory.json and tables, and judges it.

usage: bench_memory.py KERNEL JSON RESULTS...

RESULTS are table_bench/results of debugfs, one for each allocator, KERNEL a file with the
kernel's release. Fails if the two readings of memory differ, or if the pool does not keep what
is promised of it, and says where.
"""

import json
import os
import sys
from math import comb

# Bytes by which what an allocator says may differ from what the system has less.
TOLERANCE = 16 << 10
# What the pool may hold, by what it cannot do without.
SLACK = 1.05
# Fewer leave too much to chance when nine of ten are freed.
MANY = 1024

WORKLOADS = {
    "grow": "All tables are allocated",
    "shrink": "Nine of ten are freed at random",
    "churn": "Tables are replaced at random",
    "worst": "One table is left on each piece that the system gave",
}


def floor_bytes(row):
    """The least that tables which cannot move can be had for; for chance, its expectation.

    Nobody who places tables knows which will be freed. At random, pages that were full are
    emptied most often; at worst, there is one left on each page that was needed at the peak.
    """
    page = row["page_size"]
    fits = page // row["table_bytes"]
    tables, live = row["tables"], row["live_bytes"] // row["table_bytes"]
    full, rest = divmod(tables, fits)
    if row["workload"] == "shrink":
        expected = sum(
            count * (1 - comb(max(tables - size, 0), live) / comb(tables, live))
            for count, size in ((full, fits), (1, rest))
        )
        return round(expected * page)
    pages = full + (rest > 0)
    return page * (min(pages, live) if row["workload"] == "worst" else pages)


def complete(row, release):
    """A row as it is published."""
    row = dict(row)
    if row.pop("accounts"):
        row["held_bytes"] = row["accounted_bytes"]
    else:
        # What it has of slabs that it shares with the kernel, nobody knows but for the slabs.
        row["accounted_bytes"] = row["settled_bytes"] = row["left_bytes"] = None
        row["held_bytes"] = row["pinned_bytes"]
    if row["workload"] != "shrink":
        row["settled_bytes"] = None
    row["floor_bytes"] = floor_bytes(row)
    row["kernel"] = release
    return row


def pair(row):
    """Instructions to allocate a table and free it."""
    return row["alloc_instructions"] + row["free_instructions"]


def ratio(row):
    """Bytes held for each byte of live tables."""
    return row["held_bytes"] / row["live_bytes"]


def key(row):
    """What a row is about, but for the allocator."""
    return row["workload"], row["tables"], row["owners"]


def index(rows):
    """Rows by allocator and what they are about."""
    return {(row["allocator"], *key(row)): row for row in rows}


def names(rows):
    """The allocators, in order."""
    return list(dict.fromkeys(row["allocator"] for row in rows))


def where(row):
    """What a row is about, as text."""
    owners = "1 owner" if row["owners"] == 1 else f"{row['owners']} owners"
    return f"{row['workload']}, {row['tables']} tables, {owners}"


def fills_pages(row):
    """Whether each owner has tables for whole pages."""
    return row["tables"] * row["table_bytes"] % (row["owners"] * row["page_size"]) == 0


def leftovers(rows):
    """Where the pool holds something when all tables were freed.

    An owner whose tables came and went may have a page to spare.
    """
    for row in rows:
        replaced = row["workload"] in ("churn", "shrink")
        allowed = row["owners"] * row["page_size"] if replaced else 0
        if row["allocator"] == "pool" and row["left_bytes"] > allowed:
            yield f"pool ({where(row)}) still holds {row['left_bytes']:,} bytes without a table"


def disagreements(rows):
    """Where an allocator says other than the system."""
    for row in rows:
        if row["accounted_bytes"] is None:
            continue
        for said, missing, when in (
            (row["accounted_bytes"], row["zone_bytes"], "holds"),
            (row["left_bytes"], row["left_zone_bytes"], "holds when all were freed"),
            (0, row["lost_zone_bytes"], "holds when it has gone"),
        ):
            if abs(said - missing) > TOLERANCE:
                yield (
                    f"{row['allocator']} ({where(row)}) says that it {when} {said:,} bytes,"
                    f" the zone has {missing:,} less"
                )


def promises(rows):
    """What is promised of the pool: text, rows it is about, their figures, and limits.

    The figures come with the slab's.
    """
    by = index(rows)
    pools = [row for row in rows if row["allocator"] == "pool"]

    def slab(row, name="slab"):
        return by.get((name, *key(row)))

    def about(text, chosen, figure, limit):
        return text, [
            (row, figure(row), limit(row), slab(row) and figure(slab(row))) for row in chosen
        ]

    def settled(row):
        return row["settled_bytes"] / row["live_bytes"]

    def against(name, chosen):
        return f"instructions of a pair, by {name}'s", [
            (row, pair(row) / pair(slab(row, name)), 1, 1)
            for row in chosen
            if slab(row, name)
        ]

    def over_floor(row):
        return row["held_bytes"] / row["floor_bytes"]

    # The last page of an owner may have room.
    def last_pages(row):
        spare = row["owners"] * (row["page_size"] - row["table_bytes"])
        return SLACK + spare / row["live_bytes"]

    def last_pages_if_any(row):
        return SLACK if fills_pages(row) else last_pages(row)

    filled = [row for row in pools if row["workload"] in ("grow", "churn")]
    drained = [row for row in pools if row["workload"] == "shrink"]
    shrunk = [row for row in drained if row["tables"] >= MANY]
    shared = [row for row in pools if fills_pages(row)]
    yield about("bytes held by live bytes, filled", filled, ratio, last_pages_if_any)
    yield about("bytes held by the floor, nine of ten freed", shrunk, over_floor, lambda _: SLACK)
    yield about("bytes held by live bytes, the rest replaced", drained, settled, last_pages)
    yield against("slab", shared)
    yield against("slab_per_owner", pools)


def verdicts(rows):
    """A line for each promise, with the worst case; and all that are broken."""
    lines, broken = [], []
    for text, cases in promises(rows):
        if not cases:
            continue
        row, figure, limit, slab = max(cases, key=lambda case: case[1] / case[2])
        beside = f"; slab {slab:.3f}" if slab else ""
        late = [case for case in cases if case[1] > case[2]]
        lines.append(
            f"pool: {text}: at most {figure:.3f} ({where(row)}{beside}),"
            f" limit {limit:.2f}: {'broken' if late else 'kept'} in"
            f" {len(late) if late else len(cases)} of {len(cases)} cases"
        )
        broken += [
            f"pool: {text}: {figure:.3f}, limit {limit:.2f}: {where(row)}"
            for row, figure, limit, _ in late
        ]
    return lines, broken


def kib(count):
    """Bytes as people write them."""
    if count is None:
        return "-"
    return f"{count / 1024:,.0f}K" if count % 1024 == 0 else f"{count / 1024:,.1f}K"


def aligned(lines):
    """Lines of cells, to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        yield "  ".join(cell.rjust(width) for cell, width in zip(line, widths))


def block(rows, workload, owners, columns, last=()):
    """A table: a line for each number of tables; last, what is the same for all allocators."""
    by, allocators = index(rows), names(rows)
    counts = sorted({row["tables"] for row in rows if row["owners"] == owners})
    lines = [["tables", *allocators, *(name for name, _ in last)]]
    for tables in counts:
        line = [by[name, workload, tables, owners] for name in allocators]
        lines.append([f"{tables:,}", *map(columns, line), *(cell(line[0]) for _, cell in last)])
    yield from aligned(lines)


def held(row):
    """Bytes held, and for how many if that depends on the allocator."""
    live = f"{kib(row['live_bytes'])}: " if row["workload"] == "worst" else ""
    return live + kib(row["held_bytes"])


def live_and_floor(workload):
    """Columns of what does not depend on the allocator."""
    if workload == "worst":
        return ()
    return (
        ("live", lambda row: kib(row["live_bytes"])),
        ("floor", lambda row: kib(row["floor_bytes"])),
    )


def show(rows):
    """Everything, as text."""
    for workload, what in WORKLOADS.items():
        for owners in sorted({row["owners"] for row in rows}):
            of = "one owner" if owners == 1 else f"{owners} owners"
            for_live = "live: " if workload == "worst" else ""
            yield f"\n{what} ({workload}), {of}: {for_live}bytes held\n"
            yield from block(rows, workload, owners, held, live_and_floor(workload))
            yield "\n... and instructions to allocate a table / to free it\n"
            yield from block(
                rows, workload, owners,
                lambda row: f"{row['alloc_instructions']}/{row['free_instructions']}",
            )
    for workload, what, cell in (
        ("shrink", "Nine of ten freed, the others replaced six times: bytes still held",
         lambda row: kib(row["settled_bytes"])),
        ("grow", "All tables are freed again: bytes still held",
         lambda row: kib(row["left_bytes"])),
        ("grow", "Pinned below 4 GiB: bytes that the zone has less",
         lambda row: kib(row["zone_bytes"])),
        ("grow", "Above 4 GiB, out of the walker's reach: tables",
         lambda row: f"{row['refused']:,}"),
    ):
        yield f"\n{what} ({workload}, one owner)\n"
        yield from block(rows, workload, 1, cell)


def read(path):
    """The results of one allocator."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    if not rows:
        sys.exit(f"bench_memory.py: nothing in {path}")
    return rows


def main(kernel, output, *results):
    """Reads, completes, writes, shows and judges the results."""
    with open(kernel, encoding="utf-8") as file:
        release = file.read().strip()
    rows = [complete(row, release) for path in results for row in read(path)]
    with open(output + ".new", "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    os.replace(output + ".new", output)
    size = rows[0]["table_bytes"]
    print(f"Linux {release}, tables of {size:,} bytes")
    print("\n".join(show(rows)))
    lines, broken = verdicts(rows)
    broken += [*leftovers(rows), *disagreements(rows)]
    print("\nWhat is promised:\n")
    print("\n".join(lines))
    if broken:
        sys.exit("\nBroken:\n" + "\n".join(broken))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
