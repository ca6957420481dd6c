# SPDX-License-Identifier: GPL-2.0
"""Prints the cover letter of the series: its text, with figures from our documentation.

The text is scripts/series/patches/cover. In a line of it, {map 4 KiB 256} stands for what Rust and
C take for that call, from Documentation/iommu/v7s.csv; {held grow 4,096} for what the sources of
tables hold for so many tables of one owner in that workload, and {live grow 4,096} for the bytes of
these tables, from Documentation/mm/page_table_memory.csv.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

Row = dict[str, str]
Figures = dict[str, list[str]]


def rows(path: Path) -> list[Row]:
    """The lines of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def calls(measured: list[Row]) -> Figures:
    """Instructions of Rust and C by call, page and number of pages; tables are there before."""
    where = {"walker": "coherent", "flush": "none", "touch": "hit", "through": ""}
    return {
        f"{row['op']} {int(row['pgsize']) >> 10} KiB {int(row['count']):,}": [
            f"{int(row[name]):,}" for name in ("rust", "c")
        ]
        for row in measured
        if row["op"] in ("map", "unmap", "translate") and where.items() <= row.items()
    }


def memory(measured: list[Row]) -> Figures:
    """KiB held and live, by workload and number of tables, for one owner."""
    found: Figures = {}
    for allocator in ("pool", "slab", "page_frag"):
        for row in measured:
            if (row["allocator"], row["owners"]) != (allocator, "1"):
                continue
            case = f"{row['workload']} {int(row['tables']):,}"
            found.setdefault(f"held {case}", []).append(f"{float(row['held_bytes']) / 1024:,.0f}K")
            found[f"live {case}"] = [f"{float(row['live_bytes']) / 1024:,.0f}K"]
    return found


def main() -> None:
    """Prints the text with its figures."""
    parser = argparse.ArgumentParser(description="print the cover letter of the series")
    parser.add_argument("top", type=Path, help="the folder of the repository")
    top = parser.parse_args().top
    text = (top / "scripts/series/patches/cover").read_text(encoding="utf-8")
    known = calls(rows(top / "Documentation/iommu/v7s.csv"))
    known |= memory(rows(top / "Documentation/mm/page_table_memory.csv"))

    def figure(name: re.Match[str]) -> str:
        if name[1] not in known:
            sys.exit(f"series: our documentation has no figures for {name[1]}")
        return " ".join(f"{value:>10}" for value in known[name[1]])

    text = re.sub(r"(?m)^#.*\n", "", text)
    print(re.sub(r"\{(.*?)\}", figure, text), end="")


if __name__ == "__main__":
    main()
