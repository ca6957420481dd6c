# SPDX-License-Identifier: GPL-2.0
"""What a table set says that the CPU does not tell.

QEMU's CPU has no caches, and leaves the bits of PAR clear that would tell the type of memory; and a
CPU has other uses for MediaTek's address bits. So this reads the entries themselves, by the manual
and by nothing of ours: ARM Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.8.3
"Short-descriptor format memory region attributes, with TEX remap", B4.1 for PRRR, NMRR and TTBR0,
and IO_PGTABLE_QUIRK_ARM_MTK_EXT in include/linux/io-pgtable.h.
"""

import struct

import dump

CACHEABILITY = ("non-cacheable", "write-back write-allocate", "write-through", "write-back")


def normal(inner, outer, domain):
    """Normal memory, in words."""
    return f"normal, inner {CACHEABILITY[inner]}, outer {CACHEABILITY[outer]}, {domain} shareable"


def field(value, low, width):
    """Bits of a number."""
    return value >> low & (1 << width) - 1


def entry_at(table_set, table, index):
    """An entry, and zero where there is no table."""
    data = table_set.tables.get(table, b"")
    return struct.unpack_from("<I", data, 4 * index)[0] if len(data) > 4 * index else 0


def leaf(table_set, iova):
    """The entry that maps an address, and the places of TEX[0] and S in it; None if there is none."""
    base = table_set.registers["ttbr"] & -dump.L1_BYTES
    entry = entry_at(table_set, base, iova >> 20)
    tex0, shared = 12, 16
    if field(entry, 0, 2) == 1:
        entry = entry_at(table_set, entry & -1024, field(iova, 12, 8))
        tex0, shared = (6 if field(entry, 1, 1) else 12), 10
    return (entry, tex0, shared) if field(entry, 0, 2) else None


def found(table_set, iova):
    """What maps an address, in words."""
    there = leaf(table_set, iova)
    if not there:
        return "unmapped"
    kind = memory(table_set, *there)
    if table_set.registers["perms"]:
        return kind
    entry = there[0]
    high = field(entry, 5, 1) << 2 | field(entry, 4, 1) << 1 | field(entry, 9, 1)
    return f"{kind}, bits 34 to 32 are {high:03b}"


def memory(table_set, entry, tex0, shared):
    """The kind of memory, in words."""
    index = field(entry, tex0, 1) << 2 | field(entry, 2, 2)
    shared = field(entry, shared, 1)
    prrr, nmrr = table_set.registers["prrr"], table_set.registers["nmrr"]
    kind = field(prrr, 2 * index, 2)
    if kind == 1:
        return f"device, {'' if field(prrr, 16 + shared, 1) else 'not '}shareable"
    if kind != 2:
        return "strongly ordered" if kind == 0 else "reserved"
    inner, outer = field(nmrr, 2 * index, 2), field(nmrr, 16 + 2 * index, 2)
    if not field(prrr, 18 + shared, 1):
        domain = "not"
    else:
        domain = "inner" if field(prrr, 24 + index, 1) else "outer"
    return normal(inner, outer, domain)


def found_tables(table_set):
    """The kind of memory that a walker takes the tables for, in words."""
    ttbr = table_set.registers["ttbr"]
    if table_set.registers["mtk_ext"]:
        return f"bits {field(ttbr, 0, 7)}"
    inner, outer = field(ttbr, 0, 1) << 1 | field(ttbr, 6, 1), field(ttbr, 3, 2)
    if not field(ttbr, 1, 1):
        domain = "not"
    else:
        domain = "inner" if field(ttbr, 5, 1) else "outer"
    return normal(inner, outer, domain)


def promised_tables(table_set):
    """The kind of memory that tables are, for a walker that is coherent."""
    # MediaTek has bits 32 to 34 of the address there, and these tables are below 4 GiB.
    return "bits 0" if table_set.registers["mtk_ext"] else promised_memory("c")


def promised(table_set, mapping):
    """What maps a page, in words."""
    kind = promised_memory(mapping.flags)
    if table_set.registers["perms"]:
        return kind
    # All addresses have 32 bits.
    return f"{kind}, bits 34 to 32 are 000"


def promised_memory(flags):
    """The kind of memory that mapping flags stand for, in words."""
    if "m" in flags:
        return "device, shareable"
    return normal(1, 1, "inner") if "c" in flags else normal(0, 0, "outer")
