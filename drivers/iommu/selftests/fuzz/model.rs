// SPDX-License-Identifier: GPL-2.0

//! A model of a table set, kept from the calls alone: its mappings, and the answer of each call.
//!
//! An oracle of its own on purpose: it shares no code with the models of v7s_stress and
//! v7s_compare.

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use crate::{
    rules::Rules,
    set::{
        Map,
        Unmap, //
    },
    slab::gfp_serves, //
};

/// Second-level entries in a table.
const PAGES: usize = SZ_1M / SZ_4K;

/// The page that an address belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leaf {
    /// The output address of its first byte.
    pub(crate) paddr: u64,
    pub(crate) size: usize,
    pub(crate) flags: u32,
}

/// The state of a mebibyte of input addresses.
pub(crate) enum Mib {
    Empty,
    Leaf(Leaf),
    /// Small or large pages, by page.
    Table(KVec<Option<Leaf>>),
}

impl Mib {
    /// Returns true if nothing is mapped.
    fn is_vacant(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Leaf(_) => false,
            Self::Table(pages) => pages.iter().all(Option::is_none),
        }
    }
}

/// The reason why a mapping ends early.
enum Stop {
    /// Something is mapped.
    Exists,
    /// A table cannot be allocated with these flags.
    Flags,
    /// The call ended here: out of memory.
    Memory,
}

/// The content of a table set.
pub(crate) struct Model {
    pub(crate) rules: Rules,
    pub(crate) mibs: KVVec<Mib>,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Result<Self> {
        let mut mibs = KVVec::with_capacity(rules.entries(), GFP_KERNEL)?;
        for _ in 0..rules.entries() {
            mibs.push(Mib::Empty, GFP_KERNEL)?;
        }
        Ok(Self { rules, mibs })
    }

    /// Records a mapping that returned `ret` and `mapped` bytes. Returns true if both are right.
    pub(crate) fn map(&mut self, call: &Map, ret: c_int, mapped: usize) -> Result<bool> {
        let (range, inval) = self.faults(call);
        if range || inval {
            let fits = range && ret == ERANGE.to_errno() || inval && ret == EINVAL.to_errno();
            return Ok(fits && mapped == 0);
        }
        let mut done = 0;
        let mut stop = None;
        for page in 0..call.pgcount {
            let out_of_memory = ret == ENOMEM.to_errno() && done == mapped;
            if let Err(why) = self.map_page(call, page * call.pgsize, out_of_memory)? {
                stop = Some(why);
                break;
            }
            done += call.pgsize;
        }
        let expected = match stop {
            None => 0,
            Some(Stop::Exists) => EEXIST.to_errno(),
            Some(Stop::Flags) => EINVAL.to_errno(),
            Some(Stop::Memory) => ENOMEM.to_errno(),
        };
        Ok(ret == expected && mapped == done)
    }

    /// Returns whether a mapping is outside of the space, and whether it is invalid for another
    /// reason.
    fn faults(&self, call: &Map) -> (bool, bool) {
        let Map {
            iova,
            paddr,
            pgsize,
            pgcount,
            ..
        } = *call;
        let rules = &self.rules;
        let outside =
            |bits, start| start >> bits != 0 || !Rules::ends_within(bits, start, pgsize, pgcount);
        let range = outside(rules.ias, iova as u64) || outside(rules.oas, paddr);
        let inval = call.flags & (prot::READ | prot::WRITE) == 0
            || pgcount == 0
            || !rules.has_size(pgsize)
            || iova % pgsize != 0
            || paddr % pgsize as u64 != 0;
        (range, inval)
    }

