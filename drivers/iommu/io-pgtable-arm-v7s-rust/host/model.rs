// SPDX-License-Identifier: GPL-2.0

//! Random calls on table sets, compared with a model of single pages of 4 KiB.
//!
//! The model predicts the result of each call. After each, all input addresses are translated, and
//! walked by a decoder written from the manual: for a walker that does not snoop, in memory as it
//! was last written back.

use std::cell::RefCell;

use kernel::{
    bindings,
    helpers,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select, //
};

use super::{
    codec::{
        manual_leaf,
        PROTS,
        QUIRKS, //
    },
    init,
    manual::{
        manual_high,
        manual_l1,
        manual_l2, //
    },
    request,
    DEVICE,
    RW,
    SIZES, //
};
use crate::{
    config::quirk,
    slab::Gfp,
    table_set::IoPgtableArmV7s,
    tlb::Gather, //
};

/// Bits of input address: 32 MiB, which a supersection and what is beside it fit in.
const IAS: u32 = 25;
/// Input addresses.
const SPACE: usize = 1 << IAS;

/// A call.
#[derive(Clone, Debug)]
enum Call {
    Map {
        iova: usize,
        paddr: u64,
        size: usize,
        count: usize,
        flags: u32,
    },
    Unmap {
        iova: usize,
        size: usize,
        count: usize,
    },
    Populate {
        iova: usize,
        bytes: usize,
    },
    Trim {
        iova: usize,
        bytes: usize,
    },
    /// A number of allocations succeed, and no more.
    Exhaust(usize),
    /// All allocations succeed again.
    Replenish,
    /// The device reaches no new table, or does.
    Hide(bool),
    /// New tables are above 4 GiB against the request, or not.
    Misplace(bool),
}

/// A leaf: what its first byte translates to, its size and flags.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Leaf {
    paddr: u64,
    size: usize,
    flags: u32,
}

/// The second-level table of a MiB.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Table {
    None,
    Plain,
    /// Stays when all of it is unmapped.
    Populated,
}

/// A callback of the driver.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Flush {
    /// `tlb_add_page`: address and granule.
    Leaf(usize, usize),
    /// `tlb_flush_walk` of a table: address.
    Walk(usize),
}

/// A model of a set, page by page.
struct Model {
    oas: u32,
    /// Callbacks of the last call.
    flushes: Vec<Flush>,
    /// For each 4 KiB, the leaf and the number of the page in it.
    pages: Vec<Option<(Leaf, usize)>>,
    tables: Vec<Table>,
}

impl Model {
    fn new(oas: u32) -> Self {
        Self {
            oas,
            flushes: Vec::new(),
            pages: vec![None; SPACE / SZ_4K],
            tables: vec![Table::None; SPACE / SZ_1M],
        }
    }

    fn pages(&mut self, iova: usize, size: usize) -> &mut [Option<(Leaf, usize)>] {
        &mut self.pages[iova / SZ_4K..(iova + size) / SZ_4K]
    }

    fn is_vacant(&self, iova: usize, size: usize) -> bool {
        self.pages[iova / SZ_4K..(iova + size) / SZ_4K]
            .iter()
            .all(Option::is_none)
    }

    fn refusal(&self, iova: usize, paddr: u64, size: usize, count: usize, flags: u32) -> Result {
        let bytes = size as u128 * count as u128;
        if iova >= SPACE || paddr >> self.oas != 0 {
            Err(ERANGE)
        } else if flags & RW == 0
            || count == 0
            || !SIZES.contains(&size)
            || (iova as u64 | paddr) % size as u64 != 0
        {
            Err(EINVAL)
        } else if iova as u128 + bytes > SPACE as u128 || u128::from(paddr) + bytes > 1 << self.oas
        {
            Err(ERANGE)
        } else {
            Ok(())
        }
    }

    /// Maps pages one after the other. `more` says whether there is a table for another MiB.
    fn map(
        &mut self,
        iova: usize,
        first: Leaf,
        count: usize,
        more: &mut dyn FnMut() -> bool,
    ) -> (Result, usize) {
        for i in 0..count {
            let (iova, mapped) = (iova + i * first.size, i * first.size);
            let paddr = first.paddr + mapped as u64;
            let mibs = iova / SZ_1M..(iova + first.size).div_ceil(SZ_1M);
            if first.size < SZ_1M {
                let table = &mut self.tables[mibs.start];
                // A section is where no table is wanted.
                let section = self.pages[iova / SZ_4K].is_some_and(|(leaf, _)| leaf.size >= SZ_1M);
                if !section && *table == Table::None {
                    if !more() {
                        return (Err(ENOMEM), mapped);
                    }
                    *table = Table::Plain;
                }
            }
            if !self.is_vacant(iova, first.size) {
                return (Err(EEXIST), mapped);
            }
            if first.size >= SZ_1M {
                for mib in mibs {
                    if self.tables[mib] != Table::None {
                        self.flushes.push(Flush::Walk(mib * SZ_1M));
                        self.tables[mib] = Table::None;
                    }
                }
            }
            let leaf = Leaf { paddr, ..first };
            for (n, page) in self.pages(iova, first.size).iter_mut().enumerate() {
                *page = Some((leaf, n));
            }
        }
        (Ok(()), count * first.size)
    }

