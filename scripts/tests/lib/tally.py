# SPDX-License-Identifier: GPL-2.0
"""Counts the results of KTAP documents, as the kernel's kunit.py reads them.

Prints what failed. Adds a line of numbers to a file for each document: passed, failed, skipped.
"""

import argparse
import contextlib
import importlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path


def read(kunit: str, said: io.StringIO, document: Path) -> dict[str, int]:
    """Counts of a document by kunit.py's names for them; none if it did not come so far."""
    said.seek(0)
    said.truncate()
    with tempfile.NamedTemporaryFile(suffix=".json") as counts:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            importlib.import_module(kunit).main(
                ["parse", "--failed", f"--json={counts.name}", str(document)]
            )
        text = counts.read()
    return json.loads(text)["misc"] if text else {}


def tally(counts: dict[str, int]) -> tuple[int, int, int]:
    """Numbers of results. Missing ones, or a document without any, count as one that failed."""
    passed, skipped = counts.get("passed", 0), counts.get("skipped", 0)
    failed = counts.get("failed", 0) + counts.get("crashed", 0)
    if not failed and (counts.get("errors", 0) or not passed + skipped):
        failed = 1
    return passed, failed, skipped


def main() -> None:
    """Reads the documents that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kunit", type=Path, help="kunit.py of a kernel")
    parser.add_argument("tally", type=Path, help="file to add lines to")
    parser.add_argument("documents", type=Path, nargs="+")
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.kunit.parent))
    # What it prints to is settled when it is imported.
    said = io.StringIO()
    # It leaves the folder that they are named from.
    counted, *documents = (path.resolve() for path in (arguments.tally, *arguments.documents))
    for document in documents:
        numbers = tally(read(arguments.kunit.stem, said, document))
        with counted.open("a", encoding="utf-8") as file:
            print(*numbers, file=file)
        if numbers[1]:
            text = re.sub(r"^\[[0-9:]*\] ", "    ", said.getvalue(), flags=re.MULTILINE)
            print(re.sub(r".*(?:====|Testing complete|Test results stored).*\n", "", text), end="")


main()
