# SPDX-License-Identifier: GPL-2.0
"""Prints what table_bench measured as tables, and writes it as JSON.

Fails, and says where, if an allocator's own count of bytes differs from what the zone lost, or
if the pool exceeds one of its limits.
"""

import sys
from collections.abc import Callable, Iterator
from math import comb
from pathlib import Path

from results import Row, aligned, parser, read, release, write

# A limit on a row: the row, its figure, the limit, and the slab's figure if there is one.
Case = tuple[Row, float, float, float | None]

# Bytes by which an allocator's count may differ from the free pages of the zone.
TOLERANCE = 16 << 10
# Limit on what the pool holds, as a multiple of the least possible.
SLACK = 1.05
# Limit on the pool's instructions, as a multiple of the slab's. The best of several rounds still
# varies by a percent, with the kernel's lists of free pages.
COST = 1.02
# With fewer tables, chance decides how many pages become empty.
MANY = 1024

WORKLOADS = {
    "grow": "All tables are allocated",
    "shrink": "Nine of ten are freed at random",
    "churn": "Tables are replaced at random",
    "worst": "One table is left on each page, slab, chunk or region",
}


def floor_bytes(row: Row) -> int:
    """The least that an allocator can hold whose tables do not move.

    For random frees this is an expectation: no allocator knows which tables will be freed, and
    full pages become empty most often. At worst one table is left on each page of the peak.
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


def complete(row: Row, kernel: str) -> Row:
    """A row as it is written to JSON."""
    row = dict(row)
    if row.pop("accounts"):
        row["held_bytes"] = row["accounted_bytes"]
    else:
        # kmalloc() shares its slabs with the kernel: count the slabs that hold tables.
        row["accounted_bytes"] = row["settled_bytes"] = row["left_bytes"] = None
        row["held_bytes"] = row["pinned_bytes"]
    if row["workload"] != "shrink":
        row["settled_bytes"] = None
    row["floor_bytes"] = floor_bytes(row)
    row["kernel"] = kernel
    return row


def pair(row: Row) -> int:
    """Instructions to allocate a table and free it."""
    return row["alloc_instructions"] + row["free_instructions"]


def ratio(row: Row) -> float:
    """Bytes held for each byte of live tables."""
    return row["held_bytes"] / row["live_bytes"]


def key(row: Row) -> tuple[str, int, int]:
    """The case that a row is about, without the allocator."""
    return row["workload"], row["tables"], row["owners"]


def index(rows: list[Row]) -> dict[tuple[str, str, int, int], Row]:
    """Rows by allocator and case."""
    return {(row["allocator"], *key(row)): row for row in rows}


def names(rows: list[Row]) -> list[str]:
    """The allocators, in order."""
    return list(dict.fromkeys(row["allocator"] for row in rows))


def where(row: Row) -> str:
    """The case that a row is about, as text."""
    owners = "1 owner" if row["owners"] == 1 else f"{row['owners']} owners"
    return f"{row['workload']}, {row['tables']} tables, {owners}"


def fills_pages(row: Row) -> bool:
    """Tells if the tables of each owner fill whole pages."""
    return row["tables"] * row["table_bytes"] % (row["owners"] * row["page_size"]) == 0


def leftovers(rows: list[Row]) -> Iterator[str]:
    """Rows where the pool holds memory after all tables were freed.

    It may keep one page for each owner whose tables were freed and allocated in turn.
    """
    for row in rows:
        replaced = row["workload"] in ("churn", "shrink")
        allowed = row["owners"] * row["page_size"] if replaced else 0
        if row["allocator"] == "pool" and row["left_bytes"] > allowed:
            yield f"pool ({where(row)}) still holds {row['left_bytes']:,} bytes without a table"


def disagreements(rows: list[Row]) -> Iterator[str]:
    """Rows where an allocator's count differs from the free pages of the zone."""
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


def limits(rows: list[Row]) -> Iterator[tuple[str, list[Case]]]:
    """The limits of the pool: what is limited, and the cases it applies to."""
    by = index(rows)
    pools = [row for row in rows if row["allocator"] == "pool"]

    def slab(row: Row, name: str = "slab") -> Row | None:
        return by.get((name, *key(row)))

    def about(
        text: str,
        chosen: list[Row],
        figure: Callable[[Row], float],
        limit: Callable[[Row], float],
    ) -> tuple[str, list[Case]]:
        cases = []
        for row in chosen:
            beside = slab(row)
            cases.append((row, figure(row), limit(row), figure(beside) if beside else None))
        return text, cases

    def settled(row: Row) -> float:
        return row["settled_bytes"] / row["live_bytes"]

    def against(name: str, chosen: list[Row]) -> tuple[str, list[Case]]:
        cases: list[Case] = []
        for row in chosen:
            beside = slab(row, name)
            if beside:
                cases.append((row, pair(row) / pair(beside), COST, 1.0))
        return f"instructions of a pair, by {name}'s", cases

    def over_floor(row: Row) -> float:
        return row["held_bytes"] / row["floor_bytes"]

    # The last page of an owner may be partly free.
    def last_pages(row: Row) -> float:
        spare = row["owners"] * (row["page_size"] - row["table_bytes"])
        return SLACK + spare / row["live_bytes"]

    def last_pages_if_any(row: Row) -> float:
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


