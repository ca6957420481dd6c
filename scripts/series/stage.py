# SPDX-License-Identifier: GPL-2.0
"""Writes what each patch of the series adds to a kernel source, from our own sources.

    stage.py TOP SOURCE OUT IDENTITY

makes a folder in OUT for each of TOP/scripts/series/patches, with the whole of the files that it adds or
changes, but for those that a patch in there is for. SOURCE is the kernel's, IDENTITY the
maintainer. A folder of patches has

    message      the commit message
    files        "OURS THEIRS" in a line: a file of ours, and where it goes in the kernel
    tree/        files that have nothing like them here; .in keeps rustfmt from one that names others
    *.patch      changes to files that the kernel has
    maintainers  lines for MAINTAINERS: the name of an entry, and what it gains

On the way from OURS to THEIRS

- what is under #[cfg(MODULE)], in C under #ifdef MODULE, stays here: it is about being a module.
  #[cfg(not(MODULE))] itself goes, what is under it stays;
- what mm/compat.rs bridges is in the form of the kernel that the series is for, 7.2;
- the crate slab_rust becomes the module `slab` of the crate `kernel`, so that paths change;
- a test suite gets the option that it depends on there;
- a `mod` whose file comes in a later patch, or not at all, waits, and so does what is said of it;
- a few words change: WORDS.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

SLAB = "rust/kernel/slab"
V7S = "drivers/iommu/io-pgtable-arm-v7s-rust"

# Our functions in C, and those of rust/helpers/.
HELPERS = {
    "alloc_pages": "pagetable_alloc_pages",
    "alloc_two_pages": "pagetable_alloc_two_pages",
    "free_pages": "pagetable_free_pages",
    "kmemleak_ignore": "kmemleak_ignore",
    "lock": "spin_lock_irqsave",
    "may_report": "slab_may_report",
    "node_online": "node_online",
    "page_of": "virt_to_page",
    "unlock": "spin_unlock_irqrestore",
    "virt_to_phys": "virt_to_phys",
}

# What is said otherwise, by the file's name there: regular expressions, each of which has to match.
ABI = "Documentation/ABI/testing/debugfs-io_pgtable_arm_v7s"
WORDS = {
    ABI: [
        (r"^What:[^\n]*/served_by.*?(?=What:[^\n]*/tables)", ""),
        (r"io_pgtable_arm_v7s_rust/", "io_pgtable_arm_v7s/"),
        (r"KernelVersion:\t7.2", "KernelVersion:\t7.3"),
        (r"Contact:\t[^\n]*", "Contact:\t@IDENTITY@"),
        (r" of the module:", ":"),
    ],
    f"{SLAB}.rs": [
        (
            r"//! The crate of the module.*?\n//!\n",
            "//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)\n//!\n",
        ),
        (r"//! Each cache made here says.*?(?=\n\n)", "//! `/sys/kernel/slab/<cache>/cache_dma32` says which caches are below 4 GiB."),
        (r"\nmod sysfs;", "\n#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]\nmod sysfs;"),
        (r'CONFIG_KUNIT = "y"', "CONFIG_RUST_SLAB_KUNIT_TEST"),
    ],
    f"{SLAB}/flags.rs": [(r"The zone's name in `.*?`", "The zone's name")],
    f"{SLAB}/sysfs.rs": [(r'#\[cfg\(CONFIG_KUNIT = "y"\)\]\n', "")],
    f"{SLAB}/phys.rs": [
        (
            r"unsafe \{ crate::bindings::virt_to_phys\(address\) \}",
            "unsafe { crate::bindings::virt_to_phys(address) }.into()",
        )
    ],
    f"{SLAB}/table.rs": [
        (r"//! Documentation/mm/page_table_memory.rst says which source is for what.\n//!\n", ""),
        (r'CONFIG_KUNIT = "y"', "CONFIG_RUST_SLAB_KUNIT_TEST"),
    ],
    f"{V7S}/config.rs": [(r"\bpub (?=mod|const)", "pub(crate) ")],
    f"{V7S}/helpers.h": [
        (r"\n#endif /\* V7S_HELPERS_H", "\nint io_pgtable_arm_v7s_init(void);\n\n#endif /* V7S_HELPERS_H"),
        (r"struct ftrace_regs;\n", ""),
    ],
    f"{V7S}/view.rs": [
        (r"`io_pgtable_arm_v7s_rust/sets/N/`", "`io_pgtable_arm_v7s/sets/N/`"),
        (r"debugfs-io_pgtable_arm_v7s_rust", "debugfs-io_pgtable_arm_v7s"),
    ],
    f"{V7S}/helpers.c": [(r",\s\*?\s?and the export of\n \* symbols\.", ".")],
    f"{V7S}/lines.rs": [(r", and whoever has a file open holds the module", "")],
    f"{V7S}/sets.rs": [
        (r"`io_pgtable_arm_v7s_rust/", "`io_pgtable_arm_v7s/"),
        (r" It goes with the one above it when the module.*?goes this\.", ""),
        (r"when the module is loaded, before", "at boot, before"),
        (r"when the module is loaded. `debugfs` is dropped.*?unloaded\.", "at boot. `debugfs` stays."),
    ],
    f"{V7S}/snapshot.rs": [
        (r"//! `v7s-free` in Documentation/iommu/litmus puts this.*?\n//!\n", "")
    ],
    f"{V7S}/tests.rs": [(r"of this module, which", "of this format, which")],
}

# What nobody uses before a later patch, which it comes with.
LATER = {
    f"{SLAB}/cache.rs": {"from_raw_cache": "06-static-cache", "as_raw_cache": "07-table"},
    f"{SLAB}/gfp.rs": {"refuse_zero": "05-slab-construct", "NOFAIL": "07-table"},
    f"{SLAB}/raw.rs": {"slab_bytes": "07-table"},
    f"{SLAB}/record.rs": {"slab_bytes": "07-table"},
    f"{SLAB}/request.rs": {
        "ctor": "05-slab-construct",
        "typesafe_by_rcu": "05-slab-construct",
        "sized": "07-table",
    },
    f"{V7S}/caches.rs": {"source": "13-kunit"},
}


def item_end(lines, start):
    """Number of the line after the item that begins at a line: what rustfmt puts at its end."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    for at in range(start, len(lines)):
        line = lines[at].rstrip()
        if line and len(line) - len(line.lstrip()) == indent and line[-1] in ";},":
            return at + 1
    sys.exit(f"series: no end of: {lines[start].strip()}")


