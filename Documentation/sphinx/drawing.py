# SPDX-License-Identifier: GPL-2.0
"""Pictures that a program of ours draws when the book is made.

    .. drawing:: walk
       :alt: how a walker comes from a base register to pages

       The caption.

shows what scripts/docs/picture/figures.py draws under that name, and

    .. table-set:: mtk_iommu

what scripts/docs/picture/draw.py draws of the table set whose files are in that folder.
"""

from pathlib import Path
from typing import ClassVar

import draw
import dump
import figures
import plot
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class Picture(SphinxDirective):
    """A picture that is drawn when the book is made."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        path = plot.drawn_folder(self) / f"{name}.svg"
        self.draw(name, path)
        caption = " ".join(self.content)
        return [plot.figure(self, path, self.options["alt"], caption)]

    def draw(self, name: str, path: Path) -> None:
        """Draws the picture into a file."""
        raise NotImplementedError


class Drawing(Picture):
    """A diagram by figures.py."""

    def draw(self, name: str, path: Path) -> None:
        if name not in figures.PICTURES:
            raise self.error(f"no picture {name}; there are: {', '.join(figures.PICTURES)}")
        figures.draw(name, Path(self.config.drawing_tree), path)


class TableSet(Picture):
    """A table set by draw.py."""

    def draw(self, name: str, path: Path) -> None:
        _, folder = self.env.relfn2path(name)
        try:
            draw.draw(dump.load(Path(folder)), path)
        except dump.BadDump as error:
            raise self.error(f"bad dump: {error}") from error


def setup(app):
    """Makes the directives known to Sphinx."""
    app.add_config_value("drawing_tree", None, "env", str)
    app.add_directive("drawing", Drawing)
    app.add_directive("table-set", TableSet)
    return {"parallel_read_safe": True}
