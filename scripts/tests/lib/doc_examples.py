# SPDX-License-Identifier: GPL-2.0
"""Writes a module that runs the examples in the documentation of crate slab_rust.

    doc_examples.py FILE... >examples.rs

The kernel makes KUnit tests of such examples in its own crate. Here each becomes a function of one
module, in which `kernel` is slab_rust, and whose log has a line "ok FILE:LINE" for each.
"""

import argparse
import re
from pathlib import Path

HEAD = """// SPDX-License-Identifier: GPL-2.0
//! Examples.
#![allow(dead_code, missing_docs, unused, clippy::all)]
use kernel::prelude::*;

module! {
    type: Examples,
    name: "examples",
    authors: ["v7s-rs developers"],
    description: "Examples in the documentation",
    license: "GPL",
}

// A panic would be one of the kernel.
macro_rules! assert {
    ($true:expr) => {
        if !$true {
            pr_err!("{}\\n", stringify!($true));
            return Err(EINVAL);
        }
    };
}
macro_rules! assert_eq {
    ($left:expr, $right:expr) => {
        assert!($left == $right)
    };
}

struct Examples;

impl kernel::Module for Examples {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for (place, example) in ALL {
            match example() {
                Ok(()) => pr_info!("ok {place}\\n"),
                Err(error) => pr_err!("not ok {place}: {error:?}\\n"),
            }
        }
        Ok(Self)
    }
}
"""


def examples(path):
    """Yields the line and the text of each example of a file."""
    text, start = None, 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r" *//[/!] ?(.*)$", line)
        doc = found[1] if found else None
        if text is None:
            if doc == "```":
                text, start = [], number
        elif doc is None:
            raise SystemExit(f"{path}:{start}: no end of the example")
        elif doc == "```":
            yield start, "\n".join(text)
            text = None
        else:
            text.append(re.sub(r"^# ?", "", doc) if doc.startswith("# ") or doc == "#" else doc)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    print(HEAD)
    names = []
    for path in parser.parse_args().files:
        for line, text in examples(path):
            names.append((f"{path}:{line}", f"example{len(names)}"))
            text = re.sub(r"\bkernel::", "slab_rust::", text)
            print(f"fn {names[-1][1]}() -> Result {{\n{text}\n}}\n")
    print(f"const ALL: [(&str, fn() -> Result); {len(names)}] = [")
    for place, name in names:
        print(f'    ("{place}", {name}),')
    print("];")


if __name__ == "__main__":
    main()