def is_attached(line, indent):
    """Whether a line is part of the item that follows: a comment or an attribute."""
    text = line.lstrip()
    return len(line) - len(text) == indent and text.startswith(("//", "#[")) and "//!" not in text


def drop_item(lines, at):
    """Drops the item that has a line among its attributes, or begins there."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    start = at
    while start and is_attached(lines[start - 1], indent):
        start -= 1
    while is_attached(lines[at], indent):
        at += 1
    end = item_end(lines, at)
    del lines[start:end]
    # One blank line is enough where two met.
    while 0 < start < len(lines) and not lines[start].strip() and (
        not lines[start - 1].strip() or lines[start - 1].rstrip().endswith("{")
    ):
        del lines[start]


def without_module(text):
    """Rust without what is for modules only."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if lines[at].strip() == "#[cfg(MODULE)]":
            drop_item(lines, at)
            at = 0
        elif lines[at].strip() == "#[cfg(not(MODULE))]":
            del lines[at]
        else:
            at += 1
    return "\n".join(lines) + "\n"


def without_module_c(text):
    """C without what is for modules only."""
    out, depth = [], 0
    for line in text.splitlines():
        if depth:
            depth += line.startswith("#if") - line.startswith("#endif")
        elif line == "#ifdef MODULE":
            depth = 1
        else:
            out.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out).rstrip() + "\n")


