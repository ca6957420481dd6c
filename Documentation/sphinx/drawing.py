# SPDX-License-Identifier: GPL-2.0
"""Pictures that a program of ours draws when the book is made.

    .. drawing:: walk
       :alt: how a walker comes from a base register to pages

       The caption.

shows what scripts/docs/picture/figures.py draws under that name.
"""

from pathlib import Path
from typing import ClassVar

import figures
import plot
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class Drawing(SphinxDirective):
    """A picture by figures.py."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in figures.PICTURES:
            raise self.error(f"no picture {name}; there are: {', '.join(figures.PICTURES)}")
        path = plot.drawn_folder(self) / f"{name}.svg"
        figures.draw(name, Path(self.config.drawing_tree), path)
        caption = " ".join(self.content)
        return [plot.figure(self, path, self.options["alt"], caption)]


def setup(app):
    """Makes the directive known to Sphinx."""
    app.add_config_value("drawing_tree", None, "env", str)
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True}
