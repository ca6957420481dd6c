// SPDX-License-Identifier: GPL-2.0

//! Translation, invalidation, and detection of stale cached items.
//!
//! An access that hits a cache is also looked up in the tables. If the results differ, the driver
//! missed an invalidation, or the device uses an unmapped address: no driver changes a mapping that
//! is in use. A cached first-level entry is checked likewise.
//!
//! Only walks that led to a page are cached. An unmapping may remove a table that maps nothing
//! else; therefore no table has been removed when less than all that it maps is invalidated.

use core::ops::RangeInclusive;

use kernel::{
    fmt,
    prelude::*,
    processor::cpu_relax,
    sync::global_lock, //
};

use crate::{
    cache::{
        Cache,
        Covers, //
    },
    counts::Counts,
    decode::{
        self,
        First,
        Miss,
        Page,
        Step, //
    },
    registers::{
        Registers, //
        BANK,
        MMU_PT_BASE_ADDR,
    }, //
};

// In helpers.c.
extern "C" {
    fn soft_m4u_preempt_disable();
    fn soft_m4u_preempt_enable();
}

global_lock! {
    // SAFETY: Initialised when the module is loaded, before any thread or device uses it.
    /// The M4U, while the module is loaded.
    unsafe(uninit) static ENGINE: SpinLock<Option<Engine>> = None;
}

/// Initialises the lock.
///
/// # Safety
///
/// Called once, before the lock is used.
pub(crate) unsafe fn init() {
    // SAFETY: Called once (function requirement).
    unsafe { ENGINE.init() };
}

/// Calls `f` with the engine, under its lock.
///
/// The owner is not preempted, even on PREEMPT_RT, where a lock would allow it: a driver that polls
/// the M4U may have the CPU of a preempted owner, and the M4U would wait for both.
pub(crate) fn locked<T>(f: impl FnOnce(&mut Option<Engine>) -> T) -> T {
    if !cfg!(CONFIG_PREEMPT_RT) {
        return f(&mut ENGINE.lock());
    }
    let mut engine = loop {
        // SAFETY: Enabled below, before anything that may sleep.
        unsafe { soft_m4u_preempt_disable() };
        if let Some(engine) = ENGINE.try_lock() {
            break engine;
        }
        // SAFETY: Disabled above.
        unsafe { soft_m4u_preempt_enable() };
        cpu_relax();
    };
    let result = f(&mut engine);
    drop(engine);
    // SAFETY: Disabled above.
    unsafe { soft_m4u_preempt_enable() };
    result
}

/// The number of errors of all kinds that are logged.
const REPORTED: u64 = 10;

pub(crate) struct Engine {
    pub(crate) registers: Registers,
    pub(crate) counts: Counts,
    /// True if the fault registers hold a fault that the driver did not clear yet.
    pub(crate) fault_latched: bool,
    tlb: Cache<Page, 64>,
    walks: Cache<Step, 16>,
    ignore_every: u32,
    /// Number of invalidations, ignored ones included.
    asked: u32,
}

impl Engine {
    pub(crate) fn new(ignore_every: u32) -> Result<Self> {
        Ok(Self {
            registers: Registers::map()?,
            counts: Counts::default(),
            fault_latched: false,
            tlb: Cache::new()?,
            walks: Cache::new()?,
            ignore_every,
            asked: 0,
        })
    }

    fn base(&self) -> u32 {
        self.registers.read(BANK, MMU_PT_BASE_ADDR)
    }

    /// Returns the page that `iova` is in. [`EFAULT`] if nothing is mapped there, [`EIO`] and a
    /// line in the log if a cached item is stale or an entry invalid.
    pub(crate) fn translate(&mut self, iova: u64) -> Result<Page> {
        let base = self.base();
        if let Some(page) = self.tlb.find(iova) {
            self.counts.hits += 1;
            if walk(base, iova) == Ok(page) {
                return Ok(page);
            }
            self.counts.stale_translations += 1;
            self.report(iova, "a translation is used that is no longer so");
            return Err(EIO);
        }
        self.counts.misses += 1;
        match self.miss(base, iova) {
            Ok(page) => {
                self.tlb.insert(page);
                Ok(page)
            }
            Err(Miss::Unmapped) => Err(EFAULT),
            Err(Miss::Moved) => {
                self.counts.stale_walks += 1;
                self.report(iova, "a table is used that is no longer in its place");
                Err(EIO)
            }
            Err(miss) => {
                self.counts.malformed += 1;
                self.report(iova, "the tables make no sense");
                pr_err!("{miss:x?}\n");
                Err(EIO)
            }
        }
    }

    /// Walks the tables, from the cached first-level entry if there is one.
    fn miss(&mut self, base: u32, iova: u64) -> Result<Page, Miss> {
        if let Some(step) = self.walks.find(iova) {
            self.counts.walk_hits += 1;
            if !leads(base, step) {
                return Err(Miss::Moved);
            }
            return decode::second(step, iova);
        }
        match decode::first(base, iova)? {
            First::Page(page) => Ok(page),
            First::Step(step) => {
                let page = decode::second(step, iova)?;
                self.walks.insert(step);
                Ok(page)
            }
        }
    }

    /// Invalidates the addresses in `range`, as the driver asks.
    pub(crate) fn invalidate(&mut self, range: RangeInclusive<u64>) {
        self.asked = self.asked.wrapping_add(1);
        if self.ignore_every != 0 && self.asked % self.ignore_every == 0 {
            self.counts.ignored += 1;
            return;
        }
        let base = self.base();
        let counts = &mut self.counts;
        self.tlb.invalidate(&range, |page| {
            counts.dropped += 1;
            if walk(base, page.iova) != Ok(page) {
                counts.dropped_in_time += 1;
            }
        });
        let mut early = None;
        self.walks.invalidate(&range, |step| {
            if leads(base, step) {
                return;
            }
            let all = step.range();
            if range.contains(all.start()) && range.contains(all.end()) {
                counts.taken_first += 1;
            } else {
                counts.taken_early += 1;
                early = Some(step.iova);
            }
        });
        if let Some(iova) = early {
            self.report(
                iova,
                "a table went while the walker was to know a part of it",
            );
        }
    }

    /// Looks through the caches for stale items. Called while no mapping is being made or removed.
    pub(crate) fn check(&mut self) {
        let base = self.base();
        let stale = self
            .tlb
            .iter()
            .find(|page| walk(base, page.iova) != Ok(*page));
        let moved = self.walks.iter().find(|step| !leads(base, *step));
        if let Some(iova) = stale.map(|page| page.iova).or(moved.map(|step| step.iova)) {
            self.counts.left_behind += 1;
            self.report(iova, "something is remembered that is no longer so");
        }
    }

    /// Logs an error that was just counted.
    pub(crate) fn report(&self, iova: u64, what: &str) {
        if self.counts.errors() <= REPORTED {
            pr_err!("iova {iova:#x}: {what}\n");
        }
    }

    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "base {:#x}", self.base())?;
        self.counts.show(f)
    }
}

/// Returns the current translation in the tables.
fn walk(base: u32, iova: u64) -> Result<Page, Miss> {
    match decode::first(base, iova)? {
        First::Page(page) => Ok(page),
        First::Step(step) => decode::second(step, iova),
    }
}

/// Returns true if the first-level entry is unchanged.
fn leads(base: u32, step: Step) -> bool {
    matches!(decode::first(base, step.iova), Ok(First::Step(now)) if now == step)
}
