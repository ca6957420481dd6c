# SPDX-License-Identifier: GPL-2.0
"""Makes the changes of one patch of the series in a kernel tree.

    stage.py TREE PATCH TOP IDENTITY

PATCH is a folder of scripts/series/patches/PART, TOP this repository, IDENTITY the name and
address that new entries of MAINTAINERS get. Changes to lines that the kernel has are in *.patch,
which scripts/series/write applies before. Of the rest, the folder has

    files        paths in the kernel, one in a line, of sources that this repository has, which are
                 copied as they are; with wildcards, what earlier patches have does not change
    tree/        files that exist in the kernel only; .in keeps rustfmt from one that names others
    edits.toml   lines that are put into files of the kernel, or of an earlier patch

A source has the same path in both trees, but for those in COPIED_FROM. An edit names the file, the
text, and where it goes. No line number and no context counts, only the line that is named:

    [[insert]]
    file = "rust/helpers/helpers.c"
    sorted = '#include "'           # among lines that begin so, in their order
    text = '#include "kmemleak.c"'

Instead of "sorted", "after" or "before" name a line, "replace" one that goes, "after_block" one
whose block, up to the next blank line at the left margin, the text follows; without any of them, the
text goes to the end.
"in" names a line before that one. [maintainers] has the name of an entry, and lines that it gains.
"""

import argparse
import os
import shutil
import sys
import tomllib
from pathlib import Path

# Folders of the kernel whose files have another place in this repository.
COPIED_FROM = {"rust/kernel/slab": "mm/slab", "rust/kernel/page_table": "mm/page_table"}


class Missing(Exception):
    """Something that an edit relies on is not in the kernel."""


def line_number(lines: list[str], wanted: str, start: int, file: str) -> int:
    for at in range(start, len(lines)):
        if lines[at].strip() == wanted.strip():
            return at
    raise Missing(f"{file} has no line '{wanted.strip()}'")


def block_end(lines: list[str], at: int) -> int:
    """Number of the line after a Kconfig entry, a function or whatever has no unindented gap."""
    for end in range(at + 1, len(lines)):
        if not lines[end].strip() and (end + 1 == len(lines) or not lines[end + 1][:1].isspace()):
            return end
    return len(lines)


def sorted_place(lines: list[str], prefix: str, text: str, file: str) -> int:
    """Number of the line that the text goes before, in the list of lines with the prefix."""
    listed = [at for at, line in enumerate(lines) if line.startswith(prefix)]
    if not listed:
        raise Missing(f"{file} has no line that begins '{prefix}'")
    new = next(line for line in text.splitlines() if line.startswith(prefix))
    later = next((at for at in listed if lines[at] > new), None)
    if later is None:
        return listed[-1] + 1
    while later and lines[later - 1].startswith(("#[", "///")):
        later -= 1
    return later


def insert(tree: Path, edit: dict[str, str], identity: str) -> None:
    file = edit["file"]
    path = tree / file
    if not path.is_file():
        raise Missing(f"there is no file {file}")
    lines = path.read_text().splitlines()
    text = edit["text"].removesuffix("\n").replace("@IDENTITY@", identity)
    start = line_number(lines, edit["in"], 0, file) if "in" in edit else 0
    if "sorted" in edit:
        at = sorted_place(lines, edit["sorted"], text, file)
    elif "before" in edit:
        at = line_number(lines, edit["before"], start, file)
    elif "replace" in edit:
        at = line_number(lines, edit["replace"], start, file)
        del lines[at]
    elif "after" in edit:
        at = line_number(lines, edit["after"], start, file) + 1
    elif "after_block" not in edit:
        at = len(lines)
    else:
        at = block_end(lines, line_number(lines, edit["after_block"], start, file))
        text = "\n" + text
    lines[at:at] = text.splitlines()
    path.write_text("\n".join(lines) + "\n")


def maintainers_place(line: str) -> tuple[int, str]:
    """Place of a line in an entry of MAINTAINERS: by its letter, files among them by their names."""
    return "MRLSWQBCPTFXNK".index(line[0]), line if line[0] in "FX" else ""


def add_maintainers(tree: Path, name: str, new: list[str], identity: str) -> None:
    """Adds lines to an entry of MAINTAINERS, which is made where it belongs."""
    path = tree / "MAINTAINERS"
    entries = path.read_text().split("\n\n")
    titles = [entry.split("\n")[0] for entry in entries]
    if name in titles:
        at = titles.index(name)
        have = entries[at].split("\n")[1:]
        entries[at] = "\n".join([name, *sorted(have + new, key=maintainers_place)])
    else:
        # The list is not sorted everywhere: the neighbour is the entry most like the new one.
        before = [at for at, title in enumerate(titles) if title < name]
        at = 1 + max(before, key=lambda at: (len(os.path.commonprefix([titles[at], name])), at))
        entries.insert(at, "\n".join([name, f"M:\t{identity}", *new]))
    path.write_text("\n\n".join(entries))


def sources(top: Path, pattern: str) -> dict[str, Path]:
    """Our files for a path in the kernel, which may have wildcards, by their paths there."""
    there, here = next(
        (pair for pair in COPIED_FROM.items() if pattern.startswith(pair[0])), ("", "")
    )
    found = top.glob(here + pattern.removeprefix(there))
    files = {there + str(file.relative_to(top)).removeprefix(here): file for file in found}
    if not files:
        raise Missing(f"this repository has no file for {pattern}")
    return files


def stage(tree: Path, patch: Path, top: Path, identity: str) -> None:
    listed = patch / "files"
    for pattern in listed.read_text().splitlines() if listed.exists() else []:
        if pattern.startswith("#"):
            continue
        for path, file in sources(top, pattern).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, tree / path)
    for file in (patch / "tree").rglob("*"):
        if file.is_file():
            path = tree / str(file.relative_to(patch / "tree")).removesuffix(".in")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)
    edits = patch / "edits.toml"
    wanted = tomllib.loads(edits.read_text()) if edits.exists() else {}
    for edit in wanted.get("insert", []):
        insert(tree, edit, identity)
    if "maintainers" in wanted:
        entry = wanted["maintainers"]
        lines = [line.replace(": ", ":\t", 1) for line in entry["lines"]]
        add_maintainers(tree, entry["name"], lines, identity)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the changes of one patch in a kernel tree.")
    parser.add_argument("tree", type=Path)
    parser.add_argument("patch", type=Path)
    parser.add_argument("top", type=Path)
    parser.add_argument("identity")
    args = parser.parse_args()
    try:
        stage(args.tree, args.patch, args.top, args.identity)
    except Missing as missing:
        sys.exit(f"{args.patch.parent.name}/{args.patch.name}: {missing}")


if __name__ == "__main__":
    main()
