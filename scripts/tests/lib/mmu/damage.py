# SPDX-License-Identifier: GPL-2.0
"""Damages a table set of a dump, one bit in an entry here and there, to show that each is noticed.

usage: damage.py DUMP SET

For each it prints what it is and the first address that it is wrong for, as "WHAT BIT IOVA". The set
needs some pages of each size, no two of them in one MiB.
"""

import struct
import sys

import dump
from dump import LARGE, SECTION, SMALL, SUPERSECTION

# Bits of the entries that map a page, by its size: the type, permissions, the kind of memory, the
# last bit of the address, and NS of a section.
LEAF = {
    SMALL: (0, 1, 2, 3, 4, 5, 6, 9, 10, 12),
    LARGE: (0, 2, 3, 4, 5, 9, 10, 12, 15, 16),
    SECTION: (1, 2, 3, 4, 10, 11, 12, 15, 16, 18, 19, 20),
    SUPERSECTION: (1, 2, 3, 4, 10, 11, 12, 15, 16, 18, 19, 24),
}
# Bits of an entry that refers to a table: the type, NS, the last bit of the address.
TABLE = (0, 3, 10)


class Tables:
    """The tables of a set, to be changed."""

    def __init__(self, table_set):
        self.tables = {paddr: bytearray(data) for paddr, data in table_set.tables.items()}
        self.l1 = table_set.registers["ttbr"] & -dump.L1_BYTES

    def flip(self, table, index, bit):
        """Changes a bit; returns what the entry was."""
        (entry,) = struct.unpack_from("<I", self.tables[table], 4 * index)
        struct.pack_into("<I", self.tables[table], 4 * index, entry ^ 1 << bit)
        return entry

    def flip_leaf(self, mapping, bit):
        """Changes a bit in all entries of a page."""
        table, index, unit = self.l1, mapping.iova // SECTION, SECTION
        if mapping.size < SECTION:
            (entry,) = struct.unpack_from("<I", self.tables[table], 4 * index)
            table, index, unit = entry & -1024, mapping.iova % SECTION // SMALL, SMALL
        for i in range(mapping.size // unit):
            self.flip(table, index + i, bit)

    def flip_table(self, mapping, bit):
        """Changes a bit in the entry that refers to a page's table."""
        self.flip(self.l1, mapping.iova // SECTION, bit)

    def flip_behind(self, mapping, bit):
        """Changes a bit in the entry that follows a section."""
        self.flip(self.l1, mapping.iova // SECTION + 1, bit)

    def write(self, path):
        """Puts them back into the dump."""
        with open(path, "wb") as file:
            for paddr, data in self.tables.items():
                file.writelines((struct.pack("<QQ", paddr, len(data)), data))


def pages_of(table_set, size):
    """The mappings of one size, each once."""
    return (mapping for mapping in table_set.mappings if mapping.size == size)


def main(folder, name):
    """Damages the set and says where."""
    table_set = next(s for s in dump.read_or_exit(folder) if s.name == name)
    tables = Tables(table_set)
    pages = {size: pages_of(table_set, size) for size in LEAF}
    for size, bits in LEAF.items():
        for bit, mapping in zip(bits, pages[size]):
            tables.flip_leaf(mapping, bit)
            print(f"{size >> 10}K {bit} {mapping.iova:#010x}")
    for bit, mapping in zip(TABLE, pages[LARGE]):
        tables.flip_table(mapping, bit)
        print(f"table {bit} {mapping.iova:#010x}")
    # As if it had been left over.
    mapping = next(pages[SECTION])
    tables.flip_behind(mapping, 1)
    print(f"unused 1 {mapping.iova + SECTION:#010x}")
    tables.write(f"{folder}/{name}/tables")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
