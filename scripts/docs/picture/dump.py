# SPDX-License-Identifier: GPL-2.0
"""Reads a copy of sets and runs, files of io_pgtable_arm_v7s_rust in debugfs.

Documentation/ABI/testing/debugfs-io_pgtable_arm_v7s_rust says what is in them. All of it is
checked; an inconsistent dump is a BadDump that says why.
"""

import math
from pathlib import Path
from typing import NamedTuple

PAGE = 1 << 12
MIB = 1 << 20
SIZES = {"4K": 1 << 12, "64K": 1 << 16, "1M": MIB, "16M": 1 << 24}
# Sizes that second-level tables hold.
SMALL = ("4K", "64K")
COLUMNS = "set iova paddr size page_size access"
ACCESS = (
    ("none", "read", "read,write"),
    ("cached", "uncached", "device", "strongly-ordered"),
    ("privileged",),
    ("noexec",),
    ("ns",),
)


class BadDump(Exception):
    """An inconsistent dump."""


class Run(NamedTuple):
    """Consecutive input addresses that are mapped to consecutive output addresses."""

    iova: int
    paddr: int
    size: int
    page: str
    access: str

    @property
    def end(self) -> int:
        """The first input address after the run."""
        return self.iova + self.size

    @property
    def paddr_end(self) -> int:
        """The first output address after the run."""
        return self.paddr + self.size


class Dump(NamedTuple):
    """A table set at some moment."""

    info: dict[str, str]
    runs: list[Run]

    def number(self, name: str) -> int:
        """A number of the set's line."""
        return int(self.info[name], 0)

    @property
    def space(self) -> int:
        """The number of input addresses."""
        return 1 << self.number("ias")


def lines(folder: Path, name: str) -> list[str]:
    """The lines of a file."""
    try:
        return (folder / name).read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise BadDump(f"{error.filename}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadDump(f"{folder / name}: that is no text") from None


def number(text: str, where: object) -> int:
    """A number, decimal or with its base."""
    try:
        return int(text, 0)
    except ValueError:
        raise BadDump(f"{where}: '{text}' is no number") from None


def choose(folder: Path, wanted: int | None) -> dict[str, str]:
    """The columns of a set by name: of the one that is wanted, or of the only one."""
    where = folder / "sets"
    head, *rest = lines(folder, "sets") or [""]
    names = head.split(" ")
    if names[0] != "set" or len(set(names)) != len(names):
        raise BadDump(f"{where}:1: that is no copy of sets of debugfs")
    sets: dict[int, dict[str, str]] = {}
    for i, line in enumerate(rest, start=2):
        words = line.split(" ")
        if len(words) != len(names):
            raise BadDump(f"{where}:{i}: '{line}' has not the columns {head}")
        info = dict(zip(names, words))
        sets[number(info["set"], where)] = info
    if wanted is None and len(sets) == 1:
        return next(iter(sets.values()))
    there = ", ".join(str(known) for known in sets) or "none"
    if wanted is None:
        raise BadDump(f"{where}: name one of the sets: {there}")
    if wanted not in sets:
        raise BadDump(f"{where}: there is no set {wanted}: {there}")
    return sets[wanted]


def parse_info(folder: Path, wanted: int | None) -> dict[str, str]:
    """The columns of a set by name; the numbers that are used are checked."""
    where = folder / "sets"
    info = choose(folder, wanted)
    ranges = {
        "ias": range(20, 35),
        "oas": range(36),
        "l1_bytes": range(4, 1 << 20),
        "l2_tables": range(1 << 14),
        "l2_bytes": range(1 << 30),
    }
    for name in (*ranges, "quirks", "page_sizes", "walker"):
        if name not in info:
            raise BadDump(f"{where}: {name} is missing: is that a copy of sets of debugfs?")
    for name, valid in ranges.items():
        if number(info[name], where) not in valid:
            raise BadDump(f"{where}: {name} is {info[name]}, but from {valid[0]} to {valid[-1]}")
    for size in info["page_sizes"].split(","):
        if size not in SIZES:
            raise BadDump(f"{where}: there are no pages of {size}")
    return info


def parse_access(text: str, where: str) -> str:
    """Checks the words of access and their order."""
    rest = text
    for i, words in enumerate(ACCESS):
        word = max((w for w in words if f"{rest},".startswith(f"{w},")), key=len, default=None)
        if word:
            rest = rest[len(word) + 1 :]
        elif i < 2:
            break
    else:
        if not rest:
            return text
    raise BadDump(f"{where}: '{text}' is no access")


def parse_run(line: str, where: str, info: dict[str, str]) -> Run:
    """Parses a line of runs."""
    words = line.split(" ")
    if len(words) != 6:
        raise BadDump(f"{where}: '{line}' has not the columns {COLUMNS}")
    iova, paddr, size = (number(word, where) for word in words[1:4])
    page = words[4]
    if page not in info["page_sizes"].split(","):
        raise BadDump(f"{where}: there are no pages of {page} in this set")
    run = Run(iova, paddr, size, page, parse_access(words[5], where))
    if size <= 0 or (iova | paddr | size) % PAGE or (iova - paddr) % SIZES[page]:
        raise BadDump(f"{where}: '{line}' are no pages of {page}")
    if (iova | size) % SIZES[page]:
        raise BadDump(
            f"{where}: part of a page of {page}: it was just being mapped or unmapped, copy again"
        )
    for name, end in (("ias", run.end), ("oas", run.paddr_end)):
        if iova < 0 or paddr < 0 or end > 1 << number(info[name], where):
            raise BadDump(f"{where}: '{line}' goes beyond {info[name]} bits, which is {name}")
    return run


def check_sizes(folder: Path, info: dict[str, str], runs: list[Run]) -> None:
    """Checks that there are enough tables for the runs."""
    needed = 4 << (int(info["ias"], 0) - 20)
    if int(info["l1_bytes"], 0) < needed:
        raise BadDump(f"{folder / 'sets'}: l1_bytes is {info['l1_bytes']}, but at least {needed}")
    tables = int(info["l2_tables"], 0)
    filled = len({mib for run in runs if run.page in SMALL for mib in mibs(run)})
    if filled > tables:
        raise BadDump(
            f"{folder}: pages of 4K and 64K lie in {filled} MiB, but there are {tables} "
            "second-level tables: if the set was changing, copy again"
        )
    if int(info["l2_bytes"], 0) < 1024 * tables:
        raise BadDump(f"{folder / 'sets'}: {tables} tables take more than {info['l2_bytes']} bytes")


def mibs(run: Run) -> range:
    """The numbers of the MiB that a run touches."""
    return range(run.iova // MIB, math.ceil(run.end / MIB))


def load(folder: Path, wanted: int | None = None) -> Dump:
    """Reads and checks the dump of a set: of the one that is wanted, or of the only one."""
    info = parse_info(folder, wanted)
    head, *rest = lines(folder, "runs") or [""]
    if head != COLUMNS:
        raise BadDump(f"{folder / 'runs'}:1: the columns are not {COLUMNS}")
    runs: list[Run] = []
    end = 0
    for i, line in enumerate(rest, start=2):
        if line.split(" ")[0] != info["set"]:
            continue
        run = parse_run(line, f"{folder / 'runs'}:{i}", info)
        if run.iova < end:
            raise BadDump(f"{folder / 'runs'}:{i}: {run.iova:#x} is mapped by a line before, too")
        runs.append(run)
        end = run.end
    check_sizes(folder, info, runs)
    return Dump(info, runs)
