# SPDX-License-Identifier: GPL-2.0
"""Completes the rust-project.json that the kernel's make writes for a module.

    rust_project.py FILE MODULE ROOT COMMAND...

The kernel's generator knows the crates of the kernel and the sources in MODULE, and names paths as
they are in the build root, ROOT. This adds the crates whose commands Kbuild saved in the files
COMMAND as dependencies of those in MODULE, and names paths as they are outside.
"""

import json
import os
import re
import sys


def outside(value, root):
    """Renames all paths of the build root in a JSON value."""
    if isinstance(value, dict):
        return {name: outside(entry, root) for name, entry in value.items()}
    if isinstance(value, list):
        return [outside(entry, root) for entry in value]
    if isinstance(value, str) and (value + "/").startswith("/usr/"):
        return root + os.path.realpath(value)
    return value


class OwnCrate:
    """A crate of ours, as the saved command compiled it."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            command = file.readline().split(" := ", 1)[1].split(";")[0]
        self.name = re.search(r"--crate-name (\S+)", command)[1]
        self.cfg = re.findall(r"--cfg[ =](\S+)", command)
        self.externs = re.findall(r"--extern (\w+)", command)
        self.root = re.findall(r"\S+\.rs\b", command)[-1]


def in_order(crates):
    """Yields crates after those that they use."""
    left = {crate.name: crate for crate in crates}
    while left:
        for crate in list(left.values()):
            if not (set(crate.externs) & set(left)) - {crate.name}:
                yield left.pop(crate.name)


class Project:
    """The content of rust-project.json."""

    def __init__(self, crates, module, folder):
        self.crates = crates
        self.module = module
        self.numbers = {crate["display_name"]: n for n, crate in enumerate(crates)}
        # Of the crates, only the module's are checked, and only their paths may be relative to the
        # folder of the file.
        for crate in crates:
            crate["root_module"] = os.path.normpath(os.path.join(folder, crate["root_module"]))
            crate["is_workspace_member"] = self.is_mine(crate["root_module"])

    def is_mine(self, path):
        return os.path.commonpath([path, self.module]) == self.module

    def depend(self, names):
        """Returns the dependencies of these names, as far as there are such crates."""
        found = [name for name in names if name in self.numbers]
        return [{"crate": self.numbers[name], "name": name} for name in found]

    def add(self, own):
        """Adds a crate of ours, or completes it where the generator took it for a module's."""
        usual = ["core", "macros", "ffi"]
        crate = {
            "display_name": own.name,
            "root_module": own.root,
            "is_workspace_member": self.is_mine(own.root),
            "deps": self.depend(usual + own.externs),
            "cfg": self.crates[self.numbers["kernel"]]["cfg"] + own.cfg,
            "edition": "2021",
            "env": self.crates[self.numbers["core"]]["env"],
        }
        roots = [crate["root_module"] for crate in self.crates]
        if own.root in roots:
            self.numbers[own.name] = roots.index(own.root)
            self.crates[self.numbers[own.name]] = crate
        else:
            self.numbers[own.name] = len(self.crates)
            self.crates.append(crate)

    def use(self, owns):
        """Lets the module's crates use ours, and ask for the kernel's version as these do."""
        version = sorted({cfg for own in owns for cfg in own.cfg if cfg.startswith("linux_")})
        roots = [own.root for own in owns]
        for crate in self.crates:
            if crate["is_workspace_member"] and crate["root_module"] not in roots:
                crate["deps"] = crate["deps"] + self.depend(own.name for own in owns)
                crate["cfg"] = crate["cfg"] + version


def main():
    file, module, root, *commands = sys.argv[1:]
    with open(file, encoding="utf-8") as stream:
        content = json.load(stream)
    project = Project(content["crates"], module, os.path.dirname(file))
    owns = list(in_order(OwnCrate(path) for path in commands))
    for own in owns:
        project.add(own)
    project.use(owns)
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(outside(content, root), stream, sort_keys=True, indent=4)
        stream.write("\n")


if __name__ == "__main__":
    main()