def verdicts(rows: list[Row]) -> tuple[list[str], list[str]]:
    """A line for each limit, with the worst case; and a line for each case that exceeds one."""
    lines, exceeded = [], []
    for text, cases in limits(rows):
        if not cases:
            continue
        row, figure, limit, slab = max(cases, key=lambda case: case[1] / case[2])
        beside = f"; slab {slab:.3f}" if slab else ""
        late = [case for case in cases if case[1] > case[2]]
        lines.append(
            f"pool: {text}: at most {figure:.3f} ({where(row)}{beside}),"
            f" limit {limit:.2f}: {'exceeded' if late else 'kept'} in"
            f" {len(late) if late else len(cases)} of {len(cases)} cases"
        )
        exceeded += [
            f"pool: {text}: {figure:.3f}, limit {limit:.2f}: {where(row)}"
            for row, figure, limit, _ in late
        ]
    return lines, exceeded


def kib(count: int | None) -> str:
    """Bytes in KiB."""
    if count is None:
        return "-"
    return f"{count / 1024:,.0f}K" if count % 1024 == 0 else f"{count / 1024:,.1f}K"


def block(
    rows: list[Row],
    workload: str,
    owners: int,
    columns: Callable[[Row], str],
    last: tuple[tuple[str, Callable[[Row], str]], ...] = (),
) -> Iterator[str]:
    """A table with a line for each number of tables; ``last`` does not depend on the allocator."""
    by, allocators = index(rows), names(rows)
    counts = sorted({row["tables"] for row in rows if row["owners"] == owners})
    lines = [["tables", *allocators, *(name for name, _ in last)]]
    for tables in counts:
        line = [by[name, workload, tables, owners] for name in allocators]
        lines.append([f"{tables:,}", *map(columns, line), *(cell(line[0]) for _, cell in last)])
    yield from aligned(lines)


def held(row: Row) -> str:
    """Bytes held, after the live ones if those depend on the allocator."""
    live = f"{kib(row['live_bytes'])}: " if row["workload"] == "worst" else ""
    return live + kib(row["held_bytes"])


def live_and_floor(workload: str) -> tuple[tuple[str, Callable[[Row], str]], ...]:
    """Columns that do not depend on the allocator."""
    if workload == "worst":
        return ()
    return (
        ("live", lambda row: kib(row["live_bytes"])),
        ("floor", lambda row: kib(row["floor_bytes"])),
    )


def show(rows: list[Row]) -> Iterator[str]:
    """All tables."""
    for workload, what in WORKLOADS.items():
        for owners in sorted({row["owners"] for row in rows}):
            of = "one owner" if owners == 1 else f"{owners} owners"
            for_live = "live: " if workload == "worst" else ""
            yield f"\n{what} ({workload}), {of}: {for_live}bytes held\n"
            yield from block(rows, workload, owners, held, live_and_floor(workload))
            yield "\n... instructions to allocate a table / to free it\n"
            yield from block(
                rows, workload, owners,
                lambda row: f"{row['alloc_instructions']}/{row['free_instructions']}",
            )
    for workload, what, cell in (
        ("shrink", "Nine of ten freed, the others replaced six times: bytes still held",
         lambda row: kib(row["settled_bytes"])),
        ("grow", "All tables are freed again: bytes still held",
         lambda row: kib(row["left_bytes"])),
        ("grow", "Bytes taken from the zone below 4 GiB",
         lambda row: kib(row["zone_bytes"])),
        ("grow", "Tables above 4 GiB, which the walker cannot reach",
         lambda row: f"{row['refused']:,}"),
    ):
        yield f"\n{what} ({workload}, one owner)\n"
        yield from block(rows, workload, 1, cell)


def main() -> None:
    """Reads the results of all allocators, writes, prints and judges them."""
    arguments = parser(__doc__)
    arguments.add_argument("results", type=Path, nargs="+", help="table_bench/results of debugfs")
    args = arguments.parse_args()
    kernel = release(args)
    rows = [complete(row, kernel) for path in args.results for row in read(path)]
    write(args.json, rows)
    print(f"Linux {kernel}, tables of {rows[0]['table_bytes']:,} bytes")
    print("\n".join(show(rows)))
    lines, exceeded = verdicts(rows)
    exceeded += [*leftovers(rows), *disagreements(rows)]
    print("\nLimits:\n")
    print("\n".join(lines))
    if exceeded:
        sys.exit("\nExceeded:\n" + "\n".join(exceeded))


if __name__ == "__main__":
    main()
