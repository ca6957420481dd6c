# SPDX-License-Identifier: GPL-2.0
"""Counts the results of KTAP documents, as the kernel's kunit.py reads them.

Prints what failed. Adds a line of numbers to a file for each document: passed, failed, skipped.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def read(kunit: Path, document: Path) -> tuple[dict[str, int], str]:
    """Counts by their names in kunit.py, none if it did not come so far; and what it says."""
    with tempfile.NamedTemporaryFile(suffix=".json") as counts, document.open("rb") as ktap:
        said = subprocess.run(
            [sys.executable, "-B", kunit, "parse", "--failed", f"--json={counts.name}"],
            stdin=ktap,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        ).stdout
        text = counts.read()
    return (json.loads(text)["misc"] if text else {}), said


def tally(counts: dict[str, int]) -> tuple[int, int, int]:
    """Numbers of results. Those that are missing, or no document at all, count as one that failed."""
    passed, skipped = counts.get("passed", 0), counts.get("skipped", 0)
    failed = counts.get("failed", 0) + counts.get("crashed", 0)
    if not failed and (counts.get("errors", 0) or not passed + skipped):
        failed = 1
    return passed, failed, skipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kunit", type=Path, help="kunit.py of a kernel")
    parser.add_argument("tally", type=Path, help="file to add lines to")
    parser.add_argument("documents", type=Path, nargs="+")
    arguments = parser.parse_args()
    for document in arguments.documents:
        counts, said = read(arguments.kunit, document)
        numbers = tally(counts)
        with arguments.tally.open("a", encoding="utf-8") as file:
            print(*numbers, file=file)
        if numbers[1]:
            said = re.sub(r"^\[[0-9:]*\] ", "    ", said, flags=re.MULTILINE)
            print(re.sub(r"^.*(====|Testing complete|Test results stored).*\n", "", said, flags=re.MULTILINE), end="")


main()
