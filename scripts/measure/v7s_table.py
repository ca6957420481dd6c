# SPDX-License-Identifier: GPL-2.0
"""Turns what v7s_bench measured into build/bench.json and a table.

usage: v7s_table.py KERNEL JSON RESULTS...

RESULTS are v7s_bench/results of debugfs, KERNEL a file with the kernel's release.
"""

import json
import os
import sys

COLUMNS = (
    "op", "page", "count", "walker", "flush", "touch", "cpus", "through",
    "rust", "c", "c/rust", "floor",
)
TEXT = ("op", "walker", "flush", "touch", "through")


def size(count):
    """A page size as people write it."""
    return f"{count >> 20}M" if count >= 1 << 20 else f"{count >> 10}K"


def cells(row):
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


def table(rows):
    """All lines, in columns; numbers to the right."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if name in TEXT else cell.rjust(width)
            for name, cell, width in zip(COLUMNS, line, widths)
        ).rstrip()


def read(path):
    """The results of one guest."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    if not rows:
        sys.exit(f"v7s_table.py: nothing in {path}")
    return rows


def main(kernel, output, *results):
    """Reads, completes, writes and shows the results."""
    with open(kernel, encoding="utf-8") as file:
        release = file.read().strip()
    rows = [row | {"kernel": release} for path in results for row in read(path)]
    with open(output + ".new", "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    os.replace(output + ".new", output)
    print(f"Linux {release}, guest instructions per call (mean of 1,000 calls, best of 3 means):\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
