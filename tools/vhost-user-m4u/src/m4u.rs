// SPDX-License-Identifier: GPL-2.0

//! Bank 0 of an MT8195's infrastructure IOMMU: registers in guest memory, which mtk_iommu uses as
//! hardware registers.
//!
//! Writes to memory are not trapped, so a thread polls the registers. Each access of a device
//! checks for an invalidation first, so that a translation is never used after its invalidation was
//! requested, even if the thread is late. Accesses in progress delay the answer to an
//! invalidation, as in hardware.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::interrupt::Interrupt;
use crate::ram::Ram;
use crate::tlb::Tlb;
use crate::walk::{walk, Miss, Page};

/// Registers by offset.
const PT_BASE_ADDR: u64 = 0x000;
const INVALIDATE: u64 = 0x020;
const INVALIDATE_START: u64 = 0x024;
const INVALIDATE_END: u64 = 0x028;
const INT_CONTROL0: u64 = 0x120;
const CPE_DONE: u64 = 0x12c;
const FAULT_ST1: u64 = 0x134;
const MMU0_FAULT_VA: u64 = 0x13c;
const MMU0_INVLD_PA: u64 = 0x140;
const MMU0_INT_ID: u64 = 0x150;

const INVALIDATE_RANGE: u32 = 1;
const INVALIDATE_ALL: u32 = 2;
const INT_CLEAR: u32 = 1 << 12;
const FAULT_TRANSLATION: u32 = 1;
const FAULT_WRITE: u32 = 1 << 1;

/// Microseconds. The driver waits for a millisecond. If the registers were not read for half of it,
/// an invalidation may have timed out and been overwritten by another: then everything is
/// invalidated.
const LATE: u64 = 500;
/// Time between two polls, with tables and before there are any.
const POLL: Duration = Duration::from_micros(50);
const IDLE: Duration = Duration::from_millis(10);
/// Maximum number of logged malformed entries.
const SHOWN: u64 = 10;
/// Time between two fault interrupts.
const FAULT_INTERVAL: Duration = Duration::from_millis(10);

pub struct M4u {
    ram: &'static Ram,
    registers: u64,
    tlb: Mutex<Tlb>,
    /// Held shared by accesses, from translation to the last byte.
    accesses: RwLock<()>,
    started: Instant,
    /// Time of the last poll, in microseconds since `started`.
    looked: AtomicU64,
    interrupt: Mutex<Option<FaultUnit>>,
    /// Pages that were used and then invalidated, the newest last.
    freed: Mutex<Vec<u64>>,
    /// The page after a buffer that was used lately.
    past_buffer: AtomicU64,
    pub counts: Counts,
}

/// Passes the first fault to the driver, and the next one after the driver has cleared it.
struct FaultUnit {
    line: Interrupt,
    latched: bool,
    quiet_until: Instant,
}

/// Pages that are kept for [`M4u::take_freed`].
const FREED: usize = 1024;

impl M4u {
    /// The registers are at physical address `registers`; `line` is the interrupt, if any.
    pub fn new(ram: &'static Ram, registers: u64, line: Option<Interrupt>) -> Option<Self> {
        ram.slice(registers, 0x1000)?;
        let unit = line.map(|line| FaultUnit {
            line,
            latched: false,
            quiet_until: Instant::now(),
        });
        Some(Self {
            ram,
            registers,
            tlb: Mutex::new(Tlb::new()),
            accesses: RwLock::new(()),
            started: Instant::now(),
            looked: AtomicU64::new(0),
            interrupt: Mutex::new(unit),
            freed: Mutex::new(Vec::new()),
            past_buffer: AtomicU64::new(0),
            counts: Counts::default(),
        })
    }

    fn register(&self, offset: u64) -> &AtomicU32 {
        self.ram
            .word(self.registers + offset)
            .expect("M4u::new() checked that the registers are in memory")
    }

    fn invalidation_pending(&self) -> bool {
        let command = self.register(INVALIDATE).load(Ordering::Acquire);
        command & (INVALIDATE_RANGE | INVALIDATE_ALL) != 0
    }

    /// Calls `f` with the physical address of `iova` while the translation holds. What `f` touches
    /// must not reach beyond a page of 4 KiB.
    pub fn access<R>(&self, iova: u64, write: bool, f: impl FnOnce(u64) -> R) -> Result<R, Miss> {
        self.counts.translations.add(1);
        self.hold(iova, write, true, f)
    }

