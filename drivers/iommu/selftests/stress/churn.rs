// SPDX-License-Identifier: GPL-2.0

//! v7s_churn: changes tables all the time, while a test reads them in debugfs.
//!
//! While it is loaded, a thread on each CPU maps and unmaps pages of all sizes, each in 16 MiB of
//! its own, so that second-level tables come and go; another thread makes sets and frees them. CPUs
//! with even numbers share one set, whose driver can be told to flush walks, so that its tables are
//! freed; the others share a second, whose tables are kept. Each mapping leads to its input address
//! plus [`OFFSET`], with the flags of its page size in [`SIZES`]; a reader must see nothing else.
//!
//! `modprobe` loads `io_pgtable_arm_v7s_rust` first. The number of failures is logged when the
//! module is unloaded.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    cpu::nr_cpu_ids,
    error::from_err_ptr,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use io_pgtable_arm_v7s_rust::{
    alloc_io_pgtable_arm_v7s_rust_ops,
    free_io_pgtable_arm_v7s_rust_ops, //
};

module! {
    type: Churn,
    name: "v7s_churn",
    authors: ["v7s-rs developers"],
    description: "Changes ARMv7 short-descriptor page tables all the time",
    license: "GPL",
}

/// Distance from input to output addresses.
const OFFSET: u64 = 0x8000_0000;

/// Page sizes, and the flags of pages of each size.
const SIZES: [(usize, u32); 4] = [
    (SZ_4K, prot::READ | prot::WRITE),
    (SZ_64K, prot::READ),
    (SZ_1M, prot::READ | prot::WRITE | prot::CACHE),
    (SZ_16M, prot::READ | prot::MMIO | prot::NOEXEC),
];

/// The callbacks of a driver that can be told to flush walks.
static TOLD: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: None,
    tlb_flush_walk: Some(ignore_walk),
    tlb_add_page: None,
};

extern "C" fn ignore_walk(_iova: usize, _size: usize, _granule: usize, _cookie: *mut c_void) {}

/// A table set.
///
/// # Invariants
///
/// Made by `alloc_io_pgtable_arm_v7s_rust_ops()` and not freed.
struct Set(NonNull<bindings::io_pgtable_ops>);

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Set {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for Set {}

impl Set {
    fn new(told: bool) -> Result<Self> {
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: SIZES.iter().fold(0, |bitmap, (size, _)| bitmap | size),
            ias: 32,
            oas: 32,
            coherent_walk: true,
            tlb: if told { &TOLD } else { ptr::null() },
            ..Default::default()
        };
        // SAFETY: `cfg` is valid, its callbacks are static, and it names no device.
        let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, ptr::null_mut()) };
        // INVARIANT: Just made.
        NonNull::new(ops).map(Self).ok_or(ENOMEM)
    }

    /// Maps `count` pages of one of [`SIZES`]. Returns true if all were mapped.
    ///
    /// # Safety
    ///
    /// No other thread maps or unmaps these addresses at the same time.
    unsafe fn map(&self, iova: usize, (size, flags): (usize, u32), count: usize) -> bool {
        let ops = self.0.as_ptr();
        let mut mapped = 0;
        // SAFETY: A live set (invariant); the addresses are the caller's alone.
        let ret = unsafe {
            (*ops).map_pages.map_or(-1, |map_pages| {
                map_pages(
                    ops,
                    iova,
                    (iova as u64 + OFFSET) as bindings::phys_addr_t,
                    size,
                    count,
                    flags as c_int,
                    bindings::GFP_KERNEL,
                    &mut mapped,
                )
            })
        };
        ret == 0 && mapped == size * count
    }

    /// Unmaps `count` pages of `size` bytes. Returns true if all were unmapped.
    ///
    /// # Safety
    ///
    /// The requirements of [`map`](Self::map).
    unsafe fn unmap(&self, iova: usize, size: usize, count: usize) -> bool {
        let ops = self.0.as_ptr();
        // SAFETY: A live set (invariant); the addresses are the caller's alone.
        let unmapped = unsafe {
            (*ops).unmap_pages.map_or(0, |unmap_pages| {
                unmap_pages(ops, iova, size, count, ptr::null_mut())
            })
        };
        unmapped == size * count
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: A table set (invariant) that no device walks.
        unsafe { free_io_pgtable_arm_v7s_rust_ops(self.0.as_ptr()) };
    }
}

