# SPDX-License-Identifier: GPL-2.0
"""Results of a measurement: read as guests leave them, kept as JSON, shown in columns."""

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all programs have that show results."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("kernel", type=Path, help="a file with the release of the kernel")
    arguments.add_argument("json", type=Path, help="the file to write")
    return arguments


def release(args: argparse.Namespace) -> str:
    """The release of the kernel that was measured."""
    return args.kernel.read_text(encoding="utf-8").strip()


def read(path: Path) -> list[Row]:
    """The results in one file."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not rows:
        sys.exit(f"{Path(sys.argv[0]).name}: no results in {path}")
    return rows


def write(path: Path, rows: list[Row]) -> None:
    """Writes results whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    os.replace(new, path)


def aligned(lines: Sequence[Sequence[str]], left: Collection[str] = ()) -> Iterator[str]:
    """Lines of cells under their titles, to the right unless a title is one of ``left``."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if title in left else cell.rjust(width)
            for title, cell, width in zip(lines[0], line, widths)
        ).rstrip()
