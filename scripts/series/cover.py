# SPDX-License-Identifier: GPL-2.0
"""Prints the cover letter of the series: its text, with figures from our documentation.

    series_cover.py TOP

The text is scripts/series/patches/cover. In a line of it, {map 4 KiB 256} is what Rust and C take
for that call, from Documentation/iommu/benchmark.rst; {held grow 4,096} what sources of tables
hold for so many of one owner in that workload, and {live grow 4,096} what the tables have, from
Documentation/mm/page_table_memory_results.rst.
"""

import re
import sys
from pathlib import Path


def rows(page):
    """Rows of the tables of a page, as tuples of their columns."""
    for row in re.split(r"(?m)^   \* - ", page)[1:]:
        row = re.split(r"\n(?!     - )", row)[0]
        yield tuple(column.strip() for column in re.split(r"\n     - ?", row))


def figures(page):
    """What Rust and C take: of the first table, by call, page and number of pages."""
    found = {}
    for row in rows(page):
        if len(row) == 8 and row[3] in ("none", "callbacks"):
            found.setdefault(" ".join(row[:3]), row[4:6])
    return found


def memory(page):
    """What is held and live: by workload and number of tables, of one owner."""
    found = {}
    for part in re.findall(r"\((\w+)\)\n=+\n(.*?)(?=\n[^\n]*\n===|\Z)", page, re.S):
        names, *table = rows(part[1])
        for row in table:
            if "live" in names and len(row) == len(names) and row[0] == "1":
                of = dict(zip(names, row))
                held = tuple(of[name] for name in ("pool", "slab", "page_frag"))
                found.setdefault(f"held {part[0]} {row[1]}", held)
                found.setdefault(f"live {part[0]} {row[1]}", (of["live"],))
    return found


def main(top):
    text = (top / "scripts/series/patches/cover").read_text()
    known = figures((top / "Documentation/iommu/benchmark.rst").read_text())
    known |= memory((top / "Documentation/mm/page_table_memory_results.rst").read_text())

    def figure(name):
        if name[1] not in known:
            sys.exit(f"series: our documentation has no figures for {name[1]}")
        return " ".join(f"{value:>10}" for value in known[name[1]])

    text = re.sub(r"(?m)^#.*\n", "", text)
    print(re.sub(r"\{(.*?)\}", figure, text), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