    /// Returns true if a page of `size` bytes can be unmapped at `iova`.
    fn can_unmap(&self, iova: usize, size: usize) -> bool {
        let leaf = |at: usize| self.pages[at / SZ_4K].map(|(leaf, _)| leaf.size);
        match size {
            SZ_4K => leaf(iova) == Some(SZ_4K),
            SZ_64K => (0..16).all(|n| leaf(iova + n * SZ_4K).is_some_and(|size| size <= SZ_64K)),
            // A table is removed with all it maps.
            SZ_1M => self.tables[iova / SZ_1M] != Table::None || leaf(iova) == Some(SZ_1M),
            _ => (iova..iova + size)
                .step_by(SZ_1M)
                .all(|at| self.tables[at / SZ_1M] != Table::None || leaf(at).is_some()),
        }
    }

    fn unmap(&mut self, iova: usize, size: usize, count: usize) -> usize {
        let bytes = size as u128 * count as u128;
        if count == 0
            || !SIZES.contains(&size)
            || iova % size != 0
            || iova as u128 + bytes > SPACE as u128
        {
            return 0;
        }
        for i in 0..count {
            let iova = iova + i * size;
            if !self.can_unmap(iova, size) {
                return i * size;
            }
            self.pages(iova, size).fill(None);
            if size < SZ_1M {
                let pages = (iova..iova + size).step_by(SZ_4K);
                self.flushes.extend(pages.map(|at| Flush::Leaf(at, SZ_4K)));
                continue;
            }
            for at in (iova..iova + size).step_by(SZ_1M) {
                let table = &mut self.tables[at / SZ_1M];
                self.flushes.push(match *table {
                    Table::None => Flush::Leaf(at, SZ_1M),
                    _ => Flush::Walk(at),
                });
                if *table == Table::Plain {
                    *table = Table::None;
                }
            }
        }
        count * size
    }

    fn last(iova: usize, bytes: usize) -> Result<usize> {
        let last = bytes.checked_sub(1).and_then(|rest| iova.checked_add(rest));
        last.filter(|last| *last < SPACE).ok_or(ERANGE)
    }

    fn populate(&mut self, iova: usize, bytes: usize, more: &mut dyn FnMut() -> bool) -> Result {
        for mib in iova / SZ_1M..=Self::last(iova, bytes)? / SZ_1M {
            let section = self.pages[mib * (SZ_1M / SZ_4K)];
            if section.is_some_and(|(leaf, _)| leaf.size >= SZ_1M) {
                continue;
            }
            if self.tables[mib] == Table::None && !more() {
                return Err(ENOMEM);
            }
            self.tables[mib] = Table::Populated;
        }
        Ok(())
    }

    fn trim(&mut self, iova: usize, bytes: usize) {
        let Ok(last) = Self::last(iova, bytes) else {
            return;
        };
        for mib in iova.div_ceil(SZ_1M)..(last + 1) / SZ_1M {
            if self.is_vacant(mib * SZ_1M, SZ_1M) {
                self.tables[mib] = Table::None;
            }
        }
    }

    fn phys(&self, iova: usize) -> u64 {
        self.pages[iova / SZ_4K].map_or(0, |(leaf, n)| {
            leaf.paddr + (n * SZ_4K + iova % SZ_4K) as u64
        })
    }
}

thread_local! {
    /// Callbacks that came.
    static CAME: RefCell<Vec<Flush>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn flush_walk(iova: usize, size: usize, granule: usize, cookie: *mut c_void) {
    assert_eq!((size, granule, cookie), (SZ_1M, SZ_4K, COOKIE));
    CAME.with_borrow_mut(|came| came.push(Flush::Walk(iova)));
}

extern "C" fn add_page(
    _gather: *mut bindings::iommu_iotlb_gather,
    iova: usize,
    granule: usize,
    cookie: *mut c_void,
) {
    assert_eq!(cookie, COOKIE);
    CAME.with_borrow_mut(|came| came.push(Flush::Leaf(iova, granule)));
}

/// The cookie of the driver.
const COOKIE: *mut c_void = 0x5a5a as *mut c_void;

/// The callbacks of a driver that flushes when it is told.
static RECORDED: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_walk: Some(flush_walk),
    tlb_add_page: Some(add_page),
};

