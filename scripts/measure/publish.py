# SPDX-License-Identifier: GPL-2.0
"""Writes measured figures as CSV for the documentation, from the JSON of a measurement."""

import argparse
import csv
import json
import os
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", type=Path, help="a list of objects")
    parser.add_argument("csv", type=Path, help="the file to write")
    parser.add_argument("columns", nargs="*", help="names to keep (default: all)")
    return parser.parse_args()


def main() -> None:
    """Writes a line for each object."""
    args = parse_args()
    rows = json.loads(args.json.read_text(encoding="utf-8"))
    columns = args.columns or list(dict.fromkeys(name for row in rows for name in row))
    new = args.csv.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(new, args.csv)


if __name__ == "__main__":
    main()
