# SPDX-License-Identifier: GPL-2.0
"""Prints what v7s_bench and v7s_dma_bench measured as tables, and writes it as JSON.

Fails, and says where, if Rust needs more instructions than C in any row.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from results import Row, aligned, parser, read, release, write

# Columns whose cells are text.
TEXT = ("op", "buffer", "caller", "walker", "flush", "touch", "through")

BUFFERS = ("op", "buffer", "bytes", "calls", "caller", "walker", "rust", "c", "c/rust")
SETS = ("op", "caller", "walker", "rust", "c", "c/rust")
DMA = (
    "op", "buffer", "bytes", "rust", "c", "c/rust",
    "format rust", "format c", "of rust", "of c",
)
RUNS = ("op", "page", "count", "walker", "flush", "touch", "rust", "c", "c/rust", "floor")
OBJECTS = ("op", "bytes", "through", "rust", "c")
EVENTS = ("op", "buffer", "bytes", "calls", "caller", "walker", "through", "rust", "c")

# The columns of what events.rs counts.
KINDS = ("atomic operations", "lock releases", "barriers", "cache maintenance")


def size(count: int) -> str:
    """A number of bytes with its unit."""
    return f"{count >> 20}M" if count >= 1 << 20 else f"{count >> 10}K"


def number(row: Row, name: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if row[name] is None else f"{row[name]:,}"


def share(row: Row, which: str) -> str:
    """What part of an operation is the page-table format's."""
    part = row[f"format_{which}"]
    return "-" if part is None else f"{part / row[which]:.0%}"


CELLS: dict[str, Callable[[Row], str]] = {
    "bytes": lambda row: size(row["bytes"] or row["pgsize"]),
    "page": lambda row: size(row["pgsize"]),
    "calls": lambda row: number(row, "count"),
    "c/rust": lambda row: f"{row['c'] / row['rust']:.1f}" if row["rust"] else "-",
    "format rust": lambda row: number(row, "format_rust"),
    "format c": lambda row: number(row, "format_c"),
    "of rust": lambda row: share(row, "rust"),
    "of c": lambda row: share(row, "c"),
}


def cell(row: Row, name: str) -> str:
    """One cell of a table."""
    if name in CELLS:
        return CELLS[name](row)
    return row[name] or "" if name in TEXT else number(row, name)


def table(rows: list[Row], columns: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table."""
    return aligned([columns, *([cell(row, name) for name in columns] for row in rows)], TEXT)


def show(rows: list[Row]) -> Iterator[str]:
    """All tables, those of drivers first."""
    for title, columns, chosen in (
        (
            "Buffers: all calls of a driver for one",
            BUFFERS,
            [row for row in rows if row["buffer"] and not row["through"]],
        ),
        ("Table sets", SETS, [row for row in rows if row["op"] in ("create", "destroy")]),
        (
            "The same buffers through the DMA API and mtk_iommu; the format's part of it",
            DMA,
            [row for row in rows if row["through"] == "DMA API"],
        ),
        (
            "Long runs of pages in one call",
            RUNS,
            [row for row in rows if row["pgsize"] and not row["through"]],
        ),
        ("Objects of a cache", OBJECTS, [row for row in rows if row["op"] == "alloc_free"]),
        (
            "What the calls for a buffer cost several CPUs",
            EVENTS,
            [row for row in rows if row["through"] in KINDS],
        ),
    ):
        yield f"\n{title}\n"
        yield from table(chosen, columns)


def least(path: Path) -> list[Row]:
    """The least that each buffer took in several readings of v7s_dma_bench."""
    best: dict[tuple[str, int], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        other = best.setdefault((row["buffer"], row["bytes"]), row)
        for op in ("map", "unmap"):
            other[op] = min(row[op], other[op])
    return list(best.values())


def through_dma(c: list[Row], rust: list[Row], replayed: list[Row]) -> Iterator[Row]:
    """Rows of buffers that were mapped through the DMA API, with what the same calls of the format
    take by themselves."""
    formats = {
        (row["op"], row["buffer"], row["bytes"]): row
        for row in replayed
        if (row["caller"], row["walker"]) == ("mtk_iommu", "noncoherent") and row["buffer"]
    }
    for mine, other in zip(rust, c, strict=True):
        for op in ("map", "unmap"):
            alone = formats[op, mine["buffer"], mine["bytes"]]
            yield alone | {
                "through": "DMA API",
                "rust": mine[op],
                "c": other[op],
                "format_rust": alone["rust"],
                "format_c": alone["c"],
            }


def with_events(marked: list[Row], counts: Path) -> Iterator[Row]:
    """Rows of what the calls for buffers cost several CPUs.

    A map and an unmap have a section each, first those in Rust, then those in C.
    """
    sections = [line.split() for line in counts.read_text(encoding="utf-8").splitlines()]
    if len(sections) != 2 * len(marked):
        sys.exit(f"v7s_table.py: {len(sections)} sections for {len(marked)} rows")
    for i, row in enumerate(marked):
        first = i // 2 * 4 + i % 2
        for kind, rust, c in zip(KINDS, sections[first], sections[first + 2], strict=True):
            yield row | {"through": kind, "rust": int(rust), "c": int(c)}


def slower(rows: list[Row]) -> Iterator[str]:
    """Rows in which Rust needs more instructions than C."""
    for row in rows:
        if row["rust"] > row["c"] and row["through"] not in KINDS:
            named = (f"{name}={row[name]}" for name in row if name not in ("rust", "c", "kernel"))
            yield f"Rust {row['rust']:,}, C {row['c']:,}: {' '.join(named)}"


def main() -> None:
    """Reads the results of all guests, writes, prints and judges them."""
    arguments = parser(__doc__)
    arguments.add_argument("results", type=Path, help="results of v7s_bench")
    arguments.add_argument("c", type=Path, help="costs of v7s_dma_bench with tables in C")
    arguments.add_argument("rust", type=Path, help="costs of v7s_dma_bench with tables in Rust")
    arguments.add_argument("marked", type=Path, help="results of v7s_bench with events=1")
    arguments.add_argument("counts", type=Path, help="what events.rs counted then")
    args = arguments.parse_args()
    kernel = release(args)
    none = {"format_rust": None, "format_c": None}
    rows = [row | none for row in read(args.results)]
    rows += through_dma(least(args.c), least(args.rust), rows)
    rows += with_events([row | none for row in read(args.marked)], args.counts)
    rows = [row | {"kernel": kernel} for row in rows]
    write(args.json, rows)
    print(f"Linux {kernel}, guest instructions")
    print("\n".join(show(rows)))
    if exceeded := list(slower(rows)):
        sys.exit("\nRust needs more than C:\n" + "\n".join(exceeded))


if __name__ == "__main__":
    main()
