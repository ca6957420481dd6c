// SPDX-License-Identifier: GPL-2.0

//! Cache maintenance: tables as a walker that does not snoop sees them.
//!
//! An emulated machine has no caches, so that missing cache maintenance has no effect there. The
//! suite models the memory: an ftrace handler on entry to `dma_map_phys()` and
//! `__dma_sync_single_for_device()` copies the data that they write back, and walks go through the
//! copies.

use kernel::{
    error::to_result,
    ffi::c_ulong,
    types::Opaque, //
};

use super::*;

use crate::format::slots::{
    L2Slots,
    Slot, //
};

mod manual;

use manual::{
    manual_l1,
    manual_l2, //
};

/// Bits of input address: 16 MiB, so that all of it can be checked.
const IAS: u32 = 24;

/// Number of tables in the model.
const TABLES: usize = 24;

// In helpers.c. `ftrace_regs` is opaque, which the lint minds.
#[allow(improper_ctypes)]
extern "C" {
    fn v7s_ftrace_argument(fregs: *mut bindings::ftrace_regs, n: c_uint) -> c_ulong;
    fn v7s_linear_distance(phys: u64) -> usize;
}

type Handler =
    unsafe extern "C" fn(c_ulong, c_ulong, *mut bindings::ftrace_ops, *mut bindings::ftrace_regs);

/// 1 KiB of memory as the walker sees it.
struct Kept {
    phys: u64,
    entries: [u32; 256],
}

// SAFETY: The fields are numbers.
unsafe impl Zeroable for Kept {}

/// Memory as a walker sees it.
#[repr(C)]
struct Memory {
    // The first field, so that the pointer that ftrace passes to its handler points to the whole.
    ops: Opaque<bindings::ftrace_ops>,
    dev: *mut bindings::device,
    /// Distance from physical addresses to the linear map.
    linear: usize,
    kept: [Kept; TABLES],
    used: usize,
    /// Number of write-backs.
    calls: usize,
    /// First-level table of the set.
    l1: u64,
    /// Number of callbacks while the walker still saw a mapping.
    early: usize,
    /// Number of blocks that did not fit.
    lost: usize,
}

// SAFETY: Numbers and pointers; `ftrace_ops` is what C initialises with zeroes.
unsafe impl Zeroable for Memory {}

impl Memory {
    /// Returns the copy of the entry at `phys`.
    fn entry_at(&mut self, phys: u64) -> Option<&mut u32> {
        let base = phys & !0x3ff;
        let used = self.kept.get_mut(..self.used)?;
        let table = used.iter_mut().find(|kept| kept.phys == base)?;
        table.entries.get_mut((phys & 0x3ff) as usize / 4)
    }

    /// Copies `size` bytes at `phys`, which are in the linear map.
    fn write_back(&mut self, phys: u64, size: usize) {
        self.calls += 1;
        for phys in (phys..phys + size as u64).step_by(4) {
            if self.entry_at(phys).is_none() {
                let Some(table) = self.kept.get_mut(self.used) else {
                    self.lost += 1;
                    return;
                };
                table.phys = phys & !0x3ff;
                self.used += 1;
            }
            let slot = self.linear.wrapping_add(phys as usize) as *const Slot;
            if let Some(entry) = self.entry_at(phys) {
                // SAFETY: In a table, of which only this thread has any.
                *entry = unsafe { (*slot).load() };
            }
        }
    }

    /// Returns the walker's data at `phys`: zero where nothing was ever written back.
    fn read(&mut self, phys: u64) -> u32 {
        self.entry_at(phys).map_or(0, |entry| *entry)
    }

    /// Returns the walker's first-level entry for an input address.
    fn first_level(&mut self, iova: usize) -> u32 {
        self.read(self.l1 + (iova >> 20) as u64 * 4)
    }

    /// Returns the output address that the walker finds for an input address; zero if it faults.
    fn walk(&mut self, iova: usize) -> u64 {
        let first = self.first_level(iova);
        let mapping = if first & 3 == 1 {
            let table = u64::from(first & !0x3ff);
            manual_l2(self.read(table + (iova >> 12 & 0xff) as u64 * 4), false)
        } else {
            manual_l1(first, false)
        };
        mapping.map_or(0, |(paddr, size)| paddr + (iova & (size - 1)) as u64)
    }
}