/// A driver: its callbacks, and whether it flushes leaves later, all at once.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Driver {
    NoCallbacks,
    Recording,
    Queueing,
}

/// A set and its model.
struct Pair {
    set: KBox<IoPgtableArmV7s>,
    model: Model,
    quirks: usize,
    coherent: bool,
    driver: Driver,
    /// Allocations that succeed yet.
    left: Option<usize>,
    hidden: bool,
    misplaced: bool,
}

impl Pair {
    fn new(quirks: usize, coherent: bool, driver: Driver) -> Self {
        init();
        helpers::fail_after(None);
        helpers::hide_from_devices(false);
        helpers::misplace(false);
        let oas = if quirks & quirk::ARM_MTK_EXT != 0 {
            35
        } else {
            32
        };
        let mut cfg = request(quirks | quirk::NO_WARN, IAS, oas);
        cfg.coherent_walk = coherent;
        cfg.iommu_dev = (&raw const DEVICE).cast_mut();
        let set = IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).unwrap();
        if driver != Driver::NoCallbacks {
            // SAFETY: The set is not shared yet.
            unsafe {
                (*set.iop()).cfg.tlb = &RECORDED;
                (*set.iop()).cookie = COOKIE;
            }
        }
        Self {
            set,
            model: Model::new(oas),
            quirks,
            coherent,
            driver,
            left: None,
            hidden: false,
            misplaced: false,
        }
    }

    /// Makes a call, and compares its result with the model.
    fn call(&mut self, call: &Call) {
        let (mut retired, mut left) = (self.set.readers().retired(), self.left);
        let far = self.quirks & quirk::ARM_MTK_TTBR_EXT != 0;
        let reachable = (self.coherent || !self.hidden) && (far || !self.misplaced);
        // Tables that the model may have: retired ones first, then as many as there is memory for.
        let mut more = || match (&mut retired, &mut left) {
            (0, Some(0)) => false,
            (0, Some(left)) => {
                *left -= 1;
                reachable
            }
            (0, None) => reachable,
            (retired, _) => {
                *retired -= 1;
                true
            }
        };
        match *call {
            Call::Map {
                iova,
                paddr,
                size,
                count,
                flags,
            } => {
                let mut mapped = 0x5a5a;
                // SAFETY: One thread uses the set.
                let result = unsafe {
                    let gfp = Gfp::KERNEL;
                    self.set
                        .map_pages(iova, paddr, size, count, flags, gfp, &mut mapped)
                };
                let expected = match self.model.refusal(iova, paddr, size, count, flags) {
                    Err(error) => (Err(error), 0),
                    Ok(()) => {
                        let leaf = Leaf { paddr, size, flags };
                        self.model.map(iova, leaf, count, &mut more)
                    }
                };
                assert_eq!((result, mapped - 0x5a5a), expected);
            }
            Call::Unmap { iova, size, count } => {
                let mut gather = bindings::iommu_iotlb_gather {
                    queued: self.driver == Driver::Queueing,
                };
                // SAFETY: One thread uses the set; the gather lives as long as the call.
                let unmapped = unsafe {
                    let gather = Gather::new(&mut gather);
                    self.set.unmap_pages(iova, size, count, gather)
                };
                assert_eq!(unmapped, self.model.unmap(iova, size, count));
            }
            Call::Populate { iova, bytes } => {
                // SAFETY: One thread uses the set.
                let result = unsafe { self.set.populate(iova, bytes, Gfp::KERNEL) };
                assert_eq!(result, self.model.populate(iova, bytes, &mut more));
            }
            Call::Trim { iova, bytes } => {
                // SAFETY: One thread uses the set, and no walker.
                unsafe { self.set.trim(iova, bytes) };
                self.model.trim(iova, bytes);
            }
            Call::Exhaust(allocations) => left = Some(allocations),
            Call::Replenish => left = None,
            Call::Hide(on) => self.hidden = on,
            Call::Misplace(on) => self.misplaced = on,
        }
        self.left = left;
        let mut flushes = core::mem::take(&mut self.model.flushes);
        match self.driver {
            Driver::NoCallbacks => flushes.clear(),
            Driver::Recording => {}
            Driver::Queueing => flushes.retain(|flush| matches!(flush, Flush::Walk(_))),
        }
        assert_eq!(CAME.take(), flushes);
        helpers::fail_after(self.left);
        helpers::hide_from_devices(self.hidden);
        helpers::misplace(self.misplaced);
    }

    /// Reads an entry as the walker does.
    fn read(&self, phys: u64) -> u32 {
        if self.coherent {
            helpers::read_cache(phys)
        } else {
            helpers::read_memory(phys)
        }
    }

    /// Expects every page where the model has it, by translation and by the walker.
    fn check(&self) {
        let extended = self.quirks & quirk::ARM_MTK_EXT != 0;
        let far = self.quirks & quirk::ARM_MTK_TTBR_EXT != 0;
        for mib in 0..SPACE / SZ_1M {
            let first = self.read(self.set.l1_phys() + 4 * mib as u64);
            let table = first & 3 == 1;
            assert_eq!(table, self.model.tables[mib] != Table::None, "MiB {mib}");
            let at = u64::from(first & !0x3ff) + manual_high(first, far);
            assert!(!table || far || at >> 32 == 0);
            for page in 0..SZ_1M / SZ_4K {
                let iova = mib * SZ_1M + page * SZ_4K + 0x123;
                // SAFETY: One thread uses the set.
                let phys = unsafe { self.set.iova_to_phys(iova) };
                assert_eq!(phys, self.model.phys(iova), "translation of {iova:#x}");
                let (entry, leaf) = if table {
                    let entry = self.read(at + 4 * page as u64);
                    (entry, manual_l2(entry, extended))
                } else {
                    (first, manual_l1(first, extended))
                };
                let walked = leaf.map_or(0, |(paddr, size)| paddr + (iova % size) as u64);
                assert_eq!(walked, phys, "walk to {iova:#x}");
                let expected = self.model.pages[iova / SZ_4K].map_or(0, |(leaf, _)| {
                    manual_leaf(leaf.size, leaf.paddr, leaf.flags, self.quirks)
                });
                assert!(leaf.is_none() || entry == expected, "entry of {iova:#x}");
            }
        }
    }
}