    /// Maps one page of a call, `offset` bytes from its start, if it can be.
    fn map_page(
        &mut self,
        call: &Map,
        offset: usize,
        out_of_memory: bool,
    ) -> Result<Result<(), Stop>> {
        let iova = call.iova + offset;
        let leaf = Leaf {
            paddr: call.paddr + offset as u64,
            size: call.pgsize,
            flags: call.flags,
        };
        let first = iova / SZ_1M;
        if leaf.size >= SZ_1M {
            let mibs = &mut self.mibs[first..first + leaf.size / SZ_1M];
            if !mibs.iter().all(Mib::is_vacant) {
                return Ok(Err(Stop::Exists));
            }
            for mib in mibs {
                *mib = Mib::Leaf(leaf);
            }
            return Ok(Ok(()));
        }
        let mib = &mut self.mibs[first];
        if let Mib::Empty = mib {
            if !gfp_serves(call.gfp) {
                return Ok(Err(Stop::Flags));
            }
            if out_of_memory && (call.may_fail() || self.rules.ttbr_ext) {
                return Ok(Err(Stop::Memory));
            }
            *mib = Mib::Table(KVec::from_elem(None, PAGES, GFP_KERNEL)?);
        }
        let Mib::Table(pages) = mib else {
            return Ok(Err(Stop::Exists));
        };
        let first = iova % SZ_1M / SZ_4K;
        let pages = &mut pages[first..first + leaf.size / SZ_4K];
        if pages.iter().any(Option::is_some) {
            return Ok(Err(Stop::Exists));
        }
        pages.fill(Some(leaf));
        Ok(Ok(()))
    }

    /// Records an unmapping. Returns the number of bytes that it has to unmap.
    pub(crate) fn unmap(&mut self, call: &Unmap) -> usize {
        let Unmap {
            iova,
            pgsize,
            pgcount,
            ..
        } = *call;
        if pgcount == 0
            || !self.rules.has_size(pgsize)
            || iova % pgsize != 0
            || !Rules::ends_within(self.rules.ias, iova as u64, pgsize, pgcount)
        {
            return 0;
        }
        let done = (0..pgcount).take_while(|page| self.unmap_page(iova + page * pgsize, pgsize));
        done.count() * pgsize
    }

    /// Unmaps one page, if all of it is mapped and no larger page maps part of it.
    fn unmap_page(&mut self, iova: usize, size: usize) -> bool {
        let first = iova / SZ_1M;
        if size >= SZ_1M {
            let mibs = &mut self.mibs[first..first + size / SZ_1M];
            // A table is removed as a whole, with all it maps.
            let may_go = |mib: &Mib| match mib {
                Mib::Empty => false,
                Mib::Leaf(leaf) => leaf.size <= size,
                Mib::Table(_) => true,
            };
            if !mibs.iter().all(may_go) {
                return false;
            }
            for mib in mibs {
                *mib = Mib::Empty;
            }
            return true;
        }
        let Mib::Table(pages) = &mut self.mibs[first] else {
            return false;
        };
        let first = iova % SZ_1M / SZ_4K;
        let pages = &mut pages[first..first + size / SZ_4K];
        let may_go = |page: &Option<Leaf>| page.is_some_and(|leaf| leaf.size <= size);
        if !pages.iter().all(may_go) {
            return false;
        }
        pages.fill(None);
        true
    }

    /// The page that an address belongs to.
    pub(crate) fn leaf(&self, iova: usize) -> Option<Leaf> {
        match self.mibs.get(iova / SZ_1M)? {
            Mib::Empty => None,
            Mib::Leaf(leaf) => Some(*leaf),
            Mib::Table(pages) => pages[iova % SZ_1M / SZ_4K],
        }
    }

    /// Returns the expected translation of an address; zero if it is not mapped.
    pub(crate) fn phys(&self, iova: usize) -> u64 {
        self.leaf(iova)
            .map_or(0, |leaf| leaf.paddr + (iova % leaf.size) as u64)
    }
}

impl Map {
    /// Returns true if the allocator may fail although memory could be reclaimed.
    fn may_fail(&self) -> bool {
        self.gfp >> bindings::___GFP_DIRECT_RECLAIM_BIT & 1 == 0
    }
}