    /// Performs a rogue access like [`Self::access`], without inserting the translation into the
    /// TLB, which holds only pages that requests of the driver have used.
    pub fn stray<R>(&self, iova: u64, write: bool, f: impl FnOnce(u64) -> R) -> Result<R, Miss> {
        self.hold(iova, write, false, f)
    }

    fn hold<R>(
        &self,
        iova: u64,
        write: bool,
        keep: bool,
        f: impl FnOnce(u64) -> R,
    ) -> Result<R, Miss> {
        let result = loop {
            let access = self.accesses.read().unwrap();
            if self.invalidation_pending() {
                drop(access);
                self.poll();
                continue;
            }
            break self.translate(iova, keep).map(f);
        };
        if let Err(miss) = &result {
            self.fault(iova, write, miss);
        }
        result
    }

    fn translate(&self, iova: u64, keep: bool) -> Result<u64, Miss> {
        let mut tlb = self.tlb.lock().unwrap();
        if let Some(paddr) = tlb.find(iova) {
            return Ok(paddr);
        }
        let page = self.walk(iova)?;
        let paddr = page.paddr + (iova - page.iova);
        if keep {
            self.count(&page, paddr, iova);
            tlb.insert(iova, &page);
        }
        Ok(paddr)
    }

    fn walk(&self, iova: u64) -> Result<Page, Miss> {
        self.counts.walks.add(1);
        let ttbr = self.register(PT_BASE_ADDR).load(Ordering::Acquire);
        walk(self.ram, ttbr, iova)
    }

    fn count(&self, page: &Page, paddr: u64, iova: u64) {
        let counts = &self.counts;
        match page.size {
            0x1000 => &counts.pages_4k,
            0x1_0000 => &counts.pages_64k,
            0x10_0000 => &counts.pages_1m,
            _ => &counts.pages_16m,
        }
        .add(1);
        counts.above_4g.add(u64::from(paddr >> 32 != 0));
        counts.identity.add(u64::from(paddr == iova));
    }

    /// Handles an invalidation, if one is requested.
    fn poll(&self) {
        let now = self.now();
        if !self.invalidation_pending() {
            self.looked.fetch_max(now, Ordering::AcqRel);
            return;
        }
        let _no_access = self.accesses.write().unwrap();
        self.invalidate(&mut self.tlb.lock().unwrap());
    }

