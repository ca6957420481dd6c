# SPDX-License-Identifier: GPL-2.0
"""Plots of measured figures, drawn by gnuplot when the book is made.

    .. measured-plot:: v7s.csv
       :where: op=map pgsize=4096
       :x: count
       :x-title: pages in one call
       :y-title: guest instructions
       :caption: Mapping 4 KiB pages.

       Rust: rust flush=none
       C: c flush=none

has a line for each line of the content: its title, the value that it shows, and which of the rows
that ``where`` selects. ``:kind: bars`` shows groups of bars, one for each value of ``x``.
What has the same name has the same colour in all plots. Values may be what measured.value() takes.
"""

import hashlib
import math
import os
import subprocess
from pathlib import Path
from typing import ClassVar

import measured
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

# Colour and gnuplot's marker of a line, by the name that its title begins with. The colours differ
# for the colour-blind, too.
LOOKS = {
    "Rust": ("#d55e00", 7),
    "C": ("#0072b2", 5),
    "floor": ("#000000", 0),
    "slab": ("#0072b2", 5),
    "genalloc": ("#e69f00", 9),
    "page_frag": ("#cc79a7", 13),
    "kmalloc": ("#56b4e9", 4),
    "page": ("#999999", 8),
    "pool": ("#d55e00", 7),
}

GNUPLOT = """\
set terminal svg size 760,440 font "sans,13" background "#ffffff"
set key outside top center horizontal noenhanced
set grid lc rgb "#d8dde3" lt 1
set border 3
set tics nomirror
set xlabel "{x}" noenhanced
set ylabel "{y}" noenhanced
"""

Line = tuple[str, list[tuple[str, float]]]


def look(title: str) -> tuple[str, int]:
    """The colour and the marker of a line."""
    return LOOKS[title.split(",")[0]]


def ticks(low: float, high: float, base: int, is_bytes: bool) -> str:
    """Labels for a logarithmic axis, as people write numbers."""
    exponents = range(math.floor(math.log(low, base)), math.ceil(math.log(high, base)) + 1)
    written = measured.human_bytes if is_bytes else "{:,.0f}".format
    return ", ".join(f'"{written(base**n)}" {base**n}' for n in exponents if n >= 0)


def even_ticks(high: float) -> str:
    """Labels for an axis from zero, five to ten of them."""
    power = 10 ** math.floor(math.log10(high / 5))
    step = next(factor * power for factor in (1, 2, 5, 10) if high / (factor * power) <= 10)
    return ", ".join(f'"{n * step:,}" {n * step}' for n in range(int(high / step) + 2))


def block(name: str, points: list[tuple[str, float]]) -> str:
    """Data for gnuplot, in the script itself."""
    return f"${name} << EOD\n" + "".join(f"{x} {y}\n" for x, y in points) + "EOD\n"


def lines_script(lines: list[Line], bases: tuple[int, int], most: float, is_bytes: bool) -> str:
    """Lines over two logarithmic axes."""
    xs = [float(x) for _, points in lines for x, _ in points]
    ys = [y for _, points in lines for _, y in points]
    top = most or max(ys)
    script = (
        f"set logscale x {bases[0]}\nset logscale y {bases[1]}\n"
        f"set xtics ({ticks(min(xs), max(xs), bases[0], False)})\n"
        f"set ytics ({ticks(min(ys), top, bases[1], is_bytes)})\n"
        f"set xrange [{min(xs) / 1.15}:{max(xs) * 1.15}]\n"
        f"set yrange [{min(ys) / 1.15}:{top * (1 if most else 1.15)}]\n"
    )
    script += "".join(block(f"line{i}", points) for i, (_, points) in enumerate(lines))
    plots = []
    for i, (title, _) in enumerate(lines):
        colour, marker = look(title)
        style = f"linespoints pt {marker} ps 0.7" if marker else "lines"
        dash = " dt 2" if not marker or "," in title else ""
        plots.append(f'$line{i} with {style} lw 2 lc rgb "{colour}"{dash} title "{title}"')
    return script + "plot " + ", ".join(plots) + "\n"


