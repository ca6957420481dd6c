# SPDX-License-Identifier: GPL-2.0
"""Prints what was measured of the format as a table for a cover letter.

    figures.py Documentation/iommu/v7s.csv

The rows are buffers, mapped and unmapped by the calls that mtk_iommu makes for them.
"""

import csv
import sys
from pathlib import Path

Row = dict[str, str]

# Columns of the table, and their titles.
TITLES = {
    "op": "", "buffer": "buffer", "bytes": "bytes", "count": "calls", "c": "C", "rust": "Rust",
}  # fmt: skip


def of_driver(row: Row) -> bool:
    """True for a buffer that was mapped as mtk_iommu does, whose walker does not snoop."""
    return (
        row["buffer"] != ""
        and row["caller"] == "mtk_iommu"
        and row["walker"] == "noncoherent"
        and not row["through"]
    )


def table(rows: list[Row]) -> list[str]:
    """The lines of a table."""
    cells = [list(TITLES.values()), *([row[name] for name in TITLES] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if name in ("op", "buffer") else cell.rjust(width)
            for name, cell, width in zip(TITLES, line, widths, strict=True)
        )
        for line in cells
    ]


def main() -> None:
    """Reads the file, and prints the kernel's release and the table."""
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = list(filter(of_driver, rows))
    if not chosen:
        sys.exit(f"{sys.argv[1]} has no row for a cover letter")
    print(f"Linux {chosen[0]['kernel']}:\n")
    print("\n".join(table(chosen)))


if __name__ == "__main__":
    main()