def lines_of(file):
    """Lines of a file but for comments; none if there is no such file."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if not line.startswith("#")]


def is_there(module, folder, there):
    return f"{folder}/{module}.rs" in there


def without_absent(text, folder, there):
    """Rust without `mod` and `pub use` of modules whose files are not there."""
    lines = text.splitlines()
    absent = set()
    at = 0
    while at < len(lines):
        found = re.match(r"(?:pub )?mod (\w+);", lines[at])
        if found and not is_there(found[1], folder, there):
            absent.add(found[1])
            drop_item(lines, at)
            at = 0
        else:
            at += 1
    at = 0
    while at < len(lines):
        found = re.match(r" *(?:pub use crate::(?:slab::)?)?(\w+)::.*[{;,]( //)?$", lines[at])
        if found and found[1] in absent and not lines[at].lstrip().startswith("//"):
            drop_item(lines, at)
            at = 0
        else:
            at += 1
    text = "\n".join(lines) + "\n"
    # Each name that is described, as long as it is there.
    for name in re.findall(r"^//! - \[`(\w+)!?`\]", text, re.M):
        if not re.search(rf"\b{name}\b", re.sub(r"(?m)^//!.*", "", text)):
            text = re.sub(rf"^//! - \[`{name}!?`\].*\n(?://!   .*\n)*", "", text, flags=re.M)
    return text


def without_later(text, path, patch):
    """Rust without what comes with a later patch."""
    lines = text.splitlines()
    for name, since in LATER.get(path, {}).items():
        if patch < since:
            item = re.compile(rf" *pub(\(crate\))? (const )?(unsafe )?(fn )?{name}\b")
            drop_item(lines, next(at for at, line in enumerate(lines) if item.match(line)))
    return "\n".join(lines) + "\n"


def without_helpers(text):
    """Our own declarations of C functions are those of the kernel crate's bindings."""
    text = re.sub(
        r"(?:crate::)?\bhelpers::slab_rust_(\w+)",
        lambda found: f"crate::bindings::{HELPERS[found[1]]}",
        text,
    )
    text = re.sub(r"^use crate::helpers;\n", "", text, flags=re.M)
    text = re.sub(r"^    helpers,\n", "", text, flags=re.M)
    # The last of them has the mark that keeps one in a line.
    return re.sub(r",\n    helpers, //\n", ", //\n", text)


def without_compat(text):
    """Rust that needs one version of the kernel only."""
    text = re.sub(r"^use slab_rust::this_module;\n", "", text, flags=re.M)
    text = text.replace("$crate::this_module!()", "&crate::THIS_MODULE")
    text = re.sub(r"(?:crate::)?this_module!\(\)\.", "crate::THIS_MODULE.", text)
    text = re.sub(r"^    compat,\n", "", text, flags=re.M)
    # The first argument has parentheses of its own, but no comma.
    return re.sub(r"compat::initialize\(([^,]*), ([^;{]*)\)(?=[ }])", r"\2.__pinned_init(\1)", text)


def in_kernel_crate(text):
    """Rust of the crate slab_rust, as part of the crate kernel."""
    text = without_helpers(text)
    text = re.sub(r"(?<![\w:$])crate::(?!bindings|THIS_MODULE|static_cache!|user_window!)", "crate::slab::", text)
    text = text.replace("$crate::", "$crate::slab::")
    text = re.sub(r"(?<![\w:])kernel::", "crate::", text)
    text = re.sub(r"\bslab_rust::(?=static_cache!|user_window!)", "kernel::", text)
    text = re.sub(r"\bslab_rust::", "kernel::slab::", text)
    text = re.sub(
        r"^#\[(?:crate::prelude::)?kunit_tests",
        "#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]\n#[crate::prelude::kunit_tests",
        text,
        flags=re.M,
    )
    return text.replace("#[crate::prelude::kunit_tests", "#[macros::kunit_tests")


