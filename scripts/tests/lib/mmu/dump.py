# SPDX-License-Identifier: GPL-2.0
"""Reads what v7s_dump hands out in debugfs, and decides what to ask a CPU about it.

A dump is a folder PROVIDER/CONFIGURATION for each table set, in which

registers  has the values for the device, and what the set was asked to be, one "name value" a line
mappings   has what was asked to be mapped and still is: "iova paddr size flags" a line, the flags as
           in "rwcnmp": read, write, cached, never executed, MMIO, privileged; "-" for one that is not
unmapped   has what was mapped once and no longer is, unless it is in mappings again: "iova size"
tables     has each table, as its physical address, its size in bytes, and its entries

All of it is checked: what makes no sense is a BadDump that says why.
"""

import bisect
import itertools
import pathlib
import struct
import sys
from typing import NamedTuple

SMALL, LARGE, SECTION, SUPERSECTION = 1 << 12, 1 << 16, 1 << 20, 1 << 24
SIZES = (SMALL, LARGE, SECTION, SUPERSECTION)
FLAGS = "rwcnmp"
NAMES = ("ttbr", "tcr", "prrr", "nmrr", "ns", "perms", "mtk_ext")
L1_BYTES = 4 * 4096

# Where walk.S and its data lie: no table and nothing that is mapped may be there. The program's own
# section is not mapped either, because walk.S puts its own entry there. scripts/tests/lib/mmu/walk reads these.
QUERIES = 0x3C000000
PROGRAM = 0x3FF00000
OWN = range(QUERIES, PROGRAM + SECTION)

# Behind the program and its copy of the first-level table; an answer is ten words.
ANSWER = struct.Struct("<10I")
ANSWERS_MAX = (SECTION - (64 << 10)) // ANSWER.size

# No mapping: nowhere to fetch from.
NOWHERE = 0xFFFFFFFF


class BadDump(Exception):
    """A dump that makes no sense."""


class Mapping(NamedTuple):
    """A page of any size."""

    iova: int
    paddr: int
    size: int
    flags: str


