# SPDX-License-Identifier: GPL-2.0
"""Turns build/memory.json into the results page and its plots.

usage: bench_memory_publish.py JSON FOLDER

Writes FOLDER/page_table_memory_results.rst, and FOLDER/page_table_memory-*.svg with gnuplot.
Every figure in the text comes from the measurement, and so does every verdict.
"""

import json
import os
import sys

from bench_memory import WORKLOADS, index, kib, names, pair, promises, ratio
from bench_publish import draw, heading, rst_table

NAME = "page_table_memory"
SIX = ("slab", "genalloc", "page_frag", "kmalloc", "page", "pool")
LETTER = ("slab", "genalloc", "page_frag")

PAGE = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by scripts/measure/memory --publish; do not edit.

===========================
Page-table memory, measured
===========================

In 2018 four ways were discussed to get second-level tables of 1 KiB below 4 GiB, and a
fifth was wished for; which takes least memory was argued on paper. Here all of them are
behind one interface (:doc:`page_table_memory`), and measured. ``make bench-memory`` measures
them again; ``scripts/measure/memory --publish`` rewrites this page, its figures and its verdicts.

{claims}
{method}
{tables}
"""

METHOD = """\
Linux {kernel}, unmodified, in one guest of QEMU with 3 GiB of memory below 4 GiB and 3 GiB
above; eight CPUs, of which one runs, so that slabs are as large as on such a machine. Each
case begins with an allocator that was just made, and is repeated three to 16 times. Bytes are
means. Of instructions it is the round that takes least: what others take more depends on how full
the kernel's own lists of free pages happen to be.

*live*
    bytes of the tables in use, of {table} bytes each.
*held*
    bytes that the allocator has from the system for them, by its own account. Each time the
    free pages of the zones are read as well, per-CPU lists included. Allocator and zone below
    4 GiB may differ by 16 KiB, in use, after all tables were freed, and after the allocator
    has gone; the largest difference in this run was {difference}. What kmalloc holds is its
    slabs that tables are on, which it shares with the rest of the kernel.
*floor*
    bytes that no allocator can do without whose tables cannot move. Filled, and when tables
    are replaced: as many pages as the tables fill. After nine of ten were freed at random:
    the pages that are expected not to be empty if all had been full. An allocator that cannot
    know who goes first does not expect less: on a page with fewer tables, each survivor pays
    for more of it. For n tables of which k survive, four a page, that is n/4 pages, each with
    the chance 1 - C(n - 4, k) / C(n, k), where C(n, k) is how many ways there are to choose k
    of n, of being in use; for large n 3.44 times the
    live bytes. At worst: there were ceil(n/4) pages in use when there were most tables, and who
    chooses the survivors leaves one on each; so the lesser of that and of the number of
    survivors, in pages.
*owners*
    table sets. Tables belong to them in turn. genalloc, page_frag, page and pool are made for
    each owner, ``slab`` is one cache for all, as in this driver, and ``slab_per_owner`` a cache
    for each table set, as in the kernel's C.
*instructions*
    of the guest, which has a clock that counts them, interrupts off, without what clock, loop
    and call take. Those of all tables from the first that is allocated to the last that is
    freed, so that growing is paid for; in *churn*, of the steady state only.

The workloads are

*grow*
    all tables are allocated; then they are freed in order.
*shrink*
    all are allocated, nine of ten freed at random.
*churn*
    all are allocated, then one is freed at random and another allocated, as often as it takes
    until nothing changes any more.
*worst*
    all are allocated; then, by their physical addresses, one table is left on each piece that
    the system gave (page, slab, chunk, region), others are allocated in place of the freed, and
    again, as long as that makes the allocator take more. There are never more tables in use than
    the case says.