def in_driver(text):
    """Rust of the format, whose library is the kernel crate."""
    text = re.sub(r"\bslab_rust::", "kernel::slab::", text)
    return text.replace("(crate::takeover)", "")


class Series:
    def __init__(self, top, source, out, identity):
        self.top, self.source, self.out, self.identity = top, source, out, identity
        self.there = set()
        # Files that name others, and those in LATER: what was taken from ours, and what was written.
        self.growing, self.written = {}, {}
        self.maintainers = (source / "MAINTAINERS").read_text().split("\n\n")

    def words(self, path, text):
        for pattern, new in WORDS.get(path, []):
            changed, count = re.subn(pattern, lambda _, new=new: new, text, flags=re.S)
            if not count:
                sys.exit(f"series: {path} has nothing like {pattern}")
            text = changed
        return text.replace("@IDENTITY@", self.identity)

    def translate(self, text, path):
        if path.endswith((".c", ".h")):
            return without_module_c(text)
        if not path.endswith(".rs"):
            return text
        text = without_compat(without_module(text))
        return in_kernel_crate(text) if path.startswith("rust/") else in_driver(text)

    def entry(self, name, lines):
        """Adds lines to an entry of MAINTAINERS, which is made where it belongs."""
        lines = [line.replace(": ", ":\t", 1) for line in lines]
        for at, old in enumerate(self.maintainers):
            if old.splitlines()[0] == name:
                head = old.splitlines()
                files = sorted({line for line in head + lines if line.startswith("F:")})
                rest = [line for line in head if not line.startswith("F:")]
                self.maintainers[at] = "\n".join(rest + files)
                return
        # The list is not quite in order: behind the most similar of those that come before.
        titles = [entry.splitlines()[0] for entry in self.maintainers]
        before = [at for at, title in enumerate(titles) if title < name]
        at = 1 + max(before, key=lambda at: (len(os.path.commonprefix([titles[at], name])), at))
        self.maintainers.insert(at, "\n".join([name, f"M:\t{self.identity}", *lines]))

    def stage(self, folder):
        new = {}
        for line in lines_of(folder / "files"):
            ours, path = line.split()
            new[path] = self.words(path, self.translate((self.top / ours).read_text(), path))
        tree = folder / "tree"
        for file in sorted(tree.rglob("*")) if tree.exists() else []:
            if file.is_file():
                path = str(file.relative_to(tree)).removesuffix(".in")
                new[path] = file.read_text().replace("@IDENTITY@", self.identity)
        self.there |= new.keys()
        for path, text in new.items():
            if path in LATER or re.search(r"^(pub )?mod \w+;$", text, re.M):
                self.growing[path] = text
        for path, text in self.growing.items():
            folder_of = path.removesuffix(".rs")
            if path == f"{V7S}/io_pgtable_arm_v7s.rs":
                folder_of = V7S
            text = without_absent(without_later(text, path, folder.name), folder_of, self.there)
            if self.written.get(path) != text:
                new[path] = self.written[path] = text
            else:
                new.pop(path, None)
        if (folder / "maintainers").exists():
            name, *lines = lines_of(folder / "maintainers")
            self.entry(name, lines)
            new["MAINTAINERS"] = "\n\n".join(self.maintainers)
        return new

    def write(self):
        config = str(self.source / ".rustfmt.toml")
        for folder in sorted((self.top / "scripts/series/patches").iterdir()):
            if not folder.is_dir():
                continue
            base = self.out / folder.name
            base.mkdir(parents=True)
            for path, text in self.stage(folder).items():
                if path.endswith(".rs"):
                    # Other paths may sort otherwise.
                    text = subprocess.run(
                        ["rustfmt", "--edition", "2021", "--config-path", config],
                        input=text,
                        capture_output=True,
                        text=True,
                        check=True,
                    ).stdout
                (base / path).parent.mkdir(parents=True, exist_ok=True)
                (base / path).write_text(text)


if __name__ == "__main__":
    Series(*(Path(arg) for arg in sys.argv[1:4]), sys.argv[4]).write()
