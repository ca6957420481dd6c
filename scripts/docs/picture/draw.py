# SPDX-License-Identifier: GPL-2.0
"""Draws what a table set maps, to where, and by which pages."""

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import dump
import svg

WIDTH = 1000
LEFT = 120
RIGHT = 40
SPAN = WIDTH - LEFT - RIGHT

# The overview has cells of a MiB, or of more if it would be too high.
COLUMNS = 128
ROWS_MAX = 32
CELL = 12
# More consecutive empty rows than this are left out.
EMPTY_ROWS = 2
# Breaks of an axis that leaves out gaps, and the least width of a part between breaks.
BREAKS = 11
PIECE_MIN = 14
PIECE_GAP = 10
# The width of an address.
LABEL = 74
# Limits beyond which ribbons and rows cannot be told apart.
RIBBONS_MAX = 4000
SINGLE = 100
TABLES_MAX = 32


def human(count: int) -> str:
    """A number of bytes with its unit."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << shift:
            return f"{count / (1 << shift):.4g} {unit}"
    return f"{count} bytes"


def address(value: int) -> str:
    """An address, as debugfs writes it."""
    return f"0x{value:09x}"


def is_read_only(run: dump.Run) -> bool:
    """Tells if a run may not be written."""
    return "write" not in run.access.split(",")


def head(picture: svg.Picture, dumped: dump.Dump) -> float:
    """The title and the configuration. Returns the lower end, as all parts do."""
    info = dumped.info
    mapped = sum(run.size for run in dumped.runs)
    title = f"What a table set maps: {human(mapped)} of {human(dumped.space)}"
    picture.text(24, 38, title, "text title")
    quirks = "no quirks" if info["quirks"] == "-" else info["quirks"].replace(",", ", ")
    tables = f"{dumped.number('l2_tables')} second-level tables"
    picture.text(
        24, 60, f"ias {info['ias']}, oas {info['oas']}, {quirks}, {info['walker']} walker", "faint"
    )
    picture.text(
        24,
        78,
        f"first-level table {human(dumped.number('l1_bytes'))}, {tables} "
        f"{human(dumped.number('l2_bytes'))}; {len(dumped.runs)} runs",
        "faint",
    )
    return 100


def legend(picture: svg.Picture, dumped: dump.Dump, top: float) -> float:
    """The colours of page sizes, and how much is mapped by each."""
    x = 24
    for page in dump.SIZES:
        runs = [run for run in dumped.runs if run.page == page]
        if runs:
            total = human(sum(run.size for run in runs))
            picture.rect(f"p{page}", x, top, 14, 14)
            picture.text(x + 20, top + 11, f"pages of {page}: {total}")
            x += 200
    read_only = sum(run.size for run in dumped.runs if is_read_only(run))
    if read_only:
        picture.rect("faint", x, top, 14, 14)
        picture.hatch(x, top, 14, 14)
        picture.text(x + 20, top + 11, f"read only: {human(read_only)}")
    top += 32
    by_access: dict[str, int] = {}
    for run in dumped.runs:
        by_access[run.access] = by_access.get(run.access, 0) + run.size
    words = "; ".join(f"{access} {human(size)}" for access, size in sorted(by_access.items()))
    picture.text(24, top, words or "Nothing is mapped.", "faint")
    return top + 16


def pieces(runs: Iterable[dump.Run], size: int) -> Iterator[tuple[int, dump.Run]]:
    """Divides runs at multiples of a size: the number of each multiple and the part in it."""
    for run in runs:
        at = run.iova
        while at < run.end:
            end = min(run.end, (at // size + 1) * size)
            yield at // size, run._replace(iova=at, paddr=run.paddr + at - run.iova, size=end - at)
            at = end


def overview(picture: svg.Picture, dumped: dump.Dump, top: float) -> float:
    """All input addresses, row by row; a cell is filled as far as it is mapped."""
    cell_bytes = max(dump.MIB, dumped.space // (COLUMNS * ROWS_MAX))
    cells = dumped.space // cell_bytes
    picture.text(24, top + 14, "All input addresses", "text head")
    note = f"a box is {human(cell_bytes)}, filled as far as it is mapped"
    picture.text(LEFT + SPAN, top + 14, note, "faint end")
    top += 28
    rows: dict[int, dict[int, list[dump.Run]]] = {}
    for cell, part in pieces(dumped.runs, cell_bytes):
        rows.setdefault(cell // COLUMNS, {}).setdefault(cell % COLUMNS, []).append(part)
    row, end = 0, max(1, cells // COLUMNS)
    while row < end:
        picture.text(
            LEFT - 8, top + 9, address(row * COLUMNS * cell_bytes), "faint mono end"
        )
        until = min((r for r in rows if r >= row), default=end)
        if until - row > EMPTY_ROWS:
            empty = human((until - row) * COLUMNS * cell_bytes)
            picture.rect("empty", LEFT, top, SPAN, 2 * CELL - 1)
            picture.text(LEFT + SPAN / 2, top + CELL + 4, f"nothing in {empty}", "faint middle")
            top += 2 * CELL
            row = until
            continue
        draw_row(picture, rows.get(row, {}), min(COLUMNS, cells - row * COLUMNS), cell_bytes, top)
        top += CELL
        row += 1
    return top + 24


def draw_row(
    picture: svg.Picture,
    row: dict[int, list[dump.Run]],
    columns: int,
    cell_bytes: int,
    top: float,
) -> None:
    """A row of the overview, cell by cell."""
    width = SPAN / COLUMNS
    for column in range(columns):
        picture.rect("empty", LEFT + column * width, top, width - 1, CELL - 1)
    for column, parts in row.items():
        x, bottom = LEFT + column * width, top + CELL - 1
        largest = max(parts, key=lambda part: part.size)
        share = sum(part.size for part in parts) / cell_bytes
        height = max(1.5, (CELL - 1) * share)
        picture.rect(f"p{largest.page}", x, bottom - height, width - 1, height)
        if is_read_only(largest):
            picture.hatch(x, bottom - height, width - 1, height)


class Axis:
    """Addresses without the largest gaps; small parts are widened."""

    def __init__(self, intervals: Iterable[tuple[int, int]]) -> None:
        spans: list[list[int]] = []
        for start, end in sorted(intervals):
            if spans and start <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([start, end])
        gaps = sorted((b[0] - a[1] for a, b in itertools.pairwise(spans)), reverse=True)
        least = gaps[BREAKS] + 1 if len(gaps) > BREAKS else 0
        self.pieces: list[list[int]] = []
        for start, end in spans:
            if self.pieces and start - self.pieces[-1][1] < max(least, 1):
                self.pieces[-1][1] = end
            else:
                self.pieces.append([start, end])
        room = SPAN - (PIECE_GAP + PIECE_MIN) * len(self.pieces) + PIECE_GAP
        weights = [(end - start) ** 0.4 for start, end in self.pieces]
        x: float = LEFT
        self.places: list[tuple[float, float]] = []
        for weight in weights:
            width = PIECE_MIN + room * weight / sum(weights)
            self.places.append((x, width))
            x += width + PIECE_GAP

    def at(self, value: int) -> float:
        """The place of an address on the axis."""
        for (start, end), (x, width) in zip(self.pieces, self.places):
            if start <= value <= end:
                return x + width * (value - start) / (end - start)
        raise ValueError(value)

    def draw(self, picture: svg.Picture, y: float, above: bool) -> None:
        """The axis, and the first address of each part that has room for it."""
        free = 0.0
        for (start, _), (x, width) in zip(self.pieces, self.places):
            picture.rect("faint", x, y - 2, width, 4)
            x = min(x, LEFT + SPAN - LABEL)
            if x >= free:
                picture.text(x, y - 8 if above else y + 16, address(start), "faint mono")
                free = x + LABEL + 4


def ribbon(run: dump.Run, inputs: Axis, outputs: Axis, top: float, bottom: float) -> str:
    """The shape between input and output addresses of a run."""
    left, low = inputs.at(run.iova), outputs.at(run.paddr)
    right = max(inputs.at(run.end), left + 0.6)
    high = max(outputs.at(run.paddr_end), low + 0.6)
    middle = svg.num((top + bottom) / 2)
    x1, x2, x3, x4 = (svg.num(x) for x in (left, right, high, low))
    up, down = svg.num(top), svg.num(bottom)
    return (
        f"M{x1} {up}H{x2}C{x2} {middle} {x3} {middle} {x3} {down}"
        f"H{x4}C{x4} {middle} {x1} {middle} {x1} {up}z"
    )


def ribbons(picture: svg.Picture, dumped: dump.Dump, top: float) -> float:
    """From input addresses to output addresses."""
    if not dumped.runs:
        return top
    runs = sorted(dumped.runs, key=lambda run: run.size, reverse=True)
    hidden = len(runs) - RIBBONS_MAX
    runs = runs[:RIBBONS_MAX]
    inputs = Axis((run.iova, run.end) for run in runs)
    outputs = Axis((run.paddr, run.paddr_end) for run in runs)
    picture.text(24, top + 14, "From input addresses to output addresses", "text head")
    note = "gaps are left out, small parts are widened"
    if hidden > 0:
        note += f"; the {hidden} smallest runs are not drawn"
    picture.text(LEFT + SPAN, top + 14, note, "faint end")
    top += 52
    bottom = top + 190
    picture.text(LEFT - 8, top + 4, "input", "text end")
    picture.text(LEFT - 8, bottom + 4, "output", "text end")
    # Large ones are separate shapes, so that crossings are visible.
    single = [run for run in runs[:SINGLE] if run.size > dump.PAGE]
    for run in single:
        picture.path(f"p{run.page} ribbon", ribbon(run, inputs, outputs, top, bottom))
    for page in dump.SIZES:
        small = (run for run in runs[len(single) :] if run.page == page)
        shapes = [ribbon(run, inputs, outputs, top, bottom) for run in small]
        for i in range(0, len(shapes), 100):
            picture.path(f"p{page} ribbon", "\n".join(shapes[i : i + 100]))
    inputs.draw(picture, top, True)
    outputs.draw(picture, bottom, False)
    return bottom + 44


def tables(picture: svg.Picture, dumped: dump.Dump, top: float) -> float:
    """The content of second-level tables, page by page."""
    by_mib: dict[int, list[dump.Run]] = {}
    for mib, part in pieces((run for run in dumped.runs if run.page in dump.SMALL), dump.MIB):
        by_mib.setdefault(mib, []).append(part)
    if not by_mib:
        return top
    picture.text(24, top + 14, "What second-level tables hold", "text head")
    note = f"; the first {TABLES_MAX} of {len(by_mib)}" if len(by_mib) > TABLES_MAX else ""
    picture.text(LEFT + SPAN, top + 14, f"a row is 1 MiB, 256 pages of 4 KiB{note}", "faint end")
    top += 28
    page = SPAN / 256
    for mib, parts in sorted(by_mib.items())[:TABLES_MAX]:
        picture.text(LEFT - 8, top + 10, address(mib * dump.MIB), "faint mono end")
        picture.rect("empty", LEFT, top, SPAN, 13)
        for part in parts:
            x = LEFT + part.iova % dump.MIB / dump.PAGE * page
            width = part.size / dump.PAGE * page - 0.6
            picture.rect(f"p{part.page}", x, top, width, 13)
            if is_read_only(part):
                picture.hatch(x, top, width, 13)
        top += 17
    return top + 16


def draw(dumped: dump.Dump, output: Path) -> None:
    """Draws a dump into a file, all of it or nothing."""
    picture = svg.Picture(WIDTH)
    top = head(picture, dumped)
    top = legend(picture, dumped, top)
    top = overview(picture, dumped, top + 16)
    top = ribbons(picture, dumped, top)
    top = tables(picture, dumped, top)
    with tempfile.TemporaryDirectory(dir=output.absolute().parent) as folder:
        new = Path(folder) / "picture.svg"
        with new.open("w", encoding="utf-8") as file:
            picture.save(file, top, "What a table set maps, to where, and by which pages")
        os.replace(new, output)


def main() -> None:
    """Draws a dump, or says why it cannot."""
    parser = argparse.ArgumentParser(description="draw what a table set maps")
    parser.add_argument("dump", type=Path, help="a folder with copies of sets and runs of debugfs")
    parser.add_argument("svg", type=Path, help="the file to write")
    parser.add_argument("--set", type=int, help="its number, where there are several")
    args = parser.parse_args()
    try:
        dumped = dump.load(args.dump, args.set)
    except dump.BadDump as error:
        sys.exit(f"bad dump: {error}")
    draw(dumped, args.svg)


if __name__ == "__main__":
    main()
