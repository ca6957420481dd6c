# SPDX-License-Identifier: GPL-2.0
"""Makes what the walking CPU has in its memory beside the program: the tables of a dump, where they
were, and the queries.

usage: image.py DUMP IMAGE

IMAGE becomes an ELF file, because its segments go to physical addresses.
"""

import struct
import sys

import dump

SCTLR_TRE = 1 << 28
SCTLR_AFE = 1 << 29

# Domain 0, which all entries are in: permissions are checked, or not.
CLIENT, MANAGER = 1, 3


def header(table_set, count):
    """What walk.S wants to know of a set."""
    registers = table_set.registers
    values = [registers[name] for name in ("ttbr", "tcr", "prrr", "nmrr")]
    # A device that knows no permissions does not look at their bits, and neither does a CPU in a
    # domain that it manages.
    if registers["perms"]:
        domain, control = CLIENT, SCTLR_TRE | SCTLR_AFE
    else:
        domain, control = MANAGER, SCTLR_TRE
    return struct.pack("<7I", *values, count, domain, control)


def questions(sets):
    """The input of walk.S."""
    data = bytearray(struct.pack("<I", len(sets)))
    for table_set in sets:
        asked = list(table_set.queries())
        if len(asked) > dump.ANSWERS_MAX:
            sys.exit(f"{table_set.name}: {len(asked)} addresses, more than {dump.ANSWERS_MAX}")
        data += header(table_set, len(asked))
        for iova, mapping in asked:
            paddr = mapping.paddr + iova - mapping.iova if mapping else dump.NOWHERE
            data += struct.pack("<II", iova, paddr)
    if len(data) > dump.PROGRAM - dump.QUERIES:
        sys.exit(f"{len(data)} bytes of queries do not fit below the program")
    return bytes(data)


def elf(segments):
    """A file of 32-bit Arm, from pairs of an address and bytes."""
    size_of_header, size_of_segment = 52, 32
    offset = size_of_header + size_of_segment * len(segments)
    yield struct.pack(
        "<4s12BHHIIIIIHHHHHH",
        *(b"\x7fELF", 1, 1, 1, *[0] * 9),
        *(2, 40, 1, 0, size_of_header, 0, 0x05000000),
        *(size_of_header, size_of_segment, len(segments), 0, 0, 0),
    )
    for address, data in segments:
        yield struct.pack("<8I", 1, offset, address, address, len(data), len(data), 7, 4)
        offset += len(data)
    for _, data in segments:
        yield data


def main(folder, image):
    """Puts the image together."""
    sets = dump.read_or_exit(folder)
    segments = [(dump.QUERIES, questions(sets))]
    for table_set in sets:
        segments += table_set.tables.items()
    with open(image, "wb") as file:
        file.writelines(elf(segments))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
