// SPDX-License-Identifier: GPL-2.0

//! The answer of C to an operation, predicted from its tables.
//!
//! C reports bad input with a WARN, which takes long, and accepts some input that Rust refuses on
//! purpose (Documentation/iommu/differences.rst). So C is mostly called with the pages that
//! succeed; a few times with all of them, to check the prediction.

use kernel::{
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use crate::{
    operation::{
        Answer,
        Operation,
        What, //
    },
    setup::Setup,
    walk::{
        is_large,
        is_supersection,
        is_table,
        l1_index,
        l2_index,
        Walk, //
    }, //
};

/// The reports of C that operations can provoke, in the order of its source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// `arm_v7s_init_pte`: something is mapped there.
    Mapped,
    /// `__arm_v7s_map`: a section is mapped where a table is wanted.
    SectionMapped,
    /// `arm_v7s_map_pages`: an address is out of range.
    MapRange,
    /// `__arm_v7s_unmap`: nothing is mapped there.
    NotMapped,
    /// `__arm_v7s_unmap`, once: part of a large page or a supersection.
    PartOfSixteen,
    /// `__arm_v7s_unmap`, once: part of a section.
    PartOfSection,
    /// `arm_v7s_unmap_pages`: the address is out of range.
    UnmapRange,
}

impl Report {
    pub(crate) const ALL: [Self; 7] = [
        Self::Mapped,
        Self::SectionMapped,
        Self::MapRange,
        Self::NotMapped,
        Self::PartOfSixteen,
        Self::PartOfSection,
        Self::UnmapRange,
    ];

    /// Returns true for a WARN_ONCE.
    pub(crate) fn is_once(self) -> bool {
        matches!(self, Self::PartOfSixteen | Self::PartOfSection)
    }

    /// Returns the C function that reports it.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Mapped => "arm_v7s_init_pte",
            Self::SectionMapped => "__arm_v7s_map",
            Self::MapRange => "arm_v7s_map_pages",
            Self::NotMapped | Self::PartOfSixteen | Self::PartOfSection => "__arm_v7s_unmap",
            Self::UnmapRange => "arm_v7s_unmap_pages",
        }
    }
}

/// The end of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The operation succeeds.
    Done,
    /// Both refuse it, C with this report, if any.
    Refused(Option<Report>),
    /// Rust refuses it on purpose, C does not.
    Deliberate,
}

/// The predicted result of an operation.
pub(crate) struct Prediction {
    /// Number of pages that succeed.
    pub(crate) pages: usize,
    pub(crate) end: End,
    /// The result of both, or of Rust alone if they differ on purpose.
    pub(crate) answer: Answer,
}

/// The predicted result of a page.
enum Page {
    Fine,
    Refused(Report),
    Deliberate,
}

impl Prediction {
    pub(crate) fn new(c: Walk, setup: &Setup, op: &Operation) -> Self {
        let (pages, end, error) = match op.what {
            What::Map { paddr, prot } => map(c, setup, op, paddr, prot),
            What::Unmap { .. } => unmap(c, setup, op),
            What::Translate => (0, End::Done, None),
        };
        let is_map = matches!(op.what, What::Map { .. });
        Self {
            pages,
            end,
            answer: Answer {
                errno: error.filter(|_| is_map).map_or(0, Error::to_errno),
                bytes: pages * op.size,
            },
        }
    }
}

/// The checks that both operations share: Rust checks the request as a whole.
fn is_sound(setup: &Setup, op: &Operation, low_bits: u64) -> bool {
    op.size.is_power_of_two()
        && op.size & setup.sizes() != 0
        && low_bits & (op.size as u64 - 1) == 0
}

/// Returns true if all pages lie in a space.
fn is_inside(op: &Operation, start: u64, space: u64) -> bool {
    let bytes = (op.size as u64).checked_mul(op.count as u64);
    bytes.is_some_and(|bytes| start <= space && bytes <= space - start)
}

/// Returns the number of pages that succeed, and the end, from the prediction for each page.
fn pages(op: &Operation, page: impl Fn(usize) -> Page) -> (usize, End) {
    for done in 0..op.count {
        match page(op.iova + done * op.size) {
            Page::Fine => {}
            Page::Refused(report) => return (done, End::Refused(Some(report))),
            Page::Deliberate => return (done, End::Deliberate),
        }
    }
    (op.count, End::Done)
}