/// The mapping of a MiB, or of sixteen.
#[derive(Clone, Copy)]
enum Way {
    Small,
    Gaps,
    Mixed,
    Large,
    Section,
    Supersection,
}

/// The order in which each MiB has its turn.
const WAYS: [Way; 5] = [Way::Gaps, Way::Section, Way::Small, Way::Mixed, Way::Large];

/// The places of small pages that leave gaps.
fn gaps() -> impl Iterator<Item = usize> {
    (0..256)
        .filter(|page| page % 5 != 0)
        .map(|page| page * SZ_4K)
}

/// The work of one thread.
struct Work {
    set: Arc<Set>,
    /// Its 16 MiB of input addresses.
    base: usize,
    /// Does a round; returns the name of the call that failed, if any.
    round: fn(&Self, round: usize) -> Result,
    rounds: Atomic<usize>,
    failures: Atomic<usize>,
}

impl Work {
    fn new(
        set: &Arc<Set>,
        number: usize,
        round: fn(&Self, round: usize) -> Result,
    ) -> Result<KBox<Self>> {
        let work = Self {
            set: set.clone(),
            base: number * SZ_16M,
            round,
            rounds: Atomic::new(0),
            failures: Atomic::new(0),
        };
        Ok(KBox::new(work, GFP_KERNEL)?)
    }

    /// Unmaps the mappings of the last round, and makes others.
    fn change(&self, round: usize) -> Result {
        if let Some(before) = round.checked_sub(1) {
            self.each(before, Self::clear)?;
        }
        self.each(round, Self::fill)
    }

    /// Calls `change` for all mappings of a round: sometimes a supersection, otherwise a different
    /// kind for each MiB.
    fn each(&self, round: usize, change: fn(&Self, usize, Way) -> bool) -> Result {
        let fine = if round % 4 == 3 {
            change(self, self.base, Way::Supersection)
        } else {
            (0..16).all(|mib| {
                let iova = self.base + mib * SZ_1M;
                let way = WAYS[(round + mib) % WAYS.len()];
                change(self, iova, way)
            })
        };
        fine.then_some(()).ok_or(EIO)
    }

    /// Maps at `iova`, where an empty table often has to be removed.
    fn fill(&self, iova: usize, way: Way) -> bool {
        let [small, large, section, supersection] = SIZES;
        let half = iova + SZ_1M / 2;
        // SAFETY: The addresses are this thread's.
        unsafe {
            match way {
                Way::Small => self.set.map(iova, small, 256),
                Way::Gaps => gaps().all(|at| self.set.map(iova + at, small, 1)),
                Way::Mixed => self.set.map(iova, large, 7) && self.set.map(half, small, 128),
                Way::Large => self.set.map(iova, large, 16),
                Way::Section => self.set.map(iova, section, 1),
                Way::Supersection => self.set.map(iova, supersection, 1),
            }
        }
    }

    /// Unmaps it; a whole MiB together with its table.
    fn clear(&self, iova: usize, way: Way) -> bool {
        let half = iova + SZ_1M / 2;
        // SAFETY: The addresses are this thread's.
        unsafe {
            match way {
                Way::Small | Way::Large | Way::Section => self.set.unmap(iova, SZ_1M, 1),
                Way::Gaps => gaps().all(|at| self.set.unmap(iova + at, SZ_4K, 1)),
                Way::Mixed => self.set.unmap(iova, SZ_64K, 7) && self.set.unmap(half, SZ_4K, 128),
                Way::Supersection => self.set.unmap(iova, SZ_16M, 1),
            }
        }
    }

