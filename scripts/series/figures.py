# SPDX-License-Identifier: GPL-2.0
"""Prints what was measured of the format as a table for a cover letter.

    figures.py Documentation/iommu/v7s.csv

Of mtk_iommu's calls, if they were measured: all buffers. Otherwise calls for one page and for runs.
"""

import csv
import sys
from pathlib import Path

Row = dict[str, str]

# Columns that have a place in the table, and their titles.
TITLES = {
    "op": "", "buffer": "buffer", "bytes": "bytes", "pgsize": "page size", "count": "calls",
    "c": "C", "rust": "Rust",
}  # fmt: skip


def of_driver(row: Row) -> bool:
    """True for a buffer that was mapped as mtk_iommu does, whose walker does not snoop."""
    return (
        bool(row.get("buffer"))
        and row["caller"] == "mtk_iommu"
        and row["walker"] == "noncoherent"
        and not row["through"]
    )


def of_pages(row: Row) -> bool:
    """True for one page or a run, mapped by a walker that does not snoop, without callbacks."""
    return (
        row["op"] in ("map", "unmap")
        and row["walker"] == "noncoherent"
        and row["touch"] == "hit"
        and row["flush"] == "none"
        and row["count"] in ("1", "16", "256")
        and not row["through"]
    )


def table(rows: list[Row]) -> list[str]:
    """The lines of a table of the columns that have something in them."""
    names = [name for name in TITLES if any(row.get(name) for row in rows)]
    titles = TITLES if "buffer" in names else TITLES | {"count": "pages"}
    cells = [[titles[name] for name in names], *([row[name] for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if name in ("op", "buffer") else cell.rjust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        )
        for line in cells
    ]


def main() -> None:
    """Reads the file, and prints the kernel's release and the table."""
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = list(filter(of_driver, rows)) or list(filter(of_pages, rows))
    if not chosen:
        sys.exit(f"{sys.argv[1]} has no row for a cover letter")
    print(f"Linux {chosen[0]['kernel']}:\n")
    print("\n".join(table(chosen)))


if __name__ == "__main__":
    main()
