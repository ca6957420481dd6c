# SPDX-License-Identifier: GPL-2.0
"""Compares what a CPU answered with what the mappings promise; prints KTAP, a result for each set.

usage: compare.py DUMP ANSWERS
"""

import itertools
import sys

import dump
import entries
from dump import FLAGS, SECTION, SIZES, SUPERSECTION

# Lines about what is wrong with a set.
SHOWN = 100

# PAR of a translation: bits 31 to 12 of the address, or 31 to 24 and SS for a supersection. Besides
# there is NS, and what QEMU leaves clear: memory type and shareability.
PAR_F = 1 << 0
PAR_SS = 1 << 1
PAR_NS = 1 << 9
PAR_ADDRESS = 0xFFFFF000
PAR_KNOWN = PAR_ADDRESS | PAR_SS | PAR_F
PAR_KNOWN_NS = PAR_KNOWN | PAR_NS

# PAR of a fault: FS, moved up by one, and F.
TRANSLATION = {0x0B, 0x0F}
PERMISSION_SECTION = 0x1B
PERMISSION_PAGE = 0x1F

# Answers that are no addresses; the last two are what walk.S says instead.
WORDS = {
    0x07: "access flag fault of a section",
    0x0B: "translation fault of a section",
    0x0D: "access flag fault of a page",
    0x0F: "translation fault of a page",
    0x1B: "permission fault of a section",
    0x1F: "permission fault of a page",
    0xFFFFFFFD: "another exception",
    0xFFFFFFFF: "no fetch, because it leads elsewhere",
}

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


def in_words(par, known):
    """An answer for people to read."""
    return WORDS.get(par) or f"{par if par & PAR_F else par & known:#010x}"


def mismatches(table_set, asked, answers):
    """Pairs of a page, or None, and what is wrong with an answer."""
    for (iova, mapping), answer in zip(asked, answers):
        for question, got in zip(QUESTIONS, answer):
            want, known = wanted(table_set, iova, mapping, question)
            if got & known not in want:
                regime, who, access = question
                asked_for = f"iova {iova:#010x}, {who} {access}, {regime}"
                right, wrong = in_words(min(want), known), in_words(got, known)
                yield mapping, f"{asked_for}: want {right}, got {wrong}"


def describe(bad):
    """A line for each page or gap of which answers are wrong, the first wrong one in full."""
    for mapping, group in itertools.groupby(bad, key=lambda pair: pair[0]):
        lines = [line for _, line in group]
        what = f"page of {mapping.size >> 10}K {mapping.flags}" if mapping else "gap"
        yield f"{what}: {lines[0]}; wrong answers: {len(lines)}"


def judge_answers(table_set, file):
    """What the CPU says of a set: what is wrong, and what it is about."""
    asked = list(table_set.queries())
    size = len(asked) * dump.ANSWER.size
    answers = file.read(size)
    if len(answers) < size:
        bad = [f"the CPU ended after {len(answers)} of {size} bytes"]
    else:
        bad = list(describe(mismatches(table_set, asked, dump.ANSWER.iter_unpack(answers))))
    count = len(asked) * len(QUESTIONS)
    return bad, f"{table_set.name}: the CPU has {len(table_set.mappings)} mappings, {count} answers"


def judge_entries(table_set):
    """What a set says that the CPU does not tell: as above."""
    bad = []
    want, got = entries.promised_tables(table_set), entries.found_tables(table_set)
    if got != want:
        bad.append(f"tables: want {want}, got {got}")
    for mapping in table_set.mappings:
        want = entries.promised(table_set, mapping)
        got = entries.found(table_set, mapping.iova)
        if got != want:
            bad.append(f"iova {mapping.iova:#010x} {mapping.flags}: want {want}, got {got}")
    return bad, f"{table_set.name}: {len(table_set.mappings)} memory types by the manual"


def judge_coverage(sets):
    """Whether every size was walked with all flags that a mapping can have: as above."""
    choices = [(flag, "-") for flag in FLAGS]
    flags = {"".join(choice) for choice in itertools.product(*choices)}
    flags = {f for f in flags if "r" in f or "w" in f}
    there = {(m.size, m.flags) for s in sets if s.registers["perms"] for m in s.mappings}
    missing = sorted(set(itertools.product(SIZES, flags)) - there)
    bad = [f"no page of {size >> 10}K has {flags}" for size, flags in missing]
    return bad, "every size was walked with all flags"


def main(folder, path):
    """Judges all sets."""
    sets = dump.read_or_exit(folder)
    with open(path, "rb") as file:
        results = [judge_answers(table_set, file) for table_set in sets]
    results += [judge_entries(table_set) for table_set in sets]
    results.append(judge_coverage(sets))
    print(f"KTAP version 1\n1..{len(results)}")
    for number, (bad, text) in enumerate(results, 1):
        for line in bad[:SHOWN]:
            print(f"# {line}")
        if len(bad) > SHOWN:
            print(f"# and {len(bad) - SHOWN} more")
        print(f"{'not ok' if bad else 'ok'} {number} {text}")
    sys.exit(any(bad for bad, _ in results))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
