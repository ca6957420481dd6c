# SPDX-License-Identifier: GPL-2.0
"""Writes recorded calls of an IOMMU driver to its page tables as CSV.

The recording has a line "KIND BYTES" for each buffer, then the calls for two such buffers in the
order in which they came. The CSV has those for the first of the two: addresses are relative to the
first address of the buffer, and calls of the same kind that follow each other are one line.
"""

import argparse
import csv
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALL = re.compile(r"\((mtk_iommu_(map|unmap))\+.* iova=(\w+) pgsize=(\w+) pgcount=(\w+)")
BUFFER = re.compile(r"(\w+) (\d+)$")
COLUMNS = ("buffer", "bytes", "call", "offset", "pgsize", "pgcount", "times")


class Call(NamedTuple):
    """A call, or several that follow each other."""

    call: str
    offset: int
    pgsize: int
    pgcount: int
    times: int = 1

    def precedes(self, other: "Call") -> bool:
        """Tells if another call does the same to the addresses that come next."""
        end = self.offset + self.pgsize * self.pgcount * self.times
        same = (self.call, self.pgsize, self.pgcount) == (other.call, other.pgsize, other.pgcount)
        return same and end == other.offset


def buffers(lines: list[str]) -> Iterator[tuple[str, int, list[Call]]]:
    """The calls of each buffer."""
    found: list[tuple[str, int, list[Call]]] = []
    for line in lines:
        if call := CALL.search(line):
            what, iova, pgsize, pgcount = call[2], *(int(word, 0) for word in call.group(3, 4, 5))
            found[-1][2].append(Call(what, iova, pgsize, pgcount))
        elif buffer := BUFFER.match(line):
            found.append((buffer[1], int(buffer[2]), []))
        else:
            sys.exit(f"calls.py: what is this? {line}")
    for kind, size, calls in found:
        if not calls:
            sys.exit(f"calls.py: no calls for {kind} {size}")
        base = calls[0].offset
        yield kind, size, [
            call._replace(offset=call.offset - base)
            for call in calls
            if base <= call.offset < base + size
        ]


def folded(calls: list[Call]) -> list[Call]:
    """Calls with those that follow each other in one."""
    result: list[Call] = []
    for call in calls:
        if result and result[-1].precedes(call):
            result[-1] = result[-1]._replace(times=result[-1].times + 1)
        else:
            result.append(call)
    return result


def covered(calls: list[Call], what: str) -> int:
    """Bytes that the calls of one kind are about."""
    return sum(call.pgsize * call.pgcount * call.times for call in calls if call.call == what)


def parse_args() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path, help="what the guest recorded")
    parser.add_argument("csv", type=Path, help="the file to write")
    return parser.parse_args()


def main() -> None:
    """Writes a line for each kind of call of each buffer."""
    args = parse_args()
    rows = []
    for kind, size, calls in buffers(args.recording.read_text(encoding="utf-8").splitlines()):
        for what in ("map", "unmap"):
            if covered(calls, what) != size:
                sys.exit(f"calls.py: {kind} {size}: {covered(calls, what)} bytes by {what}")
        rows += [(kind, size, *call) for call in folded(calls)]
    new = args.csv.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    os.replace(new, args.csv)


if __name__ == "__main__":
    main()
