// SPDX-License-Identifier: GPL-2.0

//! Guest memory as a device sees it: by addresses that the M4U translates.

use std::sync::Arc;

use vm_memory::guest_memory::{Error, Result};
use vm_memory::{
    Address, GuestAddress, GuestMemory, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap,
    MemoryRegionAddress,
};

use crate::m4u::M4u;
use crate::ram::Ram;

/// Size of the smallest page of an M4U.
const PAGE: u64 = 4096;

/// Guest memory by IOVA. As [`GuestMemory`] for the virtqueue code, it serves objects within one
/// page; buffers are accessed with [`IovaMemory::read`] and [`IovaMemory::write`].
#[derive(Clone)]
pub struct IovaMemory {
    ram: &'static Ram,
    m4u: Arc<M4u>,
}

impl IovaMemory {
    pub fn new(ram: &'static Ram, m4u: Arc<M4u>) -> Self {
        Self { ram, m4u }
    }

    /// Reads from input address `iova`.
    pub fn read(&self, iova: u64, to: &mut [u8]) -> Result<()> {
        for (iova, part) in pages(iova, to.len()) {
            self.page(iova, false, |paddr| {
                let from = self.ram.slice(paddr, part.len())?;
                from.copy_to(&mut to[part.clone()]);
                Some(())
            })?;
        }
        Ok(())
    }

    /// Writes to input address `iova`.
    pub fn write(&self, iova: u64, from: &[u8]) -> Result<()> {
        for (iova, part) in pages(iova, from.len()) {
            self.page(iova, true, |paddr| {
                let to = self.ram.slice(paddr, part.len())?;
                to.copy_from(&from[part.clone()]);
                Some(())
            })?;
        }
        Ok(())
    }

    fn page<R>(&self, iova: u64, write: bool, f: impl FnOnce(u64) -> Option<R>) -> Result<R> {
        self.m4u
            .access(iova, write, f)
            .ok()
            .flatten()
            .ok_or(Error::InvalidGuestAddress(GuestAddress(iova)))
    }
}

/// Splits `len` bytes from `iova` by pages: returns address and offset of each part.
fn pages(iova: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = iova + done as u64;
        let part = (len - done).min((PAGE - at % PAGE) as usize);
        let range = done..done + part;
        done += part;
        (part > 0).then_some((at, range))
    })
}

impl GuestMemory for IovaMemory {
    type R = GuestRegionMmap;

    fn num_regions(&self) -> usize {
        GuestMemoryMmap::num_regions(self.ram.memory())
    }

    fn iter(&self) -> impl Iterator<Item = &Self::R> {
        self.ram.memory().iter()
    }

    fn find_region(&self, addr: GuestAddress) -> Option<&Self::R> {
        self.to_region_addr(addr).map(|(region, _)| region)
    }

    fn to_region_addr(&self, addr: GuestAddress) -> Option<(&Self::R, MemoryRegionAddress)> {
        self.page(addr.raw_value(), false, |paddr| {
            self.ram.memory().to_region_addr(GuestAddress(paddr))
        })
        .ok()
    }

    // The provided method would continue in the region, past the page.
    fn try_access<F>(&self, count: usize, addr: GuestAddress, mut f: F) -> Result<usize>
    where
        F: FnMut(usize, usize, MemoryRegionAddress, &Self::R) -> Result<usize>,
    {
        let iova = addr.raw_value();
        if iova % PAGE + count as u64 > PAGE {
            return Err(Error::InvalidGuestAddress(addr));
        }
        self.page(iova, true, |paddr| {
            let (region, at) = self.ram.memory().to_region_addr(GuestAddress(paddr))?;
            (at.raw_value() + count as u64 <= region.len()).then(|| f(0, count, at, region))
        })?
    }
}
