# SPDX-License-Identifier: GPL-2.0
"""Turns what v7s_bench measured into build/bench.json and a table.

usage: bench_table.py RESULTS KERNEL JSON

RESULTS is v7s_bench/results of debugfs, KERNEL a file with the kernel's release.
"""

import json
import os
import sys

COLUMNS = ("op", "page", "count", "walker", "flush", "touch", "rust", "c", "c/rust", "floor")


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
            cell.ljust(width) if name in ("op", "walker", "flush", "touch") else cell.rjust(width)
            for name, cell, width in zip(COLUMNS, line, widths)
        ).rstrip()


def main(results, kernel, output):
    """Reads, completes, writes and shows the results."""
    with open(kernel, encoding="utf-8") as file:
        release = file.read().strip()
    with open(results, encoding="utf-8") as file:
        rows = json.load(file)
    if not rows:
        sys.exit("bench_table.py: nothing was measured")
    for row in rows:
        row["kernel"] = release
    with open(output + ".new", "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    os.replace(output + ".new", output)
    print(f"Linux {release}, guest instructions per call (mean of 1,000 calls, best of 3 means):\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
