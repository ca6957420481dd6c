// SPDX-License-Identifier: GPL-2.0

//! An operation on a table set, and its result.

use kernel::{
    fmt::{
        self,
        Display,
        Formatter, //
    },
    iommu::pgtable::prot,
    prelude::*,
    sizes::SZ_1M, //
};

use crate::flush::Gather;

/// An operation on some pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Map { paddr: u64, prot: u32 },
    Unmap { gather: Gather },
    Translate,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) what: What,
    pub(crate) iova: usize,
    /// Bytes of a page.
    pub(crate) size: usize,
    /// Number of pages.
    pub(crate) count: usize,
    /// True if C was called with all pages, which it reports with a WARN.
    pub(crate) asked: bool,
}

impl Operation {
    /// Returns the address behind the last page.
    pub(crate) fn end(&self) -> usize {
        self.iova.wrapping_add(self.size.wrapping_mul(self.count))
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const FLAGS: [(u32, &str); 6] = [
            (prot::READ, "r"),
            (prot::WRITE, "w"),
            (prot::CACHE, "c"),
            (prot::NOEXEC, "n"),
            (prot::MMIO, "m"),
            (prot::PRIVILEGED, "p"),
        ];

        let pages = Pages(self.count, self.size);
        let iova = self.iova;
        match self.what {
            What::Map { paddr, prot } => {
                f.write_fmt(fmt!("map {:#x} to {:#x}, {}, ", iova, paddr, pages))?;
                for (flag, letter) in FLAGS {
                    f.write_str(if prot & flag != 0 { letter } else { "-" })?;
                }
                Ok(())
            }
            What::Unmap { gather } => {
                let gather = match gather {
                    Gather::None => "",
                    Gather::Each => ", gather",
                    Gather::Queued => ", gather queued",
                };
                f.write_fmt(fmt!("unmap {:#x}, {}{}", iova, pages, gather))
            }
            What::Translate => f.write_fmt(fmt!("translate {:#x}", iova)),
        }
    }
}

struct Pages(usize, usize);

impl Display for Pages {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(count, size) = *self;
        if size >= SZ_1M {
            f.write_fmt(fmt!("{} x {} MiB", count, size >> 20))
        } else {
            f.write_fmt(fmt!("{} x {} KiB", count, size >> 10))
        }
    }
}

/// The result of a map or unmap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// Zero for unmap, which has none.
    pub(crate) errno: c_int,
    /// The increase of `*mapped`, or the result of unmap.
    pub(crate) bytes: usize,
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("{:#x} bytes, errno {}", self.bytes, self.errno))
    }
}
