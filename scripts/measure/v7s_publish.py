# SPDX-License-Identifier: GPL-2.0
"""Turns build/bench.json into the results page and its plots.

usage: bench_publish.py JSON FOLDER

Writes FOLDER/benchmark.rst, and FOLDER/benchmark-map.svg and -unmap.svg with gnuplot.
"""

import json
import os
import subprocess
import sys

SIZES = {4096: "4 KiB", 65536: "64 KiB", 1 << 20: "1 MiB", 16 << 20: "16 MiB"}

PAGE = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by scripts/measure/v7s --publish; do not edit.

===============
What calls cost
===============

Guest instructions per call, Linux {kernel}, in one guest each, under QEMU with a
clock that counts instructions: the mean of 1,000 calls (100 of those that write
more than 4,096 entries), the best of three means, interrupts off, without what the
call itself and the loop around it cost. ``make bench`` measures them again;
``scripts/measure/v7s --publish`` rewrites this page.

*C* is the kernel's own ``io-pgtable-arm-v7s.c``. *Floor* is what checking and
writing, or checking and clearing, the same entries takes in a bare array: no
arguments to check, no first level, no contract. :doc:`/mm/slab_rust` has what objects of a
slab cache cost, :doc:`/mm/page_table_memory_results` what tables do by where they come from.

.. figure:: benchmark-map.svg
   :alt: instructions to map 4 KiB pages, by number of pages

   Mapping 4 KiB pages in one call; both axes are logarithmic.

.. figure:: benchmark-unmap.svg
   :alt: instructions to unmap 4 KiB pages, by number of pages

   Unmapping them, without and with a callback for each page.

{sections}
"""

GNUPLOT = """\
set terminal svg size 720,440 font "sans,12" background "#ffffff"
set logscale xy
set key left top
set grid
set xlabel "pages of 4 KiB in one call"
set ylabel "guest instructions"
plot {lines}
"""


def heading(text):
    """A section heading."""
    return f"{text}\n{'=' * len(text)}\n"


def rst_table(columns, lines):
    """A list-table: long ones stay readable as text."""
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield ""
    for line in [columns, *lines]:
        for i, cell in enumerate(line):
            yield f"   {'* -' if i == 0 else '  -'} {cell}"
    yield ""


def number(value):
    """A number as people write it."""
    return "" if value is None else f"{value:,}"


def numbers(row):
    """The measured columns of a row."""
    ratio = f"{row['c'] / row['rust']:.1f}" if row["rust"] else ""
    return [number(row["rust"]), number(row["c"]), ratio, number(row["floor"])]


MEASURED = ["Rust", "C", "C / Rust", "floor"]


def operations(rows, walker, touch):
    """The table of mapping, unmapping and translating."""
    lines = [
        [row["op"], SIZES[row["pgsize"]], number(row["count"]), row["flush"], *numbers(row)]
        for row in rows
        if row["op"] in ("map", "unmap", "translate")
        and (row["walker"], row["touch"]) == (walker, touch)
        and row["through"] is None
    ]
    return rst_table(["call", "page", "pages", "callbacks", *MEASURED], lines)


def sections(rows):
    """All tables, each under its heading."""
    for walker in ("coherent", "noncoherent"):
        snoops = "snoops" if walker == "coherent" else "does not snoop"
        yield heading(f"A walker that {snoops}, second-level tables are there")
        yield from operations(rows, walker, "hit")
        yield heading(f"A walker that {snoops}, second-level tables are made")
        yield from operations(rows, walker, "first")
    yield heading("Table sets")
    yield from rst_table(
        ["call", "walker", *MEASURED],
        [
            [row["op"], row["walker"], *numbers(row)]
            for row in rows
            if row["op"] in ("create", "destroy")
        ],
    )
    yield heading("An object of a slab cache below 4 GiB, allocated and freed")
    yield from rst_table(
        ["through", *MEASURED],
        [[row["through"], *numbers(row)] for row in rows if row["op"] == "alloc_free"],
    )
    yield heading("Several CPUs at once")
    yield (
        "Each CPU maps, unmaps and maps again 32,768 pages that lie in the same tables as\n"
        "those of the others; instructions of all CPUs, waiting included, for each call.\n"
        "There is nothing to retry on either side: of several CPUs that need the same new\n"
        "table one installs its own, and the others free theirs.\n"
    )
    yield from rst_table(
        ["CPUs", "call", "tables", *MEASURED],
        [
            [str(row["cpus"]), row["op"], "made" if row["touch"] == "first" else "there"]
            + numbers(row)
            for row in rows
            if row["through"] == "shared tables"
        ],
    )


def series(rows, op, key, flush="none"):
    """Points of one line of a plot: pages and instructions."""
    return [
        (row["count"], row[key])
        for row in rows
        if row["through"] is None
        and (row["op"], row["pgsize"], row["walker"], row["touch"], row["flush"])
        == (op, 4096, "coherent", "hit", flush)
        and row[key] is not None
    ]


def plot(lines, output):
    """Draws lines, each a title and its points, into an SVG."""
    blocks, commands = [], []
    for i, (title, points) in enumerate(lines):
        name = f"$line{i}"
        blocks.append(f"{name} << EOD\n" + "\n".join(f"{x} {y}" for x, y in points) + "\nEOD\n")
        commands.append(f'{name} with linespoints lw 2 title "{title}"')
    draw("".join(blocks) + GNUPLOT.format(lines=", ".join(commands)), output)


def draw(script, output):
    """Has gnuplot make an SVG."""
    svg = subprocess.run(["gnuplot"], input=script, text=True, check=True, capture_output=True)
    head, rest = svg.stdout.split("\n", 1)
    with open(output, "w", encoding="utf-8") as file:
        file.write(f"{head}\n<!-- SPDX-License-Identifier: GPL-2.0 -->\n{rest}")


def main(source, folder):
    """Writes the page and its plots."""
    with open(source, encoding="utf-8") as file:
        rows = json.load(file)
    plot(
        [
            ("C", series(rows, "map", "c")),
            ("Rust", series(rows, "map", "rust")),
            ("floor", series(rows, "map", "floor")),
        ],
        os.path.join(folder, "benchmark-map.svg"),
    )
    plot(
        [
            ("C", series(rows, "unmap", "c")),
            ("Rust, a callback for each page", series(rows, "unmap", "rust", "page")),
            ("Rust", series(rows, "unmap", "rust")),
            ("floor", series(rows, "unmap", "floor")),
        ],
        os.path.join(folder, "benchmark-unmap.svg"),
    )
    page = PAGE.format(kernel=rows[0]["kernel"], sections="\n".join(sections(rows)))
    with open(os.path.join(folder, "benchmark.rst"), "w", encoding="utf-8") as file:
        file.write(page.rstrip() + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