/// # Safety
///
/// Called by ftrace on entry to functions whose first arguments are a device, an address and a
/// size; `ops` is that of a live [`Memory`], which only one thread uses.
unsafe extern "C" fn on_write_back(
    _ip: c_ulong,
    _parent: c_ulong,
    ops: *mut bindings::ftrace_ops,
    fregs: *mut bindings::ftrace_regs,
) {
    let memory = ops.cast::<Memory>();
    // SAFETY: `fregs` is valid. The device's tables belong to the thread that the memory does, and
    // that is in one of its calls now.
    unsafe {
        if v7s_ftrace_argument(fregs, 0) == (*memory).dev as usize {
            let phys = v7s_ftrace_argument(fregs, 1) as u64;
            (*memory).write_back(phys, v7s_ftrace_argument(fregs, 2));
        }
    }
}

/// Registers a handler that is called on entry to functions.
///
/// # Safety
///
/// `ops` is all zeroes, and the first field of the data that the handler expects, which lives until
/// [`unwatch`] if this succeeds.
unsafe fn watch(ops: *mut bindings::ftrace_ops, handler: Handler, functions: &[&CStr]) -> Result {
    // SAFETY: A new `ftrace_ops` is zeroes and a handler; names are only read.
    unsafe {
        (*ops).func = Some(handler);
        for name in functions {
            let name = name.to_bytes();
            let text = name.as_ptr().cast_mut().cast();
            to_result(bindings::ftrace_set_filter(
                ops,
                text,
                name.len() as c_int,
                0,
            ))?;
        }
        to_result(bindings::register_ftrace_function(ops))
    }
}

/// Returns true if the handler is called no more, and not running either.
///
/// # Safety
///
/// `ops` is registered.
unsafe fn unwatch(ops: *mut bindings::ftrace_ops) -> bool {
    // SAFETY: The caller passes registered `ftrace_ops`.
    unsafe {
        let gone = bindings::unregister_ftrace_function(ops) == 0;
        bindings::ftrace_free_filter(ops);
        gone
    }
}

/// Counts a callback that is too early: the walker still sees a mapping in its `size` bytes.
///
/// # Safety
///
/// `cookie` is a live [`Memory`].
unsafe fn check(cookie: *mut c_void, iova: usize, size: usize) {
    // SAFETY: The caller passes a live `Memory` as `cookie`; its thread is in the call that calls
    // back.
    let memory = unsafe { &mut *cookie.cast::<Memory>() };
    for iova in (iova..iova + size).step_by(SZ_4K) {
        memory.early += usize::from(memory.walk(iova) != 0);
    }
}

/// # Safety
///
/// Called by a set whose cookie is a [`Memory`].
unsafe extern "C" fn flush_walk(iova: usize, size: usize, _granule: usize, cookie: *mut c_void) {
    // SAFETY: The cookie is live.
    unsafe {
        check(cookie, iova, size);
        // Not even an empty table.
        let memory = &mut *cookie.cast::<Memory>();
        memory.early += usize::from(memory.first_level(iova) != 0);
    }
}

/// # Safety
///
/// Called by a set whose cookie is a [`Memory`].
unsafe extern "C" fn add_page(
    _gather: *mut bindings::iommu_iotlb_gather,
    iova: usize,
    granule: usize,
    cookie: *mut c_void,
) {
    // SAFETY: The cookie is live.
    unsafe { check(cookie, iova, granule) };
}

static TLB: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: None,
    tlb_flush_walk: Some(flush_walk),
    tlb_add_page: Some(add_page),
};

/// Callbacks without `tlb_flush_walk`: tables are retired.
static NO_WALK: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: None,
    tlb_flush_walk: None,
    tlb_add_page: Some(add_page),
};

/// A set, with a model of the memory of its walker.
///
/// # Invariants
///
/// `memory` is registered with ftrace and belongs to this value.
struct Watched {
    set: Set,
    memory: NonNull<Memory>,
}

