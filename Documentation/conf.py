# SPDX-License-Identifier: GPL-2.0
"""Configuration of Sphinx for this folder, as a book that looks like the kernel's own.

scripts/docs/htmldocs runs it. What renders descriptions of the ABI and kernel-doc comments, and how
pages look, comes from a kernel's source, whose folder is in KERNEL.
"""

import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL = os.environ["KERNEL"]

# The kernel's extensions look for Documentation/ABI here, and beside it for their own modules.
os.environ["srctree"] = TOP
sys.path[:0] = [f"{KERNEL}/Documentation/sphinx", f"{KERNEL}/tools/lib/python"]

project = "v7s-rs"
author = "v7s-rs developers"
extensions = ["kernel_abi", "kerneldoc"]
kerneldoc_srctree = TOP
include_patterns = ["**.rst"]
nitpicky = True
# Structures of the kernel, which documents them in a book of its own.
nitpick_ignore_regex = [("c:identifier", "io_pgtable_.*")]

# Programs of more than one language, and what they print.
highlight_language = "none"
# Options of commands keep their dashes.
smartquotes_action = "q"

html_title = "v7s-rs"
html_theme = "alabaster"
html_theme_options = {
    "description": "ARMv7 short-descriptor page tables and DMA32 slab caches for Linux, in Rust",
    "page_width": "70em",
    "sidebar_width": "17em",
    "fixed_sidebar": "true",
    "show_relbar_bottom": "true",
    "font_size": "inherit",
    "font_family": "serif",
}
templates_path = [f"{KERNEL}/Documentation/sphinx/templates"]
html_sidebars = {"**": ["about.html", "searchbox.html", "kernel-toc.html"]}
html_static_path = [f"{KERNEL}/Documentation/sphinx-static"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_copyright = False