    /// Makes another set with some mappings, and frees it.
    fn make_and_free(&self, round: usize) -> Result {
        let set = Set::new(round % 2 == 0)?;
        for (i, size) in SIZES.into_iter().enumerate() {
            // SAFETY: The set is not shared.
            if !unsafe { set.map(i * SZ_16M, size, 1 + round % 5) } {
                return Err(EIO);
            }
        }
        // Long enough for a reader to find the set.
        fsleep(Delta::from_millis(100));
        Ok(())
    }

    fn run(&self) {
        // SAFETY: Called by a kernel thread.
        while !unsafe { bindings::kthread_should_stop() } {
            let round = self.rounds.load(Relaxed);
            if let Err(e) = (self.round)(self, round) {
                let failures = self.failures.load(Relaxed);
                if failures == 0 {
                    pr_err!("round {round} at {:#x} failed: {e:?}\n", self.base);
                }
                self.failures.store(failures + 1, Relaxed);
            }
            self.rounds.store(round + 1, Relaxed);
            // Lets other tasks run. Three divides none of the periods here.
            if round % 3 == 0 {
                fsleep(Delta::from_millis(1));
            }
        }
    }
}

/// A thread at work; stopped when dropped.
///
/// # Invariants
///
/// The task runs [`run`] with `work`, and was not stopped.
struct Thread {
    task: NonNull<bindings::task_struct>,
    work: KBox<Work>,
}

// SAFETY: A thread may be stopped by any other.
unsafe impl Send for Thread {}
// SAFETY: A reference is good for reading counters.
unsafe impl Sync for Thread {}

impl Thread {
    fn new(work: KBox<Work>, cpu: Option<u32>) -> Result<Self> {
        // SAFETY: `run` takes work, which lives until the thread was stopped. The name has nothing
        // to format.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(run),
                ptr::from_ref(&*work).cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"v7s_churn".as_char_ptr(),
            )
        })?;
        // SAFETY: A new thread, which was never woken up.
        unsafe {
            if let Some(cpu) = cpu {
                bindings::kthread_bind(task, cpu);
            }
            bindings::wake_up_process(task);
        }
        let task = NonNull::new(task).ok_or(ENOMEM)?;
        // INVARIANT: It was just made.
        Ok(Self { task, work })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: It was not stopped (invariant), and `run` does not end before.
        unsafe { bindings::kthread_stop(self.task.as_ptr()) };
        pr_info!(
            "{:#x}: {} rounds, {} failures\n",
            self.work.base,
            self.work.rounds.load(Relaxed),
            self.work.failures.load(Relaxed)
        );
    }
}

/// # Safety
///
/// `work` is a [`Work`] that lives until the thread was stopped, and this is a kernel thread.
unsafe extern "C" fn run(work: *mut c_void) -> c_int {
    // SAFETY: The caller passes a live `Work` as `work`.
    unsafe { &*work.cast::<Work>() }.run();
    0
}

struct Churn {
    _threads: KVec<Thread>,
}

impl kernel::Module for Churn {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut sets = KVec::new();
        for told in [true, false] {
            sets.push(Arc::new(Set::new(told)?, GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let mut threads = KVec::new();
        let cpus = nr_cpu_ids();
        for (cpu, set) in (0..cpus).zip(sets.iter().cycle()) {
            let work = Work::new(set, cpu as usize, Work::change)?;
            threads.push(Thread::new(work, Some(cpu))?, GFP_KERNEL)?;
        }
        let work = Work::new(&sets[0], cpus as usize, Work::make_and_free)?;
        threads.push(Thread::new(work, None)?, GFP_KERNEL)?;
        Ok(Self { _threads: threads })
    }
}