impl Watched {
    /// A set for `dev`, whose walker snoops or not, and whose driver has all callbacks.
    fn new(dev: NonNull<bindings::device>, coherent: bool) -> Result<Self> {
        Self::with(dev, coherent, &TLB)
    }

    /// Makes a set with certain callbacks.
    fn with(
        dev: NonNull<bindings::device>,
        coherent: bool,
        tlb: &'static bindings::iommu_flush_ops,
    ) -> Result<Self> {
        let memory = NonNull::from(KBox::leak(KBox::init(
            pin_init::init_zeroed::<Memory>(),
            GFP_KERNEL,
        )?));
        let sample = KBox::<L2Slots>::init(pin_init::init_zeroed(), GFP_KERNEL)?;
        let sample = core::ptr::from_ref(&*sample).cast();
        // SAFETY: `memory` is zeroes and begins with its `ftrace_ops`; it is leaked if anything
        // fails from here on. `sample` is in the linear map.
        unsafe {
            let phys = crate::slab::tests::virt_to_phys(sample);
            (*memory.as_ptr()).linear = v7s_linear_distance(phys);
            (*memory.as_ptr()).dev = dev.as_ptr();
            watch(
                memory.as_ptr().cast(),
                on_write_back,
                &[c"dma_map_phys", c"__dma_sync_single_for_device"],
            )?;
        }
        let mut cfg = noncoherent(dev, 0, IAS, 32);
        cfg.coherent_walk = coherent;
        cfg.tlb = tlb;
        // SAFETY: The callbacks' cookie, which lives longer than the set.
        let set = unsafe { Set::with_cookie(cfg, memory.as_ptr().cast())? };
        // SAFETY: `memory` was leaked above, and no call is running that uses it.
        unsafe { (*memory.as_ptr()).l1 = set.table().l1_phys() };
        // INVARIANT: Just registered.
        Ok(Self { set, memory })
    }

    fn memory(&mut self) -> &mut Memory {
        // SAFETY: `memory` belongs to `self`, and no call is running in which ftrace or the set use
        // it.
        unsafe { self.memory.as_mut() }
    }

    /// Returns true if walker and callers see the same at all addresses, and no callback was too
    /// early.
    fn sees_all(&mut self) -> bool {
        let addresses = (0..1 << IAS).step_by(SZ_4K);
        addresses.map(|page| page + 0x123).all(|iova| {
            let expected = self.set.phys(iova);
            same!(self.memory().walk(iova), expected, "walk from {iova:#x}")
        }) && same!(self.memory().early, 0, "callbacks that were early")
            && same!(self.memory().lost, 0, "memory without room")
    }

    /// Returns the number of write-backs since the last call.
    fn calls(&mut self) -> usize {
        core::mem::take(&mut self.memory().calls)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let memory = self.memory.as_ptr();
        // SAFETY: Registered (type invariant). No CPU is in the handler after that, and the set,
        // which is dropped later, calls nothing with its cookie then: `tlb_flush_all` is absent.
        unsafe {
            if unwatch(memory.cast()) {
                drop(KBox::from_raw(memory));
            }
        }
    }
}

/// Number of calls of a function for a device.
#[repr(C)]
struct Calls {
    // The first field, as in `Memory`.
    ops: Opaque<bindings::ftrace_ops>,
    dev: *mut bindings::device,
    calls: usize,
    /// Number of calls at the time of the last `tlb_flush_walk`.
    at_walk: usize,
}

// SAFETY: Numbers and pointers; `ftrace_ops` is what C initialises with zeroes.
unsafe impl Zeroable for Calls {}

/// # Safety
///
/// Called by ftrace on entry to functions whose first argument is a device; `ops` is that of a live
/// [`Calls`], for whose device only one thread calls them.
unsafe extern "C" fn on_call(
    _ip: c_ulong,
    _parent: c_ulong,
    ops: *mut bindings::ftrace_ops,
    fregs: *mut bindings::ftrace_regs,
) {
    let calls = ops.cast::<Calls>();
    // SAFETY: `fregs` is valid, and only this thread uses the number.
    unsafe {
        if v7s_ftrace_argument(fregs, 0) == (*calls).dev as usize {
            (*calls).calls += 1;
        }
    }
}

