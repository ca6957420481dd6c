# SPDX-License-Identifier: GPL-2.0
"""Tables of measured figures and other records, from CSV or TSV files beside the pages.

    .. measured-table:: v7s.csv
       :where: op=map walker=coherent

       count: pages
       rust: Rust
       c/rust: C / Rust

shows the rows in which all of ``where`` holds, with a column for each line of the content: a value
of the file and its title; without content, all columns of the file as they are. ``none`` is a text in
place of a table without rows, which is an error otherwise. With ``spread``, a row of the table combines
several of the file: ``:spread: allocator`` makes a column for each value of ``allocator``, which holds
what ``values`` names.
"""

import csv
import shlex
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

Row = dict[str, str]
Filter = dict[str, list[str]]

# Units that a number of bytes may be written in.
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def read(path: Path) -> list[Row]:
    """The rows of a file, without its comments."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return list(csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ","))


def parse_filter(text: str) -> Filter:
    """The values that 'a=1 b= c="2 3" d=4|5' allows for each column."""
    words = (word.split("=", 1) for word in shlex.split(text))
    return {name: allowed.split("|") for name, allowed in words}


def select(rows: list[Row], wanted: Filter) -> list[Row]:
    """The rows in which a filter holds. A name that the file does not have is an error."""
    if rows and not wanted.keys() <= rows[0].keys():
        raise ValueError(f"no column {', '.join(wanted.keys() - rows[0].keys())}")
    return [row for row in rows if all(row[name] in allowed for name, allowed in wanted.items())]


def value(row: Row, what: str) -> float | None:
    """A number of a row, or the ratio or sum of two; None where one of them is missing."""
    for sign in "/+":
        if sign in what:
            first, second = (value(row, part) for part in what.split(sign))
            if first is None or second is None:
                return None
            return first / second if sign == "/" else first + second
    return float(row[what]) if row[what] else None


def human_bytes(count: float) -> str:
    """A number of bytes in the largest unit that it fills."""
    for size, unit in UNITS:
        if count >= size:
            return f"{count / size:,.1f}".removesuffix(".0") + f" {unit}"
    return f"{count:,.0f}"


def is_bytes(what: str) -> bool:
    """Tells columns of bytes by their names."""
    named = what in ("pgsize", "bytes", "offset") or what.endswith("_bytes")
    return named and "/" not in what


def cell(row: Row, what: str) -> str:
    """One cell of a table: text as it is, numbers as people write them."""
    try:
        number = value(row, what)
    except ValueError:
        return row[what]
    if number is None:
        return ""
    if is_bytes(what):
        return human_bytes(number)
    if "/" in what:
        return f"{number:,.2f}" if number < 10 else f"{number:,.1f}"
    return f"{number:,.0f}"


def spread(
    rows: list[Row], columns: list[str], over: str, values: list[str]
) -> tuple[list[str], list[list[str]]]:
    """Combines rows that differ in ``over`` only: the new titles, and the lines."""
    titles = list(dict.fromkeys(row[over] for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        line = lines.setdefault(tuple(cell(row, what) for what in columns), {})
        if row[over] in line:
            raise ValueError(f"two rows for {row[over]}: {row}")
        line[row[over]] = " / ".join(cell(row, what) or "-" for what in values)
    return titles, [
        [*first, *(line.get(title, "") for title in titles)] for first, line in lines.items()
    ]


class MeasuredTable(SphinxDirective):
    """A table of rows of a CSV file."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "where": directives.unchanged_required,
        "spread": directives.unchanged_required,
        "values": directives.unchanged_required,
        "none": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        pairs = [line.split(": ", 1) for line in self.content if line.strip()]
        columns, titles = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        try:
            rows = select(read(Path(path)), parse_filter(self.options.get("where", "")))
            if not rows and "none" in self.options:
                return [nodes.paragraph("", self.options["none"])]
            if not columns and rows:
                titles, lines = list(rows[0]), [list(row.values()) for row in rows]
            elif "spread" in self.options:
                more, lines = spread(
                    rows, columns, self.options["spread"], self.options["values"].split()
                )
                titles += more
            else:
                lines = [[cell(row, what) for what in columns] for row in rows]
        except (ValueError, KeyError, OSError) as error:
            raise self.error(f"{self.arguments[0]}: {error}") from error
        if not lines:
            raise self.error(f"{self.arguments[0]} has no such rows")
        return [self.table(titles, lines)]

    def table(self, titles: list[str], lines: list[list[str]]) -> nodes.table:
        """The nodes of a table; columns without a letter are numbers, and stand to the right."""
        group = nodes.tgroup(cols=len(titles))
        group.extend(nodes.colspec(colwidth=1) for _ in titles)
        group += nodes.thead("", self.row(titles))
        group += nodes.tbody("", *(self.row(line) for line in lines))
        return nodes.table("", group, classes=["measured"])

    @staticmethod
    def row(cells: list[str]) -> nodes.row:
        """The nodes of a line."""
        return nodes.row(
            "",
            *(
                nodes.entry(
                    "",
                    nodes.paragraph("", text),
                    classes=["number"] if text[:1].isdigit() else [],
                )
                for text in cells
            ),
        )


def setup(app):
    """Makes the directive known to Sphinx."""
    app.add_directive("measured-table", MeasuredTable)
    return {"parallel_read_safe": True}
