# SPDX-License-Identifier: GPL-2.0
"""Collects what the unsafe code of the two modules relies on into one table.

usage: unsafe_table.py TOP

Prints reStructuredText: for each SAFETY comment the item it stands in, what the unsafe
code does, and the reason given; for each unsafe function what its callers promise.
Exits with 1 and names the place if unsafe code has no such comment. Tests, benchmarks
and samples are left out: they are not what people load.
"""

import re
import sys
from pathlib import Path

PAGE = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by scripts/docs/unsafe-table --publish; do not edit.

==============================
What the unsafe code relies on
==============================

Every place in ``slab_rust`` and ``io_pgtable_arm_v7s_rust`` where the compiler
takes our word, with the reason that stands there: {blocks} blocks and
implementations in {files} files, and {functions} functions whose callers promise
something. ``scripts/docs/unsafe-table`` collects it from the sources. Tests, benchmarks
and samples are not in it. :doc:`security` says what all of this is to protect.

Reasons
=======

{reasons}

Promises
========

{promises}"""

# `unsafe` in code: a block, an implementation, a foreign block, an attribute of a macro.
UNSAFE = re.compile(r"\bunsafe\b\s*(\{|impl\b|extern\b(?!\s+\"C\"\s+fn)|\()")
FUNCTION = re.compile(r"^\s*(?:pub(?:\([a-z]+\))?\s+)?(?:const\s+)?(unsafe\s+)?"
                      r"(?:extern\s+\"C\"\s+)?fn\s+(\w+)")
IMPL = re.compile(r"^\s*(?:unsafe\s+)?impl\b(?:<[^{]*?>)?\s+(?:.*\bfor\s+)?&?([A-Za-z_]\w*)")
CALL = re.compile(r"((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)(?:::<[^()]*>)?\(")
# How far below its comment a statement may hold the unsafe code.
REACH = 14


def is_comment(line):
    """Whether a line is a comment, though not documentation."""
    return re.match(r"\s*//(?![/!])", line) is not None


def code_of(line):
    """A line without its comment."""
    return "" if line.lstrip().startswith("//") else line.split(" // ")[0]


def shipped(lines):
    """The lines before the tests of a file."""
    for number, line in enumerate(lines):
        if "kunit_tests(" in line or re.match(r"\s*(pub(\(\w+\))? )?mod tests \{", line):
            return lines[:number]
    return lines


def indent(line):
    """How far a line is indented."""
    return len(line) - len(line.lstrip())


def enclosing(lines, number):
    """The function or type that a line stands in, as Type::function where there is one."""
    depth, names = indent(lines[number]), []
    for line in reversed(lines[:number]):
        if not line.strip() or indent(line) >= depth or line.lstrip().startswith("//"):
            continue
        found = FUNCTION.match(line)
        if found and not names:
            names.append(found[2])
        elif found := IMPL.match(line):
            names.insert(0, found[1])
            break
        depth = min(depth, indent(line)) if FUNCTION.match(line) else depth
    return "::".join(names)


def block_at(lines, number):
    """The code of the unsafe block, implementation or declaration that begins in a line."""
    text = " ".join(code_of(line).strip() for line in lines[number:number + 40])
    text = text[UNSAFE.search(text).start():]
    opened = 0
    for at, char in enumerate(text):
        opened += {"{": 1, "(": 1, "}": -1, ")": -1}.get(char, 0)
        if char in "})" and opened == 0:
            return text[:at + 1]
        if char == ";" and opened == 0:
            return text[:at]
    return text


def summary(code):
    """What an unsafe block does, in few words: what it calls, or else its code."""
    head = re.match(r"unsafe (impl\b.*?|extern \"C\") \{", code)
    if head:
        return head[1]
    calls = [name for name in CALL.findall(code) if name not in ("unsafe", "Some", "Ok", "Err")]
    if calls:
        return ", ".join(f"{name}()" for name in dict.fromkeys(calls))
    return re.sub(r"\s+", " ", code.removeprefix("unsafe").strip(" {}()"))


def reasons_of(lines, name):
    """(where, what, why) of each SAFETY comment, and the unsafe code that has none."""
    found, covered = [], set()
    for number, line in enumerate(lines):
        if not (is_comment(line) and "SAFETY:" in line):
            continue
        words, end = [line.split("SAFETY:")[1]], number + 1
        while end < len(lines) and is_comment(lines[end]):
            words.append(lines[end].strip().removeprefix("//"))
            end += 1
        for at in range(end, min(end + REACH, len(lines))):
            if UNSAFE.search(code_of(lines[at])) and at not in covered:
                break
        else:
            sys.exit(f"{name}:{number + 1}: a SAFETY comment with no unsafe code below it")
        covered.add(at)
        where = enclosing(lines, at)
        found.append((code(where), code(summary(block_at(lines, at))),
                      quoted(" ".join(" ".join(words).split()))))
    missing = [at for at, line in enumerate(lines)
               if UNSAFE.search(code_of(line)) and at not in covered]
    return found, missing


def promises_of(lines, name):
    """(where, promise) of each function with a Safety section."""
    found = []
    for number, line in enumerate(lines):
        if not re.match(r"\s*///\s*# Safety\s*$", line):
            continue
        words, end = [], number + 1
        while lines[end].strip().startswith("///"):
            words.append(lines[end].strip().removeprefix("///"))
            end += 1
        item = next((line for line in lines[end:end + REACH]
                     if re.search(r"\b(fn|trait)\s+\w+", line)), None)
        if item is None:
            sys.exit(f"{name}:{number + 1}: a Safety section with no function below it")
        what = re.search(r"\b(?:fn|trait)\s+(\w+)", item)[1]
        outer = enclosing(lines, end)
        where = f"{outer}::{what}" if outer else what
        text = " ".join(" ".join(words).split("# ")[0].split())
        found.append((code(where), quoted(text)))
    return found


def quoted(text):
    """Text of ours in reStructuredText: single backquotes are code."""
    text = re.sub(r"\[(`[^`]*`)\]\([^)]*\)|\[(`[^`]*`)\]", lambda m: m[1] or m[2], text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`([^`]*)`", r"``\1``", text)
    return text.replace("*", "\\*") if "``" not in text else text


def code(text):
    """Code in reStructuredText."""
    return f"``{text}``" if text else "the file"


def table(name, widths, head, rows):
    """What there is to say about a file, under its name."""
    if not rows:
        return ""
    lines = [name, "-" * len(name), "", ".. list-table::", "   :header-rows: 1",
             f"   :widths: {widths}", ""]
    lines += ["   * - " + "\n     - ".join(cells) for cells in (head, *rows)]
    return "\n".join(lines) + "\n\n"


def main():
    """Prints the page."""
    if len(sys.argv) != 2:
        sys.exit("usage: unsafe_table.py TOP")
    top = Path(sys.argv[1])
    counts, reasons, promises, bare = [0, 0, 0], "", "", []
    for path in sorted([*top.glob("mm/**/*.rs"), *top.glob("drivers/iommu/*.rs")]):
        name = str(path.relative_to(top))
        if path.name == "tests.rs" or {"tests", "bench"} & set(path.parts):
            continue
        lines = shipped(path.read_text(encoding="utf-8").splitlines())
        found, missing = reasons_of(lines, name)
        bare += [f"{name}:{at + 1}: {lines[at].strip()}" for at in missing]
        promised = promises_of(lines, name)
        reasons += table(name, "25 25 50", ("In", "What", "Why it may"), found)
        promises += table(name, "35 65", ("Function", "What its callers promise"), promised)
        for which, count in enumerate((len(found), bool(found), len(promised))):
            counts[which] += count
    if bare:
        sys.exit("no SAFETY comment:\n" + "\n".join(bare))
    blocks, files, functions = counts
    print(PAGE.format(blocks=blocks, files=files, functions=functions,
                      reasons=reasons.rstrip("\n"), promises=promises.rstrip("\n")))


if __name__ == "__main__":
    main()