/// Addresses and sizes that meet: beginnings and ends of pages of all sizes in some MiB.
fn iova(size: usize) -> impl Strategy<Value = usize> {
    let mib = select(vec![0usize, 1, 2, 15, 16, 17, 30, 31]);
    let near = (mib, 0..SZ_1M / SZ_4K)
        .prop_map(move |(mib, page)| (mib * SZ_1M + page * SZ_4K) & !(size - 1));
    prop_oneof![
        20 => near,
        1 => Just(SPACE.saturating_sub(size)),
        1 => Just(SPACE),
        1 => Just(size / 2),
        1 => Just(usize::MAX),
    ]
}

fn paddr(size: usize) -> impl Strategy<Value = u64> {
    let mask = !(size as u64 - 1);
    prop_oneof![
        8 => (0..1u64 << 32).prop_map(move |paddr| paddr & mask),
        4 => (0..1u64 << 35).prop_map(move |paddr| paddr & mask),
        // Shortly before a boundary.
        2 => (1..300u64, 1..9u64)
            .prop_map(move |(pages, high)| (high << 32).saturating_sub(pages * size as u64)),
        1 => Just(size as u64 / 2),
        1 => any::<u64>(),
    ]
}

fn count(size: usize) -> impl Strategy<Value = usize> {
    let some = (SPACE / size).max(1);
    prop_oneof![
        6 => Just(1usize),
        6 => 1..=some.min(40),
        3 => 1..=some.min(1024),
        1 => Just(0usize),
        1 => Just(usize::MAX),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        10 => Just(SZ_4K),
        6 => Just(SZ_64K),
        5 => Just(SZ_1M),
        3 => Just(SZ_16M),
        1 => select(vec![1usize, 3 * SZ_4K, 2 * SZ_4K, 1 << 40]),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let flags = prop_oneof![Just(RW), 1..PROTS, Just(prot::CACHE)];
    let map = size()
        .prop_flat_map(move |size| {
            (
                iova(size),
                paddr(size),
                Just(size),
                count(size),
                flags.clone(),
            )
        })
        .prop_map(|(iova, paddr, size, count, flags)| Call::Map {
            iova,
            paddr,
            size,
            count,
            flags,
        });
    let unmap = size()
        .prop_flat_map(|size| (iova(size), Just(size), count(size)))
        .prop_map(|(iova, size, count)| Call::Unmap { iova, size, count });
    let range = || {
        (
            iova(SZ_4K),
            prop_oneof![4 => 0..4 * SZ_1M, 1 => 0..2 * SPACE],
        )
    };
    prop_oneof![
        12 => map,
        8 => unmap,
        1 => range().prop_map(|(iova, bytes)| Call::Populate { iova, bytes }),
        1 => range().prop_map(|(iova, bytes)| Call::Trim { iova, bytes }),
        1 => (0..4usize).prop_map(Call::Exhaust),
        1 => Just(Call::Replenish),
        1 => any::<bool>().prop_map(Call::Hide),
        1 => any::<bool>().prop_map(Call::Misplace),
    ]
}

/// Refuses the whole of a range that ends after the last address.
#[test]
fn ranges_beyond_the_end() {
    for size in SIZES {
        let mut pair = Pair::new(0, true, Driver::Recording);
        let iova = SPACE - size;
        // As many bytes as there are numbers, and one page.
        let wrapped = usize::MAX / size + 2;
        for count in [2, wrapped, 1, 2] {
            pair.call(&Call::Map {
                iova,
                paddr: 0,
                size,
                count,
                flags: RW,
            });
        }
        for paddr in [(1 << 32) - size as u64, 1 << 32] {
            pair.call(&Call::Map {
                iova: 0,
                paddr,
                size,
                count: 2,
                flags: RW,
            });
        }
        for count in [2, usize::MAX, wrapped, 1] {
            pair.check();
            pair.call(&Call::Unmap { iova, size, count });
        }
        pair.check();
    }
}

/// Retired tables are taken again, the last one first, and freed with their set.
#[test]
fn retired_tables() {
    let calls = |set: &mut Pair, allocations, mibs: usize| {
        set.call(&Call::Exhaust(allocations));
        for mib in 0..mibs {
            set.call(&Call::Map {
                iova: mib * SZ_1M + SZ_64K,
                paddr: 0x4000_0000,
                size: SZ_4K,
                count: 2,
                flags: RW,
            });
        }
        set.check();
        set.call(&Call::Unmap {
            iova: 0,
            size: SZ_1M,
            count: mibs,
        });
        set.check();
    };
    let mut set = Pair::new(0, false, Driver::NoCallbacks);
    calls(&mut set, 3, 3);
    assert_eq!(set.set.readers().retired(), 3);
    // The fourth needs one that there is no memory for.
    calls(&mut set, 0, 4);
    calls(&mut set, 1, 4);
    assert_eq!(set.set.readers().retired(), 4);
}

/// Populated tables need no memory and stay when all is unmapped, until a section takes their place
/// or they are trimmed.
#[test]
fn populated_tables_stay() {
    let map = |iova, size| Call::Map {
        iova,
        paddr: 0,
        size,
        count: 1,
        flags: RW,
    };
    let unmap = |size, count| Call::Unmap {
        iova: 0,
        size,
        count,
    };
    for driver in [Driver::NoCallbacks, Driver::Recording] {
        for coherent in [false, true] {
            let mut pair = Pair::new(0, coherent, driver);
            for call in [
                Call::Populate {
                    iova: SZ_4K,
                    bytes: SZ_1M,
                },
                Call::Exhaust(0),
                map(0, SZ_4K),
                map(SZ_1M, SZ_64K),
                map(2 * SZ_1M, SZ_4K),
                unmap(SZ_1M, 2),
                map(SZ_64K, SZ_4K),
                unmap(SZ_1M, 1),
                map(0, SZ_1M),
                unmap(SZ_1M, 1),
                Call::Replenish,
                map(0, SZ_4K),
                unmap(SZ_4K, 1),
                Call::Trim {
                    iova: 0,
                    bytes: 2 * SZ_1M - 1,
                },
                Call::Trim {
                    iova: 1,
                    bytes: 2 * SZ_1M - 1,
                },
                Call::Populate {
                    iova: SPACE - 1,
                    bytes: 2,
                },
                Call::Populate { iova: 0, bytes: 0 },
                unmap(SZ_1M, 1),
            ] {
                pair.call(&call);
                pair.check();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sets_do_what_the_model_does(
        quirks in select(QUIRKS.to_vec()),
        coherent in any::<bool>(),
        driver in select(vec![Driver::NoCallbacks, Driver::Recording, Driver::Queueing]),
        calls in vec(call(), 1..40),
    ) {
        let mut pair = Pair::new(quirks, coherent, driver);
        for call in &calls {
            pair.call(call);
            pair.check();
        }
    }
}
