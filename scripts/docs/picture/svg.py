# SPDX-License-Identifier: GPL-2.0
"""Shapes and text in SVG, legible on light and dark ground."""

from collections.abc import Iterator
from typing import TextIO
from xml.sax.saxutils import escape

# Class, light colour, dark colour. The colours of page sizes differ for the colour-blind, too.
COLOURS = (
    ("ground", "#ffffff", "#14181d"),
    ("text", "#1f2328", "#e6edf3"),
    ("faint", "#59636e", "#9aa4af"),
    ("empty", "#e9edf1", "#262c34"),
    ("p4K", "#d9730d", "#f2a65a"),
    ("p64K", "#0a8f6c", "#4cc9a4"),
    ("p1M", "#0b67b2", "#62adf0"),
    ("p16M", "#a0418c", "#d68ac6"),
)

STYLE = """\
text { font-family: "DejaVu Sans", Verdana, sans-serif; font-size: 12px }
.mono { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 11px }
.title { font-size: 19px; font-weight: bold }
.head { font-size: 14px; font-weight: bold }
.end { text-anchor: end }
.middle { text-anchor: middle }
.ribbon { opacity: 0.45; stroke: none }
.hatch { stroke-width: 1.2 }"""


# Class and the colour of its strokes, which are not filled.
STROKES = (("hatch", "ground"), ("axis", "faint"))


def style(
    extra_colours: tuple[tuple[str, str, str], ...] = (),
    extra_strokes: tuple[tuple[str, str], ...] = (),
    extra_rules: tuple[str, ...] = (),
) -> Iterator[str]:
    """The style sheet: light, and dark where that is preferred."""

    def colours(which: int) -> Iterator[str]:
        known = {colour[0]: colour[which] for colour in (*COLOURS, *extra_colours)}
        for name, value in known.items():
            yield f".{name} {{ fill: {value} }}"
        for name, colour in (*STROKES, *extra_strokes):
            yield f".{name} {{ stroke: {known[colour]}; fill: none }}"

    yield "<style>"
    yield STYLE
    yield from extra_rules
    yield from colours(1)
    yield "@media (prefers-color-scheme: dark) {"
    yield from colours(2)
    yield "}"
    yield "</style>"


def num(value: float) -> str:
    """A coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


class Picture:
    """Shapes, from the back to the front."""

    # Colours, strokes and rules of a kind of picture.
    extra_style: tuple = ()

    def __init__(self, width: float) -> None:
        self.width = width
        self.body: list[str] = []

    def rect(self, kind: str, x: float, y: float, width: float, height: float) -> None:
        """A filled rectangle; consecutive ones of a kind become one shape."""
        commands = f"M{num(x)} {num(y)}h{num(width)}v{num(height)}h{num(-width)}z"
        if self.body and self.body[-1].startswith(f'<path class="{kind}" d="M'):
            self.body[-1] = self.body[-1].removesuffix('"/>') + "\n" + commands + '"/>'
        else:
            self.path(kind, commands)

    def text(self, x: float, y: float, words: str, kind: str = "text") -> None:
        """A line of text."""
        self.body.append(f'<text class="{kind}" x="{num(x)}" y="{num(y)}">{escape(words)}</text>')

    def path(self, kind: str, commands: str) -> None:
        """A shape of any form."""
        self.body.append(f'<path class="{kind}" d="{commands}"/>')

    def hatch(self, x: float, y: float, width: float, height: float) -> None:
        """Strokes over a rectangle, rising to the right."""
        step = 5
        commands: list[str] = []
        at = x - height
        while at < x + width:
            left, right = max(at, x), min(at + height, x + width)
            if right > left:
                low, high = y + height - (left - at), y + height - (right - at)
                commands.append(f"M{num(left)} {num(low)}L{num(right)} {num(high)}")
            at += step
        if commands:
            self.path("hatch", "".join(commands))

    def save(self, file: TextIO, height: float, title: str) -> None:
        """Writes the picture."""
        size = f'width="{self.width}" height="{num(height)}"'
        view = f'viewBox="0 0 {self.width} {num(height)}"'
        print('<?xml version="1.0" encoding="utf-8"?>', file=file)
        print("<!-- SPDX-License-Identifier: GPL-2.0 -->", file=file)
        print(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} role="img">', file=file)
        print(f"<title>{escape(title)}</title>", file=file)
        for line in style(*self.extra_style):
            print(line, file=file)
        print('<rect class="ground" width="100%" height="100%"/>', file=file)
        for line in self.body:
            print(line, file=file)
        print("</svg>", file=file)