/// A function whose calls are counted.
///
/// # Invariants
///
/// The calls are registered with ftrace and belong to this value.
struct Counted(NonNull<Calls>);

impl Counted {
    fn new(dev: NonNull<bindings::device>, function: &CStr) -> Result<Self> {
        let calls = KBox::init(pin_init::init_zeroed::<Calls>(), GFP_KERNEL)?;
        let calls = NonNull::from(KBox::leak(calls));
        // SAFETY: `calls` is zeroes and begins with its `ftrace_ops`; it stays if this fails.
        unsafe {
            (*calls.as_ptr()).dev = dev.as_ptr();
            watch(calls.as_ptr().cast(), on_call, &[function])?;
        }
        // INVARIANT: Just registered.
        Ok(Self(calls))
    }

    fn get(&self) -> usize {
        // SAFETY: The data belongs to `self`, and no call is running.
        unsafe { (*self.0.as_ptr()).calls }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let calls = self.0.as_ptr();
        // SAFETY: Registered (type invariant); only the handler uses it.
        unsafe {
            if unwatch(calls.cast()) {
                drop(KBox::from_raw(calls));
            }
        }
    }
}

/// # Safety
///
/// Called by a set whose cookie is a [`Calls`].
unsafe extern "C" fn note_calls(_iova: usize, _size: usize, _granule: usize, cookie: *mut c_void) {
    let calls = cookie.cast::<Calls>();
    // SAFETY: The cookie is live, and its thread is in the call that calls back.
    unsafe { (*calls).at_walk = (*calls).calls };
}

static NOTING: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: None,
    tlb_flush_walk: Some(note_calls),
    tlb_add_page: None,
};

#[kunit_tests(v7s_sync)]
mod suite {
    use super::*;