class TableSet(NamedTuple):
    """A table set as it was asked for, and as it is."""

    name: str
    registers: dict
    mappings: list
    unmapped: list
    tables: dict

    def find(self, iova):
        """The mapping that an address is in, or None."""
        at = bisect.bisect_right(self.mappings, iova, key=lambda m: m.iova) - 1
        if at >= 0 and iova < self.mappings[at].iova + self.mappings[at].size:
            return self.mappings[at]
        return None

    def queries(self):
        """Addresses to ask about, in order, each with its mapping or None: of each mapping, the
        first and the last words and some in the middle; what is just before and just behind it; of
        each gap the middle; and what was unmapped. No fetch is possible at the very end of a page,
        since what is fetched is of three words."""
        asked = {0, (1 << 32) - 16, *range(SUPERSECTION - 16, 1 << 32, SUPERSECTION)}
        for iova, size in self.unmapped:
            asked.update((iova, iova + size - 16))
        end = 0
        for mapping in self.mappings:
            asked.add(end + (mapping.iova - end) // 2 & ~0xF)
            end = mapping.iova + mapping.size
            middle = mapping.iova + mapping.paddr * 7 % mapping.size & ~0xF
            asked.update((mapping.iova - 16, mapping.iova, middle, end - 16, end))
        own = range(PROGRAM, PROGRAM + SECTION)
        for iova in sorted(asked):
            if 0 <= iova < 1 << 32 and iova not in own:
                yield iova, self.find(iova)


def number(text, where):
    """A number as C writes it."""
    try:
        return int(text, 0)
    except ValueError:
        raise BadDump(f"{where}: '{text}' is no number") from None


def read_registers(path):
    """All values, by name."""
    registers = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        registers[name] = number(value, path)
    for name in NAMES:
        if name not in registers:
            raise BadDump(f"{path}: {name} is missing")
    return registers


def overlap(start, size, area):
    """Whether bytes lie in a range."""
    return start < area.stop and area.start < start + size


def read_mapping(line, where):
    """A mapping that makes sense by itself."""
    words = line.split()
    if len(words) != 4:
        raise BadDump(f"{where}: '{line}' is no mapping")
    iova, paddr, size = (number(word, where) for word in words[:3])
    flags = words[3]
    if size not in SIZES or iova % size or paddr % size or max(iova, paddr) + size > 1 << 32:
        raise BadDump(f"{where}: '{line}' is no page of 32-bit addresses")
    if len(flags) != len(FLAGS) or any(c not in (f, "-") for c, f in zip(flags, FLAGS)):
        raise BadDump(f"{where}: '{flags}' are no flags as in {FLAGS}")
    if overlap(iova, size, range(PROGRAM, PROGRAM + SECTION)) or overlap(paddr, size, OWN):
        raise BadDump(f"{where}: '{line}' is where the walking program has to be")
    return Mapping(iova, paddr, size, flags)


def read_mappings(path):
    """The mappings in order."""
    lines = path.read_text(encoding="ascii").splitlines()
    mappings = sorted(read_mapping(line, f"{path}:{n}") for n, line in enumerate(lines, 1))
    if not mappings:
        raise BadDump(f"{path}: nothing is mapped")
    for before, after in itertools.pairwise(mappings):
        if before.iova + before.size > after.iova:
            raise BadDump(f"{path}: {before.iova:#x} and {after.iova:#x} overlap")
    return mappings


def read_unmapped(path):
    """Pairs of an address and a size."""
    places = []
    for line in path.read_text(encoding="ascii").splitlines():
        words = [number(word, path) for word in line.split()]
        if len(words) != 2 or words[1] not in SIZES:
            raise BadDump(f"{path}: '{line}' is no page")
        places.append(tuple(words))
    return places


def read_tables(path):
    """Entries by the physical address of their table."""
    data = path.read_bytes()
    tables = {}
    at = 0
    while at < len(data):
        if len(data) - at < 16:
            raise BadDump(f"{path}: cut short at byte {at}")
        paddr, size = struct.unpack_from("<QQ", data, at)
        at += 16
        if size > len(data) - at:
            raise BadDump(f"{path}: the table at {paddr:#x} is cut short")
        if paddr + size > 1 << 32 or paddr % 1024 or size % 1024 or not size:
            raise BadDump(f"{path}: no table has {size} bytes at {paddr:#x}")
        tables[paddr] = data[at : at + size]
        at += size
    return tables


def check_tables(path, table_set):
    """A first-level table is where the register says, and leaves the program's section alone."""
    base = table_set.registers["ttbr"] & ~(L1_BYTES - 1)
    l1 = table_set.tables.get(base, b"")
    if len(l1) < L1_BYTES:
        raise BadDump(f"{path}: no first-level table at {base:#x}, where ttbr has it")
    if struct.unpack_from("<I", l1, 4 * (PROGRAM // SECTION)) != (0,):
        raise BadDump(f"{path}: {PROGRAM:#x} is mapped, where the walking program has to be")


def read_set(folder, name):
    """One table set."""
    path = folder / name
    table_set = TableSet(
        name,
        read_registers(path / "registers"),
        read_mappings(path / "mappings"),
        read_unmapped(path / "unmapped"),
        read_tables(path / "tables"),
    )
    check_tables(path / "tables", table_set)
    return table_set


def check_memory(sets):
    """Tables are where nothing else is: what is mapped is written to."""
    areas = [(paddr, len(data), s.name) for s in sets for paddr, data in s.tables.items()]
    areas.sort()
    for before, after in itertools.pairwise(areas):
        if before[0] + before[1] > after[0]:
            raise BadDump(f"tables of {before[2]} and {after[2]} overlap at {after[0]:#x}")
    starts = [area[0] for area in areas]
    for mapping in (mapping for s in sets for mapping in s.mappings):
        target = range(mapping.paddr, mapping.paddr + mapping.size)
        at = bisect.bisect_left(starts, target.stop) - 1
        if at >= 0 and overlap(areas[at][0], areas[at][1], target):
            raise BadDump(f"{mapping.paddr:#x} is mapped, but {areas[at][2]} has a table there")
    for paddr, size, name in areas:
        if overlap(paddr, size, OWN):
            raise BadDump(f"{name}: a table at {paddr:#x}, where the walking program has to be")


def read(folder):
    """All sets of a dump."""
    folder = pathlib.Path(folder)
    names = sorted(str(path.parent.relative_to(folder)) for path in folder.glob("*/*/registers"))
    if not names:
        raise BadDump(f"{folder}: no dump of table sets")
    try:
        sets = [read_set(folder, name) for name in names]
    except (OSError, UnicodeDecodeError) as error:
        raise BadDump(f"{folder}: {error}") from None
    check_memory(sets)
    return sets


def read_or_exit(folder):
    """All sets of a dump, for a program that can do nothing without."""
    try:
        return read(folder)
    except BadDump as error:
        sys.exit(f"bad dump: {error}")
