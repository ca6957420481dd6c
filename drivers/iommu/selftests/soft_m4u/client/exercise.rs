// SPDX-License-Identifier: GPL-2.0

//! Copies by the device from one buffer to another, through the M4U, with the result checked.

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    fmt,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    buffer::{
        raw,
        Access,
        Buffer,
        Segment, //
    },
    memory::Kind, //
};

/// The result of a round trip.
pub(crate) struct Report {
    kind: Kind,
    bytes: usize,
    segments: usize,
    lowest: u64,
    highest: u64,
    above_4g: usize,
    /// Bytes in pages of 4 KiB, 64 KiB, 1 MiB and 16 MiB.
    pages: [usize; 4],
}

impl Report {
    fn new(kind: Kind, bytes: usize, segments: usize) -> Self {
        Self {
            kind,
            bytes,
            segments,
            lowest: u64::MAX,
            highest: 0,
            above_4g: 0,
            pages: [0; 4],
        }
    }

    /// Adds 4 KiB at `phys`, in a page of `size` bytes.
    fn add(&mut self, phys: u64, size: u64) -> Result {
        self.lowest = self.lowest.min(phys);
        self.highest = self.highest.max(phys + (PAGE_SIZE - 1) as u64);
        if phys >> 32 != 0 {
            self.above_4g += PAGE_SIZE;
        }
        let at = [12, 16, 20, 24].iter().position(|shift| size == 1 << shift);
        self.pages[at.ok_or(EIO)?] += PAGE_SIZE;
        Ok(())
    }

    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:?} {} bytes in {} segments arrived at {:#x}-{:#x}, {} of them above 4 GiB",
            self.kind, self.bytes, self.segments, self.lowest, self.highest, self.above_4g
        )?;
        let [small, large, section, supersection] = self.pages;
        writeln!(
            f,
            "bytes by page size: 4K {small} 64K {large} 1M {section} 16M {supersection}"
        )
    }
}

/// Returns word `i` of the data for `seed`.
fn word(seed: u64, i: usize) -> u64 {
    (seed ^ i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Returns true if the data arrived unchanged.
fn compare(seed: u64, words: &[u64]) -> Result {
    match words
        .iter()
        .enumerate()
        .find(|(i, w)| **w != word(seed, *i))
    {
        None => Ok(()),
        Some((i, got)) => {
            let want = word(seed, i);
            pr_err!("word {i} is {got:#x}, and was sent as {want:#x}\n");
            Err(EIO)
        }
    }
}

/// Checks that IOMMU driver, M4U and CPU have the same physical address for each page of `buffer`.
fn check_pages(dev: &Device<Bound>, buffer: &Buffer, report: &mut Report) -> Result {
    // SAFETY: A bound device.
    let domain = unsafe { bindings::iommu_get_domain_for_dev(raw(dev)) };
    if domain.is_null() {
        pr_err!("no IOMMU translates for the device\n");
        return Err(ENODEV);
    }
    let mut offset = 0;
    for (iova, len) in buffer.segments()? {
        for iova in (iova..iova + len as u64).step_by(PAGE_SIZE) {
            let phys = buffer.memory.phys(offset);
            // SAFETY: The domain lives as long as the device is bound.
            let driver = unsafe { bindings::iommu_iova_to_phys(domain, iova) };
            let (m4u, size) = soft_m4u::translate(iova)?;
            if driver != phys || m4u != phys {
                pr_err!("iova {iova:#x}: driver {driver:#x}, M4U {m4u:#x}, CPU {phys:#x}\n");
                return Err(EIO);
            }
            report.add(phys, size)?;
            offset += PAGE_SIZE;
        }
    }
    if offset == buffer.memory.bytes() {
        Ok(())
    } else {
        Err(EIO)
    }
}

/// Makes the device copy all of `from` to `to`.
fn copy(from: &[Segment], to: &[Segment]) -> Result {
    let (mut from, mut to) = (from.iter().copied(), to.iter().copied());
    let (mut source, mut target) = ((0, 0), (0, 0));
    loop {
        if source.1 == 0 {
            match from.next() {
                Some(segment) => source = segment,
                None => return Ok(()),
            }
        }
        if target.1 == 0 {
            target = to.next().ok_or(EINVAL)?;
        }
        let n = source.1.min(target.1);
        soft_m4u::copy(source.0, target.0, n)?;
        source = (source.0 + n as u64, source.1 - n);
        target = (target.0 + n as u64, target.1 - n);
    }
}

/// Makes the device read the last word of a buffer, and compares it.
fn check_last(segments: &[Segment], seed: u64, words: usize) -> Result {
    let (iova, len) = *segments.last().ok_or(EINVAL)?;
    let mut last = [0; size_of::<u64>()];
    soft_m4u::read(iova + (len - last.len()) as u64, &mut last)?;
    if u64::from_ne_bytes(last) == word(seed, words - 1) {
        return Ok(());
    }
    pr_err!("the device reads {last:x?} from the end of what it wrote\n");
    Err(EIO)
}

/// Copies `bytes` from one buffer to another, and frees both. Returns the input addresses of the
/// second.
pub(crate) fn round_trip(
    dev: &Device<Bound>,
    kind: Kind,
    bytes: usize,
    seed: u64,
) -> Result<(Report, KVec<Segment>)> {
    let source = Buffer::new(dev, kind, bytes, Access::Read, |words| {
        for (i, w) in words.iter_mut().enumerate() {
            *w = word(seed, i);
        }
    })?;
    let mut target = Buffer::new(dev, kind, bytes, Access::Write, |_| {})?;
    let segments = target.segments()?;

    check_pages(dev, &source, &mut Report::new(kind, bytes, 0))?;
    let mut report = Report::new(kind, bytes, segments.len());
    check_pages(dev, &target, &mut report)?;
    copy(&source.segments()?, &segments)?;
    check_last(&segments, seed, bytes / size_of::<u64>())?;

    target.unmap();
    // SAFETY: The device has ended its copy.
    compare(seed, unsafe { target.memory.words() })?;
    Ok((report, segments))
}

/// Returns true if the device cannot access addresses that were unmapped. No other thread maps any
/// meanwhile.
pub(crate) fn check_gone(segments: &[Segment]) -> Result {
    for (iova, len) in segments {
        for iova in (*iova..iova + *len as u64).step_by(PAGE_SIZE) {
            match soft_m4u::translate(iova) {
                Err(error) if error == EFAULT => {}
                other => {
                    pr_err!("iova {iova:#x} was unmapped, and still is {other:x?}\n");
                    return Err(EIO);
                }
            }
        }
    }
    Ok(())
}
