# SPDX-License-Identifier: GPL-2.0
"""Prints what v7s_bench measured as a table, and writes it as JSON."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]

COLUMNS = (
    "op", "page", "count", "walker", "flush", "touch", "cpus", "through",
    "rust", "c", "c/rust", "floor",
)
TEXT = ("op", "walker", "flush", "touch", "through")


def size(count: int) -> str:
    """A page size with its unit."""
    return f"{count >> 20}M" if count >= 1 << 20 else f"{count >> 10}K"


def cells(row: Row) -> tuple[str, ...]:
    """The cells of one line of the table."""
    ratio = f"{row['c'] / row['rust']:.1f}" if row["rust"] else "-"
    floor = "-" if row["floor"] is None else f"{row['floor']:,}"
    return (
        row["op"],
        size(row["pgsize"]),
        f"{row['count']:,}",
        row["walker"],
        row["flush"],
        row["touch"],
        str(row["cpus"]),
        row["through"] or "",
        f"{row['rust']:,}",
        f"{row['c']:,}",
        ratio,
        floor,
    )


def table(rows: list[Row]) -> Iterator[str]:
    """The lines of a table in columns, with numbers to the right."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if name in TEXT else cell.rjust(width)
            for name, cell, width in zip(COLUMNS, line, widths)
        ).rstrip()


def read(path: Path) -> list[Row]:
    """The results of one guest."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not rows:
        sys.exit(f"v7s_table.py: no results in {path}")
    return rows


def parse_args() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", type=Path, help="a file with the release of the kernel")
    parser.add_argument("json", type=Path, help="the file to write")
    parser.add_argument("results", type=Path, nargs="+", help="v7s_bench/results of debugfs")
    return parser.parse_args()


def main() -> None:
    """Reads the results of all guests, writes and prints them."""
    args = parse_args()
    release = args.kernel.read_text(encoding="utf-8").strip()
    rows = [row | {"kernel": release} for path in args.results for row in read(path)]
    new = args.json.with_suffix(".new")
    new.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    os.replace(new, args.json)
    print(f"Linux {release}, guest instructions per call (mean of 1,000 calls, best of 3 means):\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
