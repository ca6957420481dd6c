# SPDX-License-Identifier: GPL-2.0
"""Configuration of Sphinx for this folder; pages look like those of the kernel's documentation.

scripts/docs/htmldocs runs it. The extensions for ABI files and kernel-doc comments, templates and
style sheets come from a kernel source tree, whose folder is in the variable KERNEL.
"""

import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL = os.environ["KERNEL"]

# The kernel's extensions look for Documentation/ABI in this folder.
os.environ["srctree"] = TOP
sys.path[:0] = [
    f"{TOP}/Documentation/sphinx",
    f"{TOP}/scripts/docs/picture",
    f"{KERNEL}/Documentation/sphinx",
    f"{KERNEL}/tools/lib/python",
]

project = "v7s-rs"
author = "v7s-rs developers"
extensions = ["kernel_abi", "kerneldoc", "measured", "plot", "drawing"]
drawing_tree = TOP
kerneldoc_srctree = TOP
include_patterns = ["**.rst"]
nitpicky = True
# Types that the kernel documents.
nitpick_ignore_regex = [("c:identifier", "io_pgtable_.*|size_t|gfp_t")]

# Examples are in several languages, or output.
highlight_language = "none"
# Keep the dashes of command options.
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
html_static_path = [f"{KERNEL}/Documentation/sphinx-static", "sphinx/static"]
html_css_files = ["custom.css", "measured.css"]
html_copy_source = False
html_show_copyright = False
