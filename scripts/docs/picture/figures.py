# SPDX-License-Identifier: GPL-2.0
"""Draws the diagrams of the documentation.

The bits of entries come from the driver's format/entry.rs. A label that is wider than its box is
an error.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import svg

# The bits of an entry: highest, lowest and name of each field.
Fields = list[tuple[int, int, str]]

HEIGHT = 17
# Widths of a character of 12 pixels, as the widest fonts of the style sheet have it on average, and
# of 11 pixels where all have one width.
WIDE, MONO = 7.4, 6.7


class Figure(svg.Picture):
    """A picture of boxes and arrows."""

    extra_style = (
        (
            ("ours", "#cfe3f7", "#1d4468"),
            ("theirs", "#e9edf1", "#2d343d"),
            ("free", "#ffffff", "#14181d"),
            ("p4Kbox", "#f8e0c8", "#5c3a16"),
            ("p64Kbox", "#cdeade", "#14503f"),
            ("p1Mbox", "#cfe3f7", "#1d4468"),
            ("p16Mbox", "#eed6e8", "#552849"),
            ("way", "#0b67b2", "#62adf0"),
            ("other", "#59636e", "#9aa4af"),
        ),
        (("edge", "faint"), ("arrow-way", "way"), ("arrow-other", "other")),
        (
            ".edge { stroke-width: 1 }",
            ".arrow-way, .arrow-other { stroke-width: 1.8 }",
            ".dashed { stroke-dasharray: 5 4 }",
            ".small { font-size: 11px }",
        ),
    )

    def words(
        self,
        x: float,
        y: float,
        lines: list[str],
        kind: str = "text middle",
        room: float | None = None,
    ) -> None:
        """Lines of text below one another; fails if one is wider than room."""
        for number, line in enumerate(lines):
            if room is not None:
                need = len(line) * (MONO if "mono" in kind or "small" in kind else WIDE)
                assert need <= room, f"'{line}' needs {need:.0f}, but has {room:.0f}"
            self.text(x, y + number * HEIGHT, line, kind)

    def box(
        self,
        kind: str,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: list[str],
        heads: int = 1,
    ) -> None:
        """A box with lines of text in its middle; the first ``heads`` stand out."""
        self.path(kind, f"M{x} {y}h{width}v{height}h{-width}z")
        self.path("edge", f"M{x} {y}h{width}v{height}h{-width}z")
        top = y + (height - HEIGHT * len(lines)) / 2 + 13
        self.words(x + width / 2, top, lines[:heads], "text middle", width - 8)
        rest = top + heads * HEIGHT
        self.words(x + width / 2, rest, lines[heads:], "faint middle small", width - 8)

    def arrow(self, kind: str, *points: tuple[float, float], dashed: bool = False) -> None:
        """A line through points, with a head at its end."""
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        neck = (x1 - 7 * dx, y1 - 7 * dy)
        line = "L".join(f"{svg.num(x)} {svg.num(y)}" for x, y in (*points[:-1], neck))
        self.path(f"arrow-{kind}{' dashed' if dashed else ''}", f"M{line}")
        corners = (
            (x1, y1),
            (x1 - 10 * dx - 5 * dy, y1 - 10 * dy + 5 * dx),
            (x1 - 10 * dx + 5 * dy, y1 - 10 * dy - 5 * dx),
        )
        self.path(kind, "M" + "L".join(f"{svg.num(x)} {svg.num(y)}" for x, y in corners) + "z")


def layers(file: TextIO, _tree: Path) -> None:
    """Who calls whom."""
    picture = Figure(880)
    picture.box("theirs", 20, 20, 250, 56, ["drivers of IOMMUs, unmodified", "mtk_iommu, msm_iommu"])
    picture.box("theirs", 290, 20, 250, 56, ["a driver in Rust", "IoPageTable<ArmV7s>"])
    picture.box("theirs", 600, 20, 260, 56, ["a driver that asks by name", "in Rust or C"])

    picture.box("theirs", 20, 126, 520, 56, [
        "the kernel's io-pgtable core", "alloc_io_pgtable_ops(ARM_V7S, ...), free_io_pgtable_ops()"])
    picture.arrow("other", (145, 76), (145, 126))
    picture.arrow("other", (415, 76), (415, 126))

    picture.box("theirs", 20, 252, 200, 76, [
        "the kernel's C", "io-pgtable-arm-v7s.c"])
    picture.box("ours", 290, 252, 570, 76, [
        "io_pgtable_arm_v7s_rust.ko", "struct io_pgtable_ops over typed tables: map, unmap,",
        "translate, walk; live table sets in debugfs"])
    picture.arrow("other", (120, 182), (120, 252))
    picture.words(130, 214, ["while the module", "is not loaded"], "faint small", 150)
    picture.arrow("way", (415, 182), (415, 252))
    picture.words(425, 214, ["while it is loaded:", "redirected by ftrace"], "faint small", 170)
    picture.arrow("way", (730, 76), (730, 252))
    picture.words(720, 126, ["alloc_io_pgtable_", "arm_v7s_rust_ops()"], "faint end small", 150)

    picture.box("ours", 290, 398, 570, 76, [
        "slab_rust.ko", "KmemCache, for any module in Rust; cache_dma32 in sysfs;",
        "memory for page tables: slab cache or pool"])
    picture.arrow("way", (470, 328), (470, 398))
    picture.words(460, 358, ["first-level tables:", "up to 64 KiB"], "faint end small", 170)
    picture.arrow("way", (680, 328), (680, 398))
    picture.words(690, 358, ["second-level tables: 1 KiB,", "below 4 GiB, by their type"],
                  "faint small", 200)

    picture.box("theirs", 290, 530, 570, 44, [
        "the kernel's memory: SLUB, page allocator, zone DMA32"])
    picture.arrow("other", (575, 474), (575, 530))
    picture.arrow("other", (120, 328), (120, 552), (290, 552))
    picture.words(130, 440, ["a slab cache", "for each table set"], "faint small", 150)

    picture.path("ours", "M20 596h16v14h-16z")
    picture.path("edge", "M20 596h16v14h-16z")
    picture.text(44, 608, "this project")
    picture.path("theirs", "M180 596h16v14h-16z")
    picture.path("edge", "M180 596h16v14h-16z")
    picture.text(204, 608, "the kernel, unmodified")
    picture.save(file, 630, "Drivers, page tables, and where their memory comes from")


def takeover_calls(picture: Figure, x: int, title: str, hooked: bool) -> None:
    """Where calls go before, during or after the takeover."""
    picture.text(x + 130, 34, title, "text head middle")
    picture.box("theirs", x, 52, 260, 34, ["the driver"])
    picture.arrow("other", (x + 63, 86), (x + 63, 116))
    picture.arrow("other", (x + 197, 86), (x + 197, 116))
    picture.box("theirs", x, 116, 128, 44, ["alloc_io_pgtable", "_ops(ARM_V7S)"], 2)
    picture.box("theirs", x + 132, 116, 128, 44, ["free_io_pgtable", "_ops()"], 2)
    if not hooked:
        picture.box("theirs", x, 310, 260, 44, ["C", "io-pgtable-arm-v7s.c"])
        picture.arrow("other", (x + 63, 160), (x + 63, 310))
        picture.arrow("other", (x + 197, 160), (x + 197, 310))
        return
    picture.box("ours", x, 182, 128, 60, ["hook", "takeover=1, and", "the module stays?"])
    picture.box("ours", x + 132, 182, 128, 60, ["hook", "are these", "operations ours?"])
    picture.arrow("other", (x + 63, 160), (x + 63, 182))
    picture.arrow("other", (x + 197, 160), (x + 197, 182))
    picture.box("theirs", x, 310, 110, 44, ["C", "arm_v7s"])
    picture.box("ours", x + 150, 310, 110, 44, ["Rust", "arm_v7s_rust"])
    picture.arrow("other", (x + 30, 242), (x + 30, 310))
    picture.text(x + 24, 280, "no", "faint end small")
    picture.arrow("way", (x + 92, 242), (x + 170, 310))
    picture.text(x + 166, 290, "yes", "faint small")
    picture.arrow("way", (x + 232, 242), (x + 232, 310))
    picture.text(x + 238, 280, "yes", "faint small")
    picture.arrow("other", (x + 168, 242), (x + 90, 310))
    picture.text(x + 94, 290, "no", "faint end small")


def takeover(file: TextIO, _tree: Path) -> None:
    """Who serves before, under and after the module, and how long table sets live."""
    picture = Figure(880)
    takeover_calls(picture, 20, "before it is loaded", False)
    takeover_calls(picture, 310, "while it is loaded", True)
    takeover_calls(picture, 600, "after it has gone", False)
    for x in (295, 585):
        picture.path("edge dashed", f"M{x} 20V536")
    picture.text(295, 552, "modprobe", "faint middle mono")
    picture.text(585, 552, "rmmod", "faint middle mono")

    def bar(kind: str, y: int, begin: int, end: int, words: str) -> None:
        picture.box(kind, begin, y, end - begin, 30, [words])

    picture.text(20, 398, "Table sets, and who frees them", "text head")
    bar("theirs", 414, 130, 740, "a set of C from before: C frees it, whenever that is")
    bar("ours", 456, 325, 570, "sets of Rust: Rust frees them")
    picture.words(599, 467, ["each holds the module: no rmmod", "until the last of them is freed"],
                  "faint small", 280)
    bar("theirs", 500, 630, 860, "sets of C again")
    picture.save(file, 568, "The same driver before, under and after the takeover")


def split_address(picture: Figure, x: int, y: int) -> None:
    """The parts of an input address."""
    for at, width, bits, name in (
        (0, 180, "31:20", "which MiB"), (180, 130, "19:12", "which 4 KiB"),
        (310, 140, "11:0", "which byte"),
    ):
        picture.box("theirs", x + at, y, width, 40, [f"iova[{bits}]", name])


def entries_column(
    picture: Figure, x: int, y: int, rows: tuple[tuple[str, str], ...], width: int
) -> list[int]:
    """A table, entry by entry: a name and a class each. Returns the middle of each row."""
    middles = []
    for words, kind in rows:
        picture.box(kind, x, y, width, 26, [words])
        middles.append(y + 13)
        y += 26
    return middles


def walk(file: TextIO, _tree: Path) -> None:
    """From a base register to pages."""
    picture = Figure(800)
    split_address(picture, 160, 20)
    picture.box("theirs", 16, 122, 110, 40, ["base register", "TTBR"])
    picture.text(160, 104, "first-level table", "text head")
    picture.text(160, 120, "4,096 entries, 16 KiB", "faint small")
    first = entries_column(picture, 160, 128, (
        ("0: nothing", "free"), ("table", "ours"), ("...", "free"), ("section", "p1Mbox"),
        ("...", "free"), ("supersection", "p16Mbox"), ("the same", "p16Mbox"),
        ("... sixteen of them", "p16Mbox"), ("...", "free"),
    ), 150)
    picture.arrow("other", (126, 142), (160, 142))
    picture.text(400, 104, "second-level table", "text head")
    picture.text(400, 120, "256 entries, 1 KiB", "faint small")
    second = entries_column(picture, 400, 128, (
        ("0: nothing", "free"), ("small page", "p4Kbox"), ("...", "free"),
        ("large page", "p64Kbox"), ("the same", "p64Kbox"), ("... sixteen of them", "p64Kbox"),
        ("...", "free"),
    ), 150)
    picture.arrow("way", (310, first[1]), (350, first[1]), (350, 141), (400, 141))
    picture.arrow("other", (250, 60), (250, 88), dashed=True)
    picture.arrow("other", (405, 60), (460, 88), dashed=True)
    for size, kind, y, entry, column in (
        ("4 KiB", "p4Kbox", 146, second[1], 550), ("64 KiB", "p64Kbox", 198, second[3], 550),
        ("1 MiB", "p1Mbox", 328, first[3], 310), ("16 MiB", "p16Mbox", 388, first[5], 310),
    ):
        picture.box(kind, 660, y, 120, 42, [size, "of memory"])
        middle = y + 21
        if column == 310:
            turn = 376 if size == "1 MiB" else 340
            picture.arrow("other", (column, entry), (turn, entry), (turn, middle), (660, middle))
        else:
            picture.arrow("other", (column, entry), (610, entry), (610, middle), (660, middle))
    picture.save(file, 450, "How a walker translates an input address")


FIELDS = re.compile(r"pub\(crate\) struct (\w+)\(u32\) \{\n(.*?)\n    \}", re.DOTALL)
FIELD = re.compile(r"(\d+):(\d+) (\w+);")
CONSTANT = re.compile(r"const (\w+): u32 = 0b([01]+);")

BIT = 23
LABEL = 118

# What fields are called in the manual; those that only walkers with ARM_MTK_EXT have.
NAMES = {
    "ap0": "AP0", "ap1": "AP1", "ap2": "AP2", "tex": "TEX", "ng": "nG", "s": "S", "ns": "NS",
    "xn": "XN", "c": "C", "b": "B",
}
WIDER = {"pa32": "A32", "pa33": "A33", "pa34": "A34"}


def layouts(tree: Path) -> tuple[tuple[str, tuple[tuple[str, Fields], ...]], ...]:
    """The rows of the picture: the name and the fields of each layout."""
    (source,) = tree.glob("drivers/iommu/**/entry.rs")
    text = source.read_text(encoding="utf-8")
    structs = {
        name: [(int(high), int(low), field) for high, low, field in FIELD.findall(body)]
        for name, body in FIELDS.findall(text)
    }
    value = dict(CONSTANT.findall(text))

    def row(
        struct: str, fixed: dict[str, str], left_out: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, int, str]]:
        for high, low, name in structs[struct]:
            if name in left_out:
                continue
            if name in fixed:
                yield high, low, fixed[name]
            elif "base" in name:
                yield high, low, f"address[{high}:{low}]"
            else:
                yield high, low, WIDER.get(name) or NAMES[name]

    return (
        ("first level", (
            ("table", list(row("Table", {"kind": value["TABLE"]}))),
            ("section", list(row(
                "SectionEntry", {"kind": value["SECTION"], "supersection": "0"},
                ("supersection_base",)))),
            ("supersection", list(row(
                "SectionEntry", {"kind": value["SECTION"], "supersection": "1"}, ("base",)))),
        )),
        ("second level", (
            ("large page", list(row("LargeEntry", {"kind": value["LARGE"]}))),
            ("small page", list(row("SmallEntry", {"small": "1"}))),
        )),
    )


def entry_row(picture: Figure, y: int, name: str, fields: Fields) -> None:
    """One layout."""
    picture.words(LABEL - 10, y + 23, [name], "text end", LABEL - 20)
    left = LABEL
    picture.path("theirs", f"M{left} {y}h{32 * BIT}v36h{-32 * BIT}z")
    shared: dict[tuple[int, int], list[str]] = {}
    for high, low, field in fields:
        shared.setdefault((high, low), []).append(field)
    for (high, low), names in shared.items():
        x, width = left + (31 - high) * BIT, (high - low + 1) * BIT
        plain = [n for n in names if n not in WIDER.values()]
        wider = [n for n in names if n in WIDER.values()]
        fixed = bool(plain) and set(plain[0]) <= {"0", "1"}
        kind = "free" if fixed else "ours" if plain else "theirs"
        picture.path(kind, f"M{x} {y}h{width}v36h{-width}z")
        picture.path("edge", f"M{x} {y}h{width}v36h{-width}z")
        if fixed:
            for number, bit in enumerate(plain[0]):
                picture.text(x + number * BIT + BIT / 2, y + 23, bit, "text middle mono")
            continue
        assert len(plain) <= 1 and len(wider) <= 1, f"{name}: bit {low} has names {names}"
        if plain:
            at = y + (16 if wider else 23)
            picture.words(x + width / 2, at, plain, "text middle mono", width)
        if wider:
            at = y + (30 if plain else 23)
            picture.words(x + width / 2, at, wider, "p16M middle mono", width)


def entries(file: TextIO, tree: Path) -> None:
    """The bits of entries."""
    picture = Figure(LABEL + 32 * BIT + 20)
    y = 20
    for level, rows in layouts(tree):
        picture.text(LABEL - 10, y + 14, level, "text head end")
        for bit in range(32):
            x = LABEL + (31 - bit) * BIT + BIT / 2
            picture.text(x, y + 14, str(bit), "faint middle mono")
        y += 22
        for name, fields in rows:
            entry_row(picture, y, name, fields)
            y += 42
        y += 16
    x = LABEL
    for kind, words, width in (
        ("ours", "what is mapped, and how", 204), ("free", "which kind of entry", 172),
        ("theirs", "zero", 70),
    ):
        picture.path(kind, f"M{x} {y}h16v14h-16z")
        picture.path("edge", f"M{x} {y}h16v14h-16z")
        picture.words(x + 24, y + 12, [words], "text", width)
        x += width
    picture.words(x, y + 12, ["A32"], "p16M mono")
    picture.words(x + 30, y + 12, ["address[32], with ARM_MTK_EXT"], "text", 280)
    picture.save(file, y + 34, "The bits of entries")


def pool(file: TextIO, _tree: Path) -> None:
    """Pages that are cut into tables."""
    picture = Figure(850)
    slot, gap = 46, 48
    page = 4 * slot
    first, second, third = (146 + number * (page + gap) for number in range(3))

    def draw_page(x: int, y: int, tables: str, words: str) -> None:
        for number, table in enumerate(tables):
            used = table == "u"
            picture.box("ours" if used else "free", x + number * slot, y, slot, 38,
                        ["used" if used else "free"])
        picture.text(x + page / 2, y + 56, words, "faint middle small")

    picture.text(20, 40, "pages with free tables, the fullest first", "text head")
    picture.box("theirs", 20, 64, 84, 38, ["the pool"])
    draw_page(first, 64, "uufu", "3 of 4 in use")
    draw_page(second, 64, "ufuf", "2 of 4 in use")
    draw_page(third, 64, "ffff", "spare")
    for begin, end in ((104, first), (first + page, second), (second + page, third)):
        picture.arrow("way", (begin, 83), (end, 83))
    picture.words(20, 220, ["full pages,", "on no list"], "text head")
    draw_page(first, 206, "uuuu", "4 of 4 in use")
    picture.box("theirs", third, 206, page, 38, ["the page allocator"])

    picture.arrow("other", (first + 20, 206), (first + 20, 128), dashed=True)
    picture.words(first + 30, 158, ["a table is freed:", "to the front"], "faint small", 140)
    picture.arrow("other", (first + page - 20, 128), (first + page - 20, 206), dashed=True)
    picture.words(first + page - 10, 158, ["the last free one", "is taken"], "faint small", 140)
    picture.arrow("other", (second + 1.5 * slot, 64), (second + 1.5 * slot, 34),
                  (third + page + 22, 34), (third + page + 22, 83), (third + page, 83), dashed=True)
    picture.words(second + page + 28, 26, ["another table is freed: to the end"],
                  "faint middle small", 260)
    picture.arrow("other", (third + 20, 128), (third + 20, 206), dashed=True)
    picture.words(third + 10, 158, ["empty, but for one", "that may be kept"], "faint end small", 140)
    picture.arrow("other", (third + page - 20, 206), (third + page - 20, 128), dashed=True)
    picture.words(third + page - 30, 158, ["none is free: a page,", "or two, from 20 on"],
                  "faint end small", 160)
    picture.save(file, 284, "How a pool keeps its pages")


def soft_m4u(file: TextIO, _tree: Path) -> None:
    """What plays the hardware for the driver."""
    picture = Figure(860)
    picture.box("ours", 30, 20, 800, 56, [
        "soft_m4u_client.ko",
        "a driver with a device: dma_alloc_coherent(), dma_map_single(), dma_map_sgtable()"])
    picture.box("theirs", 30, 136, 240, 44, ["iommu-dma"])
    picture.arrow("other", (150, 76), (150, 136))
    picture.text(160, 110, "DMA API", "faint small")
    picture.box("theirs", 30, 226, 240, 56, ["mtk_iommu.ko", "Debian's own"])
    picture.arrow("other", (150, 180), (150, 226))
    picture.box("theirs", 340, 226, 180, 56, ["registers", "memory, mapped by both"])
    picture.arrow("other", (270, 254), (340, 254))
    picture.box("ours", 590, 136, 240, 146, [
        "soft_m4u.ko", "walks the tables,", "moves the data,", "acknowledges invalidations,",
        "raises the interrupt of a fault"])
    picture.arrow("other", (590, 254), (520, 254))
    picture.arrow("way", (710, 76), (710, 136))
    picture.words(700, 98, ["copy from this iova", "to that one"], "faint end small", 180)
    picture.box("ours", 30, 342, 240, 56, ["page tables", "of Rust, or of C"])
    picture.arrow("other", (150, 282), (150, 342))
    picture.text(160, 316, "io-pgtable", "faint small")
    picture.box("theirs", 590, 342, 240, 56, ["memory", "above and below 4 GiB"])
    picture.arrow("way", (650, 282), (650, 312), (230, 312), (230, 342))
    picture.text(440, 304, "translations", "faint middle small")
    picture.arrow("way", (770, 282), (770, 342))
    picture.text(760, 316, "data", "faint end small")
    picture.save(file, 420, "A soft M4U, and who uses it")


def mmu_walk(file: TextIO, _tree: Path) -> None:
    """How a CPU comes to walk tables of ours."""
    picture = Figure(860)
    picture.text(20, 34, "guests", "text head")
    picture.text(540, 34, "host", "text head")
    picture.box("theirs", 20, 50, 300, 100, [""])
    picture.words(170, 72, ["arm64, Debian's kernel"], "faint middle small", 290)
    picture.box("ours", 40, 84, 260, 52, [
        "v7s_dump.ko", "makes table sets, in Rust and in C"])
    picture.box("theirs", 20, 190, 300, 166, [""])
    picture.words(170, 212, ["Cortex-A15, 4 GiB of memory"], "faint middle small", 290)
    picture.box("ours", 40, 224, 260, 52, ["tables", "at the addresses where they were"])
    picture.box("ours", 40, 290, 260, 52, ["walk.S", "asks the MMU"])
    picture.box("ours", 540, 84, 280, 52, ["dump.py", "checks that a dump makes sense"])
    picture.box("ours", 540, 224, 280, 52, ["image.py", "puts tables and questions in place"])
    picture.box("ours", 540, 290, 280, 52, ["compare.py", "answers against the list"])
    picture.arrow("way", (300, 110), (540, 110))
    picture.words(430, 84, ["what was asked for,", "registers, tables"], "faint middle small", 200)
    picture.arrow("way", (680, 136), (680, 224))
    picture.arrow("way", (540, 250), (300, 250))
    picture.text(430, 242, "tables, questions", "faint middle small")
    picture.arrow("way", (300, 316), (540, 316))
    picture.text(430, 308, "answers", "faint middle small")
    picture.arrow("way", (820, 110), (846, 110), (846, 316), (820, 316))
    picture.words(836, 174, ["the list", "of mappings"], "faint end small", 130)
    picture.save(file, 376, "Tables of ours, walked by a CPU")


PICTURES = {
    "layers": layers,
    "takeover": takeover,
    "walk": walk,
    "entries": entries,
    "soft_m4u": soft_m4u,
    "mmu_walk": mmu_walk,
    "pool": pool,
}


def draw(name: str, tree: Path, path: Path) -> None:
    """Draws one of them into a file."""
    with path.open("w", encoding="utf-8") as file:
        PICTURES[name](file, tree)


def main() -> None:
    """Draws the one that is named."""
    parser = argparse.ArgumentParser(description="draw a diagram of the documentation")
    parser.add_argument("tree", type=Path, help="the folder of the sources")
    parser.add_argument("name", choices=PICTURES)
    parser.add_argument("svg", type=Path, help="the file to write")
    args = parser.parse_args()
    draw(args.name, args.tree, args.svg)


if __name__ == "__main__":
    main()