    /// Returns the microseconds since the start.
    fn now(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    fn invalidate(&self, tlb: &mut Tlb) {
        let now = self.now();
        let command = self.register(INVALIDATE).load(Ordering::Acquire);
        if command & (INVALIDATE_RANGE | INVALIDATE_ALL) == 0 {
            // Another thread was faster.
            return;
        }
        let start = self.register(INVALIDATE_START).load(Ordering::Acquire);
        let end = self.register(INVALIDATE_END).load(Ordering::Acquire);
        let range = u64::from(start)..=u64::from(end | 0xfff);
        let last = self.looked.fetch_max(now, Ordering::AcqRel);
        let mut late = now.saturating_sub(last) > LATE;
        let mut mapped = Vec::new();
        if command & INVALIDATE_ALL != 0 || late {
            tlb.clear();
        } else {
            let used = tlb.invalidate(range);
            mapped = self.still_mapped(&used);
            self.remember(&used);
        }
        let done = self.register(INVALIDATE).compare_exchange(
            command,
            0,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        let command = done.unwrap_or_else(|_| {
            // The driver may have timed out and requested another invalidation: this covers both.
            late = true;
            tlb.clear();
            self.register(INVALIDATE).swap(0, Ordering::AcqRel)
        });
        late |= self.now() - now > LATE;
        self.counts.late_invalidations.add(u64::from(late));
        // After a timeout, the addresses may have been reused.
        if !late {
            self.report_mapped(&mapped);
        }
        if command & INVALIDATE_ALL != 0 {
            self.counts.full_invalidations.add(1);
        } else {
            self.counts.range_invalidations.add(1);
            self.register(CPE_DONE).store(1, Ordering::Release);
        }
    }

    /// Returns the translations that the tables still have for `used`, pages that are being
    /// invalidated. The driver unmapped them before, and reuses the addresses only after the
    /// answer, so there must be none.
    fn still_mapped(&self, used: &[u64]) -> Vec<Page> {
        self.counts.freed_pages.add(used.len() as u64);
        let walk = |&iova: &u64| self.walk(iova).map_err(|miss| self.note(iova, &miss)).ok();
        used.iter().filter_map(walk).collect()
    }

    fn report_mapped(&self, pages: &[Page]) {
        for page in pages {
            if self.counts.freed_mapped.add(1) < SHOWN {
                eprintln!("invalidated, and still mapped: {page:x?}");
            }
        }
    }

    fn remember(&self, pages: &[u64]) {
        let mut freed = self.freed.lock().unwrap();
        let room = FREED - freed.len();
        freed.extend(pages.iter().take(room));
    }

    /// Takes the pages that were used and invalidated since the last call, up to a limit.
    pub fn take_freed(&self) -> Vec<u64> {
        std::mem::take(&mut self.freed.lock().unwrap())
    }

    /// Records that a device has a buffer of `len` bytes at `iova`.
    pub fn note_buffer(&self, iova: u64, len: usize) {
        let past = (iova + len as u64).next_multiple_of(0x1000);
        self.past_buffer.store(past, Ordering::Relaxed);
    }

    pub fn past_buffer(&self) -> u64 {
        self.past_buffer.load(Ordering::Relaxed)
    }

    /// Counts and logs a malformed entry or a misplaced table.
    fn note(&self, iova: u64, miss: &Miss) {
        match miss {
            Miss::Unmapped => {}
            Miss::Malformed { at, entry } => {
                if self.counts.malformed.add(1) < SHOWN {
                    eprintln!("iova {iova:#x}: malformed entry {entry:#x} at {at:#x}");
                }
            }
            Miss::Misplaced { table } => {
                if self.counts.misplaced.add(1) < SHOWN {
                    eprintln!("iova {iova:#x}: no memory below 4 GiB for a table at {table:#x}");
                }
            }
        }
    }

    fn fault(&self, iova: u64, write: bool, miss: &Miss) {
        self.counts.faults.add(1);
        self.note(iova, miss);
        let mut unit = self.interrupt.lock().unwrap();
        let Some(unit) = unit.as_mut() else { return };
        if unit.latched || Instant::now() < unit.quiet_until {
            return;
        }
        let address = iova as u32 & !0xfff | if write { FAULT_WRITE } else { 0 };
        self.register(MMU0_FAULT_VA)
            .store(address, Ordering::Relaxed);
        self.register(MMU0_INVLD_PA).store(0, Ordering::Relaxed);
        self.register(MMU0_INT_ID).store(0, Ordering::Relaxed);
        self.register(FAULT_ST1)
            .store(FAULT_TRANSLATION, Ordering::Release);
        unit.latched = true;
        unit.line.pulse();
        self.counts.fault_interrupts.add(1);
    }

    /// Lets the next fault through once the driver has cleared the last one.
    fn poll_fault(&self) {
        let control = self.register(INT_CONTROL0);
        if control.load(Ordering::Acquire) & INT_CLEAR == 0 {
            return;
        }
        let mut unit = self.interrupt.lock().unwrap();
        self.register(FAULT_ST1).store(0, Ordering::Release);
        control.fetch_and(!INT_CLEAR, Ordering::AcqRel);
        if let Some(unit) = unit.as_mut() {
            unit.latched = false;
            unit.quiet_until = Instant::now() + FAULT_INTERVAL;
        }
    }

    /// Polls the registers for ever.
    pub fn run(&self) {
        // SAFETY: the parameters are read only during the call, and the thread is this one.
        let refused = unsafe {
            let parameters = libc::sched_param { sched_priority: 10 };
            libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &parameters)
        };
        if refused != 0 {
            eprintln!("without real-time priority, the guest may find its invalidations late");
        }
        loop {
            self.poll();
            self.poll_fault();
            let idle = self.register(PT_BASE_ADDR).load(Ordering::Relaxed) == 0;
            thread::sleep(if idle { IDLE } else { POLL });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::BASE;

    const L1: u64 = BASE;
    const L2: u64 = BASE + 0x4000;
    const REGISTERS: u64 = BASE + 0x8000;
    /// Two pages, of entries 3 and 4 of the second-level table.
    const IOVA: u64 = 0x10_3000;
    const NEXT: u64 = 0x10_4000;
    const PADDR: u64 = BASE + 0x9000;

    /// Returns an M4U whose tables map both pages to `PADDR`.
    fn m4u() -> M4u {
        let ram = Box::leak(Box::new(Ram::new(0x1_0000).unwrap()));
        let m4u = M4u::new(ram, REGISTERS, None).unwrap();
        write(&m4u, L1 + 4, L2 as u32 | 9);
        map(&m4u, IOVA);
        map(&m4u, NEXT);
        write(&m4u, REGISTERS + PT_BASE_ADDR, L1 as u32);
        m4u
    }

    fn write(m4u: &M4u, at: u64, value: u32) {
        m4u.ram.word(at).unwrap().store(value, Ordering::Relaxed);
    }

    fn entry(iova: u64) -> u64 {
        L2 + (iova >> 12 & 0xff) * 4
    }

    fn map(m4u: &M4u, iova: u64) {
        write(m4u, entry(iova), PADDR as u32 | 0xc02);
    }

    fn unmap(m4u: &M4u, iova: u64) {
        write(m4u, entry(iova), 0);
    }

    fn access(m4u: &M4u, iova: u64) -> Result<u64, Miss> {
        m4u.access(iova, false, |paddr| paddr)
    }

    /// Requests the invalidation of one page, as the driver does.
    fn request(m4u: &M4u, iova: u64) {
        write(m4u, REGISTERS + INVALIDATE_START, iova as u32);
        write(m4u, REGISTERS + INVALIDATE_END, iova as u32);
        write(m4u, REGISTERS + CPE_DONE, 0);
        write(m4u, REGISTERS + INVALIDATE, INVALIDATE_RANGE);
    }

    /// Invalidates one page in use, and returns true if the answer was in time.
    fn invalidate_in_time(m4u: &M4u, iova: u64) -> bool {
        let late = m4u.counts.late_invalidations.get();
        access(m4u, iova).unwrap();
        m4u.poll();
        request(m4u, iova);
        m4u.poll();
        m4u.counts.late_invalidations.get() == late
    }

    #[test]
    fn a_translation_holds_until_its_invalidation() {
        let m4u = m4u();
        assert_eq!(access(&m4u, IOVA + 5), Ok(PADDR + 5));
        unmap(&m4u, IOVA);
        assert_eq!(access(&m4u, IOVA), Ok(PADDR));
        request(&m4u, IOVA);
        assert_eq!(access(&m4u, IOVA), Err(Miss::Unmapped));
        assert_eq!(m4u.register(INVALIDATE).load(Ordering::Relaxed), 0);
        assert_eq!(m4u.register(CPE_DONE).load(Ordering::Relaxed), 1);
        assert_eq!(m4u.counts.faults.get(), 1);
        assert_eq!(m4u.counts.freed_mapped.get(), 0);
    }

    #[test]
    fn a_late_answer_invalidates_everything() {
        let m4u = m4u();
        for iova in [IOVA, NEXT] {
            access(&m4u, iova).unwrap();
            unmap(&m4u, iova);
        }
        m4u.poll();
        request(&m4u, IOVA);
        thread::sleep(Duration::from_micros(2 * LATE));
        assert_eq!(access(&m4u, NEXT), Err(Miss::Unmapped));
        assert_eq!(m4u.counts.late_invalidations.get(), 1);
    }

    #[test]
    fn a_page_that_is_mapped_after_its_invalidation_is_counted() {
        let m4u = m4u();
        // A busy machine may be late.
        while !invalidate_in_time(&m4u, IOVA) {}
        assert_eq!(m4u.counts.freed_mapped.get(), 1);
    }

    #[test]
    fn a_rogue_access_leaves_no_translation() {
        let m4u = m4u();
        assert!(m4u.stray(IOVA, false, |_| ()).is_ok());
        unmap(&m4u, IOVA);
        assert_eq!(m4u.stray(IOVA, false, |_| ()), Err(Miss::Unmapped));
        assert_eq!(m4u.counts.translations.get(), 0);
        assert_eq!(m4u.counts.faults.get(), 1);
    }
}