fn map(
    c: Walk,
    setup: &Setup,
    op: &Operation,
    paddr: u64,
    prot: u32,
) -> (usize, End, Option<Error>) {
    if op.iova >= setup.space() || paddr >= setup.memory() {
        return (0, End::Refused(Some(Report::MapRange)), Some(ERANGE));
    }
    if prot & (prot::READ | prot::WRITE) == 0 || op.count == 0 {
        return (0, End::Refused(None), Some(EINVAL));
    }
    if !is_sound(setup, op, op.iova as u64 | paddr) {
        return (0, End::Deliberate, Some(EINVAL));
    }
    let space = setup.space() as u64;
    if !is_inside(op, op.iova as u64, space) || !is_inside(op, paddr, setup.memory()) {
        return (0, End::Deliberate, Some(ERANGE));
    }
    let (done, end) = pages(op, |iova| {
        if op.size < SZ_1M {
            map_in_table(c, iova, op.size)
        } else {
            map_in_l1(c, iova, op.size)
        }
    });
    (done, end, (end != End::Done).then_some(EEXIST))
}

/// Predicts the mapping of a page that a second-level table holds.
fn map_in_table(c: Walk, iova: usize, size: usize) -> Page {
    let l1 = c.l1(l1_index(iova));
    let entries = l2_index(iova)..l2_index(iova) + size / SZ_4K;
    if l1 == 0 {
        Page::Fine
    } else if !is_table(l1) {
        Page::Refused(Report::SectionMapped)
    } else if entries.into_iter().any(|index| c.l2(l1, index) != 0) {
        Page::Refused(Report::Mapped)
    } else {
        Page::Fine
    }
}

/// Predicts the mapping of a section or supersection. C frees the tables in its way one after the
/// other, even if they map something, and even if a later entry is in use.
fn map_in_l1(c: Walk, iova: usize, size: usize) -> Page {
    let mut table = false;
    for index in l1_index(iova)..l1_index(iova + size) {
        let entry = c.l1(index);
        if is_table(entry) {
            table = true;
            if !c.is_empty(entry) {
                return Page::Deliberate;
            }
        } else if entry != 0 {
            return if table {
                Page::Deliberate
            } else {
                Page::Refused(Report::Mapped)
            };
        }
    }
    Page::Fine
}

fn unmap(c: Walk, setup: &Setup, op: &Operation) -> (usize, End, Option<Error>) {
    if op.iova >= setup.space() {
        return (0, End::Refused(Some(Report::UnmapRange)), None);
    }
    if op.count == 0 {
        return (0, End::Done, None);
    }
    let inside = is_inside(op, op.iova as u64, setup.space() as u64);
    if !inside || !is_sound(setup, op, op.iova as u64) {
        return (0, End::Deliberate, None);
    }
    let (done, end) = pages(op, |iova| {
        if op.size < SZ_1M {
            unmap_in_table(c, iova, op.size)
        } else {
            unmap_in_l1(c, iova, op.size)
        }
    });
    (done, end, None)
}

/// Predicts the unmapping of a page of a size that second-level tables hold.
fn unmap_in_table(c: Walk, iova: usize, size: usize) -> Page {
    let l1 = c.l1(l1_index(iova));
    if l1 == 0 {
        return Page::Refused(Report::NotMapped);
    }
    if is_supersection(l1) {
        return Page::Refused(Report::PartOfSixteen);
    }
    if !is_table(l1) {
        return Page::Refused(Report::PartOfSection);
    }
    let first = l2_index(iova);
    if (first..first + size / SZ_4K).any(|index| c.l2(l1, index) == 0) {
        Page::Refused(Report::NotMapped)
    } else if size == SZ_4K && is_large(c.l2(l1, first)) {
        Page::Refused(Report::PartOfSixteen)
    } else {
        Page::Fine
    }
}

/// Predicts the unmapping of a page of a size that the first-level table holds; tables are freed
/// with their content.
fn unmap_in_l1(c: Walk, iova: usize, size: usize) -> Page {
    let slots = l1_index(iova)..l1_index(iova + size);
    if slots.clone().any(|index| c.l1(index) == 0) {
        Page::Refused(Report::NotMapped)
    } else if slots.len() == 1 && is_supersection(c.l1(slots.start)) {
        Page::Refused(Report::PartOfSixteen)
    } else {
        Page::Fine
    }
}