"""

GNUPLOT = """\
set terminal svg size 720,440 font "sans,12" background "#ffffff"
set key outside right center
set grid
"""

LINES = GNUPLOT + """\
set logscale x 4
set logscale y 4
set xlabel "tables of 1 KiB when there are most"
set ylabel "{held}"
set xrange [0.8:5200]
set yrange [{range}]
set format y "%.0f"
plot {lines}
"""

BARS = GNUPLOT + """\
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set yrange [0:*]
set ylabel "guest instructions to allocate and free a table"
plot {bars}
"""

# Far apart for all eyes; the pool is on top.
COLORS = {
    "slab": "#0072b2",
    "genalloc": "#e69f00",
    "page_frag": "#cc79a7",
    "kmalloc": "#56b4e9",
    "page": "#999999",
    "pool": "#d55e00",
    "floor": "#000000",
}
POINTS = {"slab": 5, "genalloc": 9, "page_frag": 7, "kmalloc": 4, "page": 8, "pool": 13}


def mib(count):
    """Bytes as people write them in sentences."""
    if count >= 1 << 20:
        return f"{count / (1 << 20):,.1f} MiB".replace(".0 ", " ")
    return f"{count / 1024:,.1f} KiB".replace(".0 ", " ")


def times(value):
    """A ratio."""
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def ratios(rows, workload, owners):
    """A plot's lines: held by live, for each of the six and the floor; at worst, KiB."""
    worst = workload == "worst"
    lines = [
        (name, [
            (row["tables"], row["held_bytes"] / 1024 if worst else ratio(row)) for row in rows
            if (row["allocator"], row["workload"], row["owners"]) == (name, workload, owners)
        ])
        for name in SIX
    ]
    # Where it does not depend on the allocator.
    if not worst:
        lines.append(("floor", [
            (row["tables"], row["floor_bytes"] / row["live_bytes"]) for row in rows
            if (row["allocator"], row["workload"], row["owners"]) == ("pool", workload, owners)
        ]))
    return lines


def plot_lines(workload, lines, output):
    """Draws them."""
    held, span = "bytes held for each byte of live tables", "0.7:8192"
    if workload == "worst":
        held, span = "KiB held", "2:400000"
    blocks, commands = [], []
    for name, points in lines:
        block = "\n".join(f"{x} {y}" for x, y in points)
        blocks.append(f"${name} << EOD\n{block}\nEOD\n")
        style = "lines dt 2" if name == "floor" else f"linespoints pt {POINTS[name]} ps 0.8"
        # What lies on another line lets it be seen.
        style += " dt 3" * (name == "kmalloc")
        width = 3 if name == "pool" else 2
        commands.append(
            f'${name} with {style} lw {width} lc rgb "{COLORS[name]}" title "{name}" noenhanced'
        )
    draw("".join(blocks) + LINES.format(lines=", ".join(commands), held=held, range=span), output)


def plot_bars(rows, tables, output):
    """Draws instructions by workload."""
    by = index(rows)
    lines = [
        " ".join([workload, *(str(pair(by[name, workload, tables, 1])) for name in SIX)])
        for workload in WORKLOADS
    ]
    data = "$data << EOD\n" + "\n".join(lines) + "\nEOD\n"
    bars = ", ".join(
        f'$data using {i + 2}{":xtic(1)" if i == 0 else ""} title "{name}" noenhanced'
        f' lc rgb "{COLORS[name]}"'
        for i, name in enumerate(SIX)
    )
    draw(data + BARS.format(bars=bars), output)


def figure(name, alt, caption):
    """A plot in the text."""
    return f".. figure:: {NAME}-{name}.svg\n   :alt: {alt}\n\n   {caption}\n"


def holds(good, cases):
    """A verdict by numbers."""
    if good == cases:
        return "Holds"
    if good == 0:
        return "Does not hold"
    return "Holds for the most part" if 2 * good > cases else "Holds in some cases"


def least(by, case, allocators):
    """Who holds least for a live byte; all of them if several do."""
    held = {name: ratio(by[name, *case]) for name in allocators}
    return [name for name in allocators if held[name] == min(held.values())]