    #[test]
    fn nothing_at_first() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        assert!(watched.calls() > 0);
        assert!(watched.sees_all());
        Ok(())
    }

    /// One page and its table, another page, and another table.
    #[test]
    fn single_pages() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        for page in [0, 1, 255, 256, 511, 15 * 256] {
            assert!(watched.set.maps(page * SZ_4K, 0x4000_0000, SZ_4K, 1));
            assert!(watched.sees_all());
        }
        for page in [0, 255, 256, 15 * 256] {
            assert_eq!(watched.set.unmap(page * SZ_4K, SZ_4K, 1), SZ_4K);
            assert!(watched.sees_all());
        }
        Ok(())
    }

    #[test]
    fn runs() -> Result {
        let dev = device()?;
        for size in SIZES {
            let mut watched = Watched::new(dev, false)?;
            let all = (1 << IAS) / size;
            let count = all.min(600);
            let first = (all - count).min(0xf5);
            assert!(watched.set.maps(first * size, 0x4000_0000, size, count));
            assert!(watched.sees_all());
            // The first half, and the rest.
            let half = count / 2;
            assert_eq!(watched.set.unmap(first * size, size, half), half * size);
            assert!(watched.sees_all());
            let (second, rest) = (first + half, count - half);
            assert_eq!(watched.set.unmap(second * size, size, rest), rest * size);
            assert!(watched.sees_all());
        }
        Ok(())
    }

    /// A run up to an existing mapping.
    #[test]
    fn prefixes() -> Result {
        let dev = device()?;
        for size in [SZ_4K, SZ_64K, SZ_1M] {
            let mut watched = Watched::new(dev, false)?;
            assert!(watched.set.maps(12 * size, 0, size, 1));
            assert_eq!(
                watched.set.map(0, 0x4000_0000, size, 15),
                (errno(EEXIST), 12 * size)
            );
            assert!(watched.sees_all());
            assert_eq!(watched.set.unmap(0, size, 15), 13 * size);
            assert!(watched.sees_all());
        }
        Ok(())
    }

    /// Tables that are unmapped with their content.
    #[test]
    fn tables_that_go() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        for (size, count) in [(SZ_1M, 3), (SZ_16M, 1)] {
            assert!(watched
                .set
                .maps(0, 0x4000_0000, SZ_4K, count * size / SZ_4K));
            assert_eq!(watched.set.unmap(0, size, count), count * size);
            assert!(watched.sees_all());
        }
        Ok(())
    }

    /// Tables that are replaced by sections.
    #[test]
    fn tables_that_give_way() -> Result {
        let dev = device()?;
        for size in [SZ_1M, SZ_16M] {
            let mut watched = Watched::new(dev, false)?;
            assert!(watched.set.maps(0, 0x4000_0000, SZ_4K, 3 * 256));
            assert_eq!(watched.set.unmap(0, SZ_4K, 3 * 256), 3 * SZ_1M);
            assert!(watched.set.maps(0, 0x8000_0000, size, SZ_16M / size));
            assert!(watched.sees_all());
        }
        Ok(())
    }

    /// Once for each table that a run is in. The entry that refers to it was written back when the
    /// table was installed.
    #[test]
    fn once_per_run() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        assert!(watched.set.maps(0, 0, SZ_4K, 512));
        assert_eq!(watched.set.unmap(0, SZ_4K, 512), 2 * SZ_1M);
        watched.calls();
        assert!(watched.set.maps(0, 0, SZ_4K, 512));
        assert!(watched.calls() <= 2);
        assert_eq!(watched.set.unmap(0, SZ_4K, 512), 2 * SZ_1M);
        assert!(watched.calls() <= 2);
        assert!(watched.set.maps(0, 0, SZ_4K, 1));
        assert!(watched.calls() <= 1);
        assert_eq!(watched.set.unmap(0, SZ_4K, 1), SZ_4K);
        assert!(watched.calls() <= 1);
        Ok(())
    }

    /// A table that another CPU installed, but whose entry it has not written back yet: the caller
    /// that finds it writes the entry back before it returns.
    #[test]
    fn entry_of_another_cpu() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        assert!(watched.set.maps(0, 0x4000_0000, SZ_4K, 1));
        let (_, mark) = watched.set.table().slot(0).ok_or(ENOENT)?;
        mark.clear();
        let l1 = watched.memory().l1;
        *watched.memory().entry_at(l1).ok_or(ENOENT)? = 0;
        assert_eq!(watched.memory().walk(0), 0);
        assert!(watched.set.maps(SZ_4K, 0x5000_0000, SZ_4K, 1));
        assert!(watched.sees_all());
        Ok(())
    }

    /// Tables made and removed at one place: each entry is written back.
    #[test]
    fn entries_of_new_tables() -> Result {
        let dev = device()?;
        for tlb in [&TLB, &NO_WALK] {
            let mut watched = Watched::with(dev, false, tlb)?;
            for round in 0..4 {
                let paddr = 0x4000_0000 + round * SZ_1M as u64;
                assert!(watched.set.maps(SZ_1M, paddr, SZ_4K, 256));
                assert!(watched.sees_all());
                assert_eq!(watched.set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
                assert!(watched.sees_all());
                assert!(watched.set.maps(SZ_1M, paddr, SZ_1M, 1));
                assert_eq!(watched.set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
            }
        }
        Ok(())
    }

    /// A retired table used at another place: its old mappings are not visible there.
    #[test]
    fn retired_tables() -> Result {
        let dev = device()?;
        let mut watched = Watched::with(dev, false, &NO_WALK)?;
        for section in 0..8 {
            assert!(watched.set.maps(section * SZ_1M, 0x4000_0000, SZ_4K, 256));
            assert_eq!(watched.set.unmap(section * SZ_1M, SZ_1M, 1), SZ_1M);
            assert!(watched.sees_all());
            let next = (section + 1) * SZ_1M;
            assert!(watched.set.maps(next, 0x8000_0000, SZ_64K, 1));
            assert!(watched.sees_all());
            assert_eq!(watched.set.unmap(next, SZ_64K, 1), SZ_64K);
        }
        Ok(())
    }

    /// Populated tables: visible at once, empty after all they map was unmapped, and gone after a
    /// trim.
    #[test]
    fn populated_tables() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, false)?;
        assert_eq!(watched.set.populate(0, 2 * SZ_1M), OK);
        for mib in 0..2 {
            let entry = watched.set.l1_entry(mib * SZ_1M);
            assert_eq!(watched.memory().first_level(mib * SZ_1M), entry);
        }
        watched.calls();
        assert!(watched.set.maps(0, 0x4000_0000, SZ_4K, 512));
        assert_eq!(watched.calls(), 2);
        assert!(watched.sees_all());
        assert_eq!(watched.set.unmap(0, SZ_1M, 1), SZ_1M);
        // Its callback comes with the table in place.
        watched.memory().early = 0;
        assert!(watched.sees_all());
        assert!(watched.set.has_table(0));
        watched.set.trim(0, SZ_1M);
        assert_eq!(watched.memory().first_level(0), 0);
        assert!(watched.sees_all());
        Ok(())
    }

    /// Each table is DMA-mapped once and unmapped once.
    #[test]
    fn tables_come_back() -> Result {
        let dev = device()?;
        let attached = Counted::new(dev, c"dma_map_phys")?;
        let detached = Counted::new(dev, c"dma_unmap_phys")?;
        let live = || attached.get() - detached.get();

        let mut cfg = noncoherent(dev, 0, IAS, 32);
        cfg.tlb = &TOLD;
        let set = Set::new(cfg)?;
        assert_eq!(live(), 1);
        assert!(set.maps(0, 0, SZ_4K, 4 * 256));
        assert_eq!(live(), 5);
        // Unmapping pages keeps tables; unmapping sections removes them, mapping sections replaces
        // them.
        assert_eq!(set.unmap(0, SZ_4K, 256), SZ_1M);
        assert_eq!(live(), 5);
        assert_eq!(set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
        assert_eq!(live(), 4);
        assert!(set.maps(0, 0, SZ_1M, 2));
        assert_eq!(live(), 3);
        // A refused call makes none.
        assert_eq!(set.map(0, 0, SZ_4K, 1), (errno(EEXIST), 0));
        assert_eq!(set.map(5 * SZ_1M, 0, SZ_4K, 0), (errno(EINVAL), 0));
        assert_eq!(live(), 3);
        assert_eq!(set.unmap(0, SZ_1M, 4), 4 * SZ_1M);
        assert_eq!(live(), 1);
        assert!(set.maps(8 * SZ_1M, 0, SZ_64K, 40));
        assert_eq!(live(), 4);
        drop(set);
        assert_eq!(live(), 0);
        Ok(())
    }

    /// A table is DMA-unmapped after `tlb_flush_walk`.
    #[test]
    fn tables_go_after_flush_walk() -> Result {
        let dev = device()?;
        let detached = Counted::new(dev, c"dma_unmap_phys")?;
        let mut cfg = noncoherent(dev, 0, IAS, 32);
        cfg.tlb = &NOTING;
        // SAFETY: The callbacks' cookie, which is dropped after the set.
        let set = unsafe { Set::with_cookie(cfg, detached.0.as_ptr().cast())? };
        // SAFETY: The data belongs to `self`, and no call is running.
        let at_walk = || unsafe { (*detached.0.as_ptr()).at_walk };

        assert!(set.maps(0, 0, SZ_4K, 3 * 256));
        assert_eq!(set.unmap(SZ_1M, SZ_1M, 1), SZ_1M);
        assert_eq!((at_walk(), detached.get()), (0, 1));
        assert_eq!(set.unmap(0, SZ_1M, 1), SZ_1M);
        assert_eq!((at_walk(), detached.get()), (1, 2));
        assert_eq!(set.unmap(2 * SZ_1M, SZ_4K, 256), SZ_1M);
        assert!(set.maps(2 * SZ_1M, 0, SZ_1M, 1));
        assert_eq!((at_walk(), detached.get()), (2, 3));
        Ok(())
    }

    /// With a walker that snoops, the DMA layer is not called.
    #[test]
    fn coherent_walker() -> Result {
        let dev = device()?;
        let mut watched = Watched::new(dev, true)?;
        for size in SIZES {
            assert!(watched.set.maps(0, 0x4000_0000, size, 1));
            assert_eq!(watched.set.unmap(0, size, 1), size);
        }
        assert_eq!(watched.calls(), 0);
        Ok(())
    }
}
