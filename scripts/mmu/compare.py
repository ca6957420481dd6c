# SPDX-License-Identifier: GPL-2.0
"""Compares what a CPU answered with what the mappings promise; prints KTAP, a result for each set.

usage: compare.py DUMP ANSWERS
"""

import itertools
import sys

import dump
from dump import FLAGS, SECTION, SIZES, SUPERSECTION

# Pages in a report.
SHOWN = 20

# PAR of a translation: bits 31 to 12 of the address, or 31 to 24 and SS for a supersection. Besides
# there is NS, and what QEMU leaves clear: memory type and shareability.
PAR_SS = 1 << 1
PAR_NS = 1 << 9
PAR_ADDRESS = 0xFFFFF000
PAR_KNOWN = PAR_ADDRESS | PAR_SS | 1
PAR_KNOWN_NS = PAR_KNOWN | PAR_NS

# PAR of a fault: FS, moved up by one, and F.
TRANSLATION = {0x0B, 0x0F}
PERMISSION_SECTION = 0x1B
PERMISSION_PAGE = 0x1F

# What walk.S says instead: see there.
WORDS = {0xFFFFFFFF: "not fetched: it leads elsewhere", 0xFFFFFFFD: "an exception of another kind"}

# The questions, in the order of walk.S: who asks, for what, in which regime.
QUESTIONS = (
    *itertools.product(("Non-secure", "Secure"), ("privileged", "user"), ("read", "write")),
    ("Secure", "privileged", "fetch"),
    ("Secure", "user", "fetch"),
)


def wanted(table_set, iova, mapping, question):
    """The answers that are right, and which bits of them count."""
    regime, who, access = question
    everything = 0xFFFFFFFF
    if not mapping:
        # The level depends on whether there is an empty table, which nobody promises.
        return TRANSLATION, everything
    if table_set.registers["perms"] and (
        (who == "user" and "p" in mapping.flags)
        # What may be written may be read: the format has nothing else.
        or (access == "write" and "w" not in mapping.flags)
        or (access == "fetch" and "n" in mapping.flags)
    ):
        fault = PERMISSION_SECTION if mapping.size >= SECTION else PERMISSION_PAGE
        return {fault}, everything
    paddr = mapping.paddr + iova - mapping.iova
    if access == "fetch":
        return {paddr}, everything
    paddr &= PAR_ADDRESS
    if mapping.size == SUPERSECTION:
        paddr = paddr & -SUPERSECTION | PAR_SS
    if regime == "Non-secure":
        return {paddr}, PAR_KNOWN
    # Output of Secure state is Non-secure where the tables say so.
    return {paddr | (PAR_NS if table_set.registers["ns"] else 0)}, PAR_KNOWN_NS


def mismatches(table_set, asked, answers):
    """Pairs of a page, or None, and what is wrong with an answer."""
    for (iova, mapping), answer in zip(asked, answers):
        for question, got in zip(QUESTIONS, answer):
            want, known = wanted(table_set, iova, mapping, question)
            if got & known not in want:
                right = " or ".join(f"{value:#010x}" for value in sorted(want))
                wrong = WORDS.get(got, f"{got & known:#010x}")
                regime, who, access = question
                yield (
                    mapping,
                    f"iova {iova:#010x}, {who} {access}, {regime}: want {right}, got {wrong}",
                )


def describe(bad):
    """A line for each page or gap of which answers are wrong, the first wrong one in full."""
    for mapping, group in itertools.groupby(bad, key=lambda pair: pair[0]):
        lines = [line for _, line in group]
        what = f"page of {mapping.size >> 10}K {mapping.flags}" if mapping else "gap"
        yield f"{what}: {lines[0]}; wrong answers: {len(lines)}"


def judge(number, table_set, answers):
    """Prints the result of one set, and returns whether it is good."""
    asked = list(table_set.queries())
    size = len(asked) * dump.ANSWER.size
    if len(answers) < size:
        print(f"# the CPU ended after {len(answers)} of {size} bytes")
        print(f"not ok {number} {table_set.name}: the CPU answers")
        return False
    bad = list(describe(mismatches(table_set, asked, dump.ANSWER.iter_unpack(answers))))
    for line in bad[:SHOWN]:
        print(f"# {line}")
    if len(bad) > SHOWN:
        print(f"# and {len(bad) - SHOWN} more")
    print(
        f"{'not ok' if bad else 'ok'} {number} {table_set.name}: {len(table_set.mappings)} mappings,"
        f" {len(asked)} addresses, {len(asked) * len(QUESTIONS)} answers"
    )
    return not bad


def judge_coverage(number, sets):
    """Prints whether every size was walked with all flags that a mapping can have; returns it."""
    choices = [(flag, "-") for flag in FLAGS]
    flags = {"".join(choice) for choice in itertools.product(*choices)}
    flags = {f for f in flags if "r" in f or "w" in f}
    there = {(m.size, m.flags) for s in sets if s.registers["perms"] for m in s.mappings}
    missing = set(itertools.product(SIZES, flags)) - there
    for size, missed in sorted(missing)[:SHOWN]:
        print(f"# no page of {size >> 10}K has {missed}")
    print(f"{'not ok' if missing else 'ok'} {number} every size was walked with all flags")
    return not missing


def main(folder, file):
    """Judges all sets."""
    sets = dump.read_or_exit(folder)
    good = True
    print(f"KTAP version 1\n1..{len(sets) + 1}")
    with open(file, "rb") as answers:
        for number, table_set in enumerate(sets, 1):
            size = sum(dump.ANSWER.size for _ in table_set.queries())
            good &= judge(number, table_set, answers.read(size))
    good &= judge_coverage(len(sets) + 1, sets)
    sys.exit(not good)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