def wrap(text):
    """A paragraph."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 88:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line, ""])


def claim_slab(by, cases, most):
    """The cover letter: the slab is the most memory-efficient of three."""
    won = {name: 0 for name in LETTER}
    for case in cases:
        for name in least(by, case, LETTER):
            won[name] += 1
    pool = sum(least(by, case, ("slab", "pool"))[-1] == "pool" for case in cases)
    shrunk = {name: by[name, "shrink", most, 1] for name in (*LETTER, "pool")}
    yield wrap(
        f"**{holds(won['slab'], len(cases))}.** Of {len(cases)} cases (workload, number of"
        f" tables, owners) the slab cache holds least of the three for a byte of live tables, or as little as another, in"
        f" {won['slab']}, page_frag in {won['page_frag']}, genalloc in {won['genalloc']}."
        f" And the three are not all there is: the pool holds as little as the slab or less in"
        f" {pool} of the {len(cases)}."
    )
    yield wrap(
        f"What the slab does not do well is to shrink: when nine of ten of {most:,} tables were"
        f" freed at random, it holds {mib(shrunk['slab']['held_bytes'])} for"
        f" {mib(shrunk['slab']['live_bytes'])} of tables ({times(ratio(shrunk['slab']))} times),"
        f" page_frag {mib(shrunk['page_frag']['held_bytes'])}, the pool"
        f" {mib(shrunk['pool']['held_bytes'])} ({times(ratio(shrunk['pool']))} times), where the"
        f" floor is {mib(shrunk['pool']['floor_bytes'])}. A slab is"
        f" {mib(slab_bytes(by, most))}, and goes back when nothing is left on all of it. Time does"
        f" not heal that: when each of the tables that are left has been replaced six times, by"
        f" freeing it and allocating another, the slab holds"
        f" {mib(shrunk['slab']['settled_bytes'])}, as it gives the same objects out again;"
        f" page_frag {mib(shrunk['page_frag']['settled_bytes'])}, and the pool"
        f" {mib(shrunk['pool']['settled_bytes'])}."
    )


def slab_bytes(by, most):
    """Bytes of one slab."""
    row = by["slab", "worst", most, 1]
    return row["pinned_bytes"] // row["pieces"]


def claim_genalloc(by, most):
    """The cover letter: genalloc has to set everything aside."""
    one = by["genalloc", "grow", 1, 1]
    many = by["genalloc", "grow", most, 64]
    yield wrap(
        f"**{holds(int(one['held_bytes'] >= 4 << 20), 1)}.** For one table it holds"
        f" {mib(one['held_bytes'])}, and as much when there is none any more; for 64 owners,"
        f" each of whom may need all, {mib(many['held_bytes'])}, whatever they use."
        f" It is the only one that cannot run out of memory when a table is needed, which is"
        f" what such a region is for. Its search for a free bit begins at the start: with"
        f" {most:,} tables in use, it takes"
        f" {by['genalloc', 'churn', most, 1]['alloc_instructions']} instructions to allocate one,"
        f" with one {by['genalloc', 'churn', 1, 1]['alloc_instructions']}."
    )


def claim_page_frag(by, most):
    """The cover letter: page_frag does not reuse fragments."""
    churn, worst = by["page_frag", "churn", most, 1], by["page_frag", "worst", most, 1]
    page = worst["page_size"] * most
    chunk = worst["pinned_bytes"] // worst["pieces"]
    yield wrap(
        f"**{holds(int(ratio(churn) > 1.05), 1)}{', and understates it' * (worst['held_bytes'] > page)}.**"
        f" Tables that come and go at random, {most:,} at a time, end up with"
        f" {mib(churn['held_bytes'])}, {times(ratio(churn))} times the live bytes; the slab holds"
        f" {mib(by['slab', 'churn', most, 1]['held_bytes'])} then, the pool"
        f" {mib(by['pool', 'churn', most, 1]['held_bytes'])}. The worst case on paper, {most:,}"
        f" tables each alone on its page, is {mib(page)}; but what is cut today is a chunk of"
        f" {mib(chunk)}, and the measured worst case is {mib(worst['held_bytes'])} for"
        f" {mib(worst['live_bytes'])} of tables ({times(ratio(worst))} times)."
    )


def claim_kmalloc(by, most):
    """Robin Murphy: kzalloc() with GFP_DMA32."""
    row, dma = by["kmalloc", "grow", most, 1], by["kmalloc_dma", "grow", most, 1]
    yield wrap(
        "**The alignment holds.** Every table of this measurement is checked to be aligned to its"
        " size."
    )
    yield wrap(
        f"**The zone {'holds' if row['refused'] == 0 else 'does not'}.** Of {most:,} tables"
        f" {row['refused']:,} lie above 4 GiB, where there is memory above. ``kmalloc()`` has no"
        f" caches for ``GFP_DMA32``: it takes the flag off, with a warning, and serves the request"
        f" from any zone. In zone dma32 the interface refuses such tables; they were measured"
        f" without a zone. With ``GFP_DMA``, for which there are caches (``kmalloc_dma``),"
        f" {dma['refused']:,} of {most:,} lie above. That zone ends at 4 GiB in this guest; where"
        f" some device reaches no further than 1 GiB, it ends there. What ``kmalloc()`` holds is"
        f" like the slab cache: it is one."
    )


def claim_pool(by, rows, most):
    """Matthew Wilcox: parts of pages, reused."""
    grow, shrink = by["pool", "grow", most, 1], by["pool", "shrink", most, 1]
    worst, slab = by["pool", "worst", most, 1], by["slab", "worst", most, 1]
    left = [by[name, "grow", most, 1]["left_bytes"] for name in ("pool", "slab")]
    yield wrap(
        f"The pool is that: a page is cut into tables, freed ones are used again, an empty page"
        f" goes back. Filled with {most:,} tables it holds {times(ratio(grow))} times their bytes"
        f" (slab {times(ratio(by['slab', 'grow', most, 1]))}); with one of ten left,"
        f" {times(ratio(shrink))} times ({times(ratio(by['slab', 'shrink', most, 1]))}), where the"
        f" floor is {times(shrink['floor_bytes'] / shrink['live_bytes'])}; at worst"
        f" {times(ratio(worst))} times ({times(ratio(slab))}). When all tables are freed, it holds"
        f" {mib(left[0])} ({mib(left[1])})."
    )
    told = {text: cases for text, cases in promises(rows)}
    for name, who in (("slab", "one cache for all"), ("slab_per_owner", "a cache for each owner")):
        cases = told.get(f"instructions of a pair, by {name}'s", [])
        figures = sorted(case[1] for case in cases)
        if not figures:
            continue
        fewer = sum(value <= 1 for value in figures)
        which = ", where each owner has tables for whole pages," if name == "slab" else ""
        yield wrap(
            f"To allocate and free a table takes it {times(figures[0])} to {times(figures[-1])}"
            f" times the instructions of the slab, {who}{which} and no more than the slab in"
            f" {fewer} of {len(figures)} cases."
        )
    few = by["pool", "grow", 64, 64]
    yield wrap(
        f"What it costs is that owners share no pages: 64 owners of one table each hold"
        f" {mib(few['held_bytes'])} (slab {mib(by['slab', 'grow', 64, 64]['held_bytes'])}), and"
        f" each pays for a page, {pair(few):,} instructions a table"
        f" ({pair(by['slab', 'grow', 64, 64]):,}; with a cache for each owner, as in C,"
        f" {mib(by['slab_per_owner', 'grow', 64, 64]['held_bytes'])} and"
        f" {pair(by['slab_per_owner', 'grow', 64, 64]):,})."
    )


def claims(rows):
    """What was said, and what is so."""
    by = index(rows)
    cases = [key[1:] for key in by if key[0] == "pool"]
    most = max(row["tables"] for row in rows)
    for title, text in (
        ("\"This series is the most memory-efficient approach\" (the slab)",
         claim_slab(by, cases, most)),
        ("\"genalloc ... requires pre-allocating the maximum number\" (4096 tables, 4 MB)",
         claim_genalloc(by, most)),
        ("\"page_frag ... is not very memory-efficient\" (it cannot reuse fragments)",
         claim_page_frag(by, most)),
        ("kzalloc(SZ_1K, gfp | GFP_DMA32) for \"the same 1KB alignment and chance\"",
         claim_kmalloc(by, most)),
        ("\"A per-MM page_frag allocator\" for parts of pages (the pool)",
         claim_pool(by, rows, most)),
    ):
        yield heading(title)
        yield from text
    yield heading("In pictures")
    for workload, alt in (
        ("grow", "All tables are in use."),
        ("shrink", "Nine of ten were freed at random."),
        ("churn", "Tables are replaced at random."),
        ("worst", "One table is left on each page, slab, chunk or region; for how many, see below."),
    ):
        yield figure(workload, f"memory held by number of tables, {workload}",
                     f"One owner, {workload}. {alt}")
    yield figure("instructions", "instructions to allocate and free a table, by workload",
                 "1,024 tables of one owner.")


def tables(rows):
    """All figures."""
    allocators = names(rows)
    by = index(rows)
    for workload, what in WORKLOADS.items():
        yield heading(f"{what} ({workload})")
        chosen = [row for row in rows if row["workload"] == workload and row["allocator"] == "pool"]
        common = [] if workload == "worst" else ["live", "floor"]

        def held(row, workload=workload):
            live = f"{kib(row['live_bytes'])}: " if workload == "worst" else ""
            return f"{live}{kib(row['held_bytes'])}"

        yield "Bytes held" + (", after those that are live:\n" if workload == "worst" else ":\n")
        yield from rst_table(
            ["owners", "tables", *allocators, *common],
            [
                [str(row["owners"]), f"{row['tables']:,}"]
                + [held(by[name, workload, row["tables"], row["owners"]]) for name in allocators]
                + [kib(row[f"{name}_bytes"]) for name in common]
                for row in chosen
            ],
        )
        yield "Instructions to allocate a table / to free it:\n"
        yield from rst_table(
            ["owners", "tables", *allocators],
            [
                [str(row["owners"]), f"{row['tables']:,}"]
                + [
                    f"{other['alloc_instructions']:,} / {other['free_instructions']:,}"
                    for other in (by[name, workload, row["tables"], row["owners"]]
                                  for name in allocators)
                ]
                for row in chosen
            ],
        )
    yield heading("What comes back, and what lies where")
    one = [row for row in chosen if row["owners"] == 1]
    for workload, what, cell in (
        ("shrink", ("Nine of ten freed, and then each of the others replaced six times: bytes that"
                    " are still held."), lambda row: kib(row["settled_bytes"])),
        ("grow", "All tables freed: bytes that are still held.",
         lambda row: kib(row["left_bytes"])),
        ("grow", "All tables in use: bytes that the zone below 4 GiB has less.",
         lambda row: kib(row["zone_bytes"])),
        ("grow", "All tables in use: those above 4 GiB, where the walker does not reach.",
         lambda row: f"{row['refused']:,}"),
    ):
        yield f"{wrap(what + ' One owner:')}"
        yield from rst_table(
            ["tables", *allocators],
            [
                [f"{row['tables']:,}"]
                + [cell(by[name, workload, row["tables"], 1]) for name in allocators]
                for row in one
            ],
        )


def difference(rows):
    """By how many bytes what allocators say differs from what the zone has less."""
    return max(
        max(abs(row["held_bytes"] - row["zone_bytes"]),
            abs(row["left_bytes"] - row["left_zone_bytes"]), abs(row["lost_zone_bytes"]))
        for row in rows if row["accounted_bytes"] is not None
    )


def main(source, folder):
    """Writes the page and its plots."""
    with open(source, encoding="utf-8") as file:
        rows = json.load(file)
    for workload in WORKLOADS:
        plot_lines(workload, ratios(rows, workload, 1), os.path.join(folder, f"{NAME}-{workload}.svg"))
    plot_bars(rows, 1024, os.path.join(folder, f"{NAME}-instructions.svg"))
    method = METHOD.format(
        kernel=rows[0]["kernel"], table=rows[0]["table_bytes"], difference=f"{difference(rows)} bytes"
    )
    page = PAGE.format(
        claims="\n".join(claims(rows)),
        method=heading("How it is measured") + "\n" + method,
        tables="\n".join(tables(rows)),
    )
    with open(os.path.join(folder, f"{NAME}_results.rst"), "w", encoding="utf-8") as file:
        file.write(page.rstrip() + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