def bars_script(lines: list[Line]) -> str:
    """Groups of bars from zero."""
    script = (
        "set style data histogram\nset style histogram clustered gap 1\n"
        "set style fill solid 0.9 noborder\nset yrange [0:*]\n"
        f"set ytics ({even_ticks(max(y for _, points in lines for _, y in points))})\n"
    )
    script += "".join(block(f"line{i}", points) for i, (_, points) in enumerate(lines))
    plots = [
        f'$line{i} using 2:xtic(1) lc rgb "{look(title)[0]}" title "{title}"'
        for i, (title, _) in enumerate(lines)
    ]
    return script + "plot " + ", ".join(plots) + "\n"


def figure(directive: SphinxDirective, path: Path, alt: str, caption: str) -> nodes.figure:
    """A picture that was made for the book, with its caption."""
    page = Path(directive.env.doc2path(directive.env.docname)).parent
    image = nodes.image(uri=os.path.relpath(path, page), alt=alt)
    result = nodes.figure("", image)
    if caption:
        text, messages = directive.state.inline_text(caption, directive.lineno)
        result += [nodes.caption(caption, "", *text), *messages]
    return result


def drawn_folder(directive: SphinxDirective) -> Path:
    """Where pictures are kept until Sphinx has copied them to the book."""
    folder = Path(directive.env.doctreedir) / "drawn"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class MeasuredPlot(SphinxDirective):
    """A plot of rows of a CSV file."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "where": directives.unchanged_required,
        "x": directives.unchanged_required,
        "x-title": directives.unchanged_required,
        "y-title": directives.unchanged_required,
        "x-base": directives.positive_int,
        "y-base": directives.positive_int,
        "most": directives.positive_int,
        "kind": lambda text: directives.choice(text, ("lines", "bars")),
        "caption": directives.unchanged_required,
    }

    def lines(self, rows: list[measured.Row]) -> tuple[list[Line], bool]:
        """What is drawn, and whether it is bytes."""
        found, kinds = [], set()
        for text in filter(str.strip, self.content):
            title, rest = text.split(": ", 1)
            what, *wanted = rest.split(maxsplit=1)
            chosen = measured.select(rows, measured.parse_filter("".join(wanted)))
            points = [(row[self.options["x"]], measured.value(row, what)) for row in chosen]
            points = [(x, y) for x, y in points if y is not None]
            if not points or len({x for x, _ in points}) < len(points):
                raise ValueError(f"{title}: {len(points)} points: {points[:9]}")
            kinds.add(measured.is_bytes(what))
            found.append((title, points))
        if len(kinds) != 1:
            raise ValueError("bytes and other numbers on one axis")
        return found, kinds.pop()

    def run(self) -> list[nodes.Node]:
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        options = self.options
        try:
            rows = measured.select(
                measured.read(Path(path)), measured.parse_filter(options.get("where", ""))
            )
            lines, is_bytes = self.lines(rows)
            if options.get("kind") == "bars":
                script = bars_script(lines)
            else:
                bases = options.get("x-base", 10), options.get("y-base", 10)
                script = lines_script(lines, bases, options.get("most", 0), is_bytes)
        except (ValueError, KeyError, OSError) as error:
            raise self.error(f"{self.arguments[0]}: {error!r}") from error
        script = GNUPLOT.format(**self.axes()) + script
        output = drawn_folder(self) / f"{hashlib.sha256(script.encode()).hexdigest()[:12]}.svg"
        drawn = subprocess.run(
            ["gnuplot"], input=f'set output "{output}"\n{script}', text=True,
            capture_output=True, check=False,
        )
        if drawn.returncode or drawn.stderr:
            raise self.error(f"gnuplot: {drawn.stderr}")
        return [figure(self, output, options["caption"], options["caption"])]

    def axes(self) -> dict[str, str]:
        """What is written beside the axes."""
        return {name: self.options.get(f"{name}-title", "") for name in "xy"}


def setup(app):
    """Makes the directive known to Sphinx."""
    app.add_directive("measured-plot", MeasuredPlot)
    return {"parallel_read_safe": True}
