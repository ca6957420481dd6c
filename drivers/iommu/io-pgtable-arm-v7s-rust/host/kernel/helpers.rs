// SPDX-License-Identifier: GPL-2.0

//! The functions of `helpers.c`, and the memory of tables.
//!
//! There are two zones of memory, below 4 GiB and above, each with physical addresses at one
//! distance from those of the host. A walker that does not snoop reads a copy of a zone, to which
//! [`v7s_dma_sync`] brings what was written; with loom, each place has its copy beside it.

use core::{
    cell::Cell,
    ffi::{
        c_int,
        c_void, //
    },
};
use std::{
    alloc::{
        alloc_zeroed,
        Layout, //
    },
    collections::BTreeMap,
    sync::{
        LazyLock,
        Mutex, //
    },
};

use crate::error::{
    code::ENOMEM,
    Result, //
};

/// Bytes of a zone.
const ZONE_BYTES: usize = 256 << 20;
/// The value that a freed table is filled with, an entry of no sort.
const POISON: u8 = 0xa4;

struct Zone {
    /// Address on the host.
    start: usize,
    /// Address of the copy that a walker reads.
    copy: usize,
    phys: u64,
    /// Bytes taken so far, and freed blocks by size.
    state: Mutex<(usize, BTreeMap<usize, Vec<usize>>)>,
}

impl Zone {
    fn new(phys: u64) -> Self {
        let layout = Layout::from_size_align(ZONE_BYTES, 1 << 20).unwrap();
        // SAFETY: Of a size.
        let [start, copy] = [(); 2].map(|()| unsafe { alloc_zeroed(layout) } as usize);
        assert!(start != 0 && copy != 0);
        Self {
            start,
            copy,
            phys,
            state: Mutex::default(),
        }
    }

    fn alloc(&self, size: usize) -> usize {
        let mut state = self.state.lock().unwrap();
        if let Some(block) = state.1.get_mut(&size).and_then(Vec::pop) {
            return block;
        }
        let at = state.0.next_multiple_of(size);
        state.0 = at + size;
        assert!(state.0 <= ZONE_BYTES, "a zone of the host is full");
        self.start + at
    }

    fn free(&self, block: usize, size: usize) {
        let mut state = self.state.lock().unwrap();
        state.1.entry(size).or_default().push(block);
    }

    fn has(&self, address: usize) -> bool {
        (self.start..self.start + ZONE_BYTES).contains(&address)
    }
}

static LOW: LazyLock<Zone> = LazyLock::new(|| Zone::new(0xe000_0000));
static HIGH: LazyLock<Zone> = LazyLock::new(|| Zone::new(0x6_e000_0000));

fn zone_of(address: usize) -> &'static Zone {
    [&*LOW, &*HIGH]
        .into_iter()
        .find(|zone| zone.has(address))
        .expect("an address of no table")
}

fn zone_at(phys: u64) -> &'static Zone {
    if phys >> 32 == 0 {
        &LOW
    } else {
        &HIGH
    }
}

thread_local! {
    /// Allocations until one fails.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// Tables are above 4 GiB, wherever they are wanted.
    static MISPLACED: Cell<bool> = const { Cell::new(false) };
    /// The device reaches no table.
    static UNREACHABLE: Cell<bool> = const { Cell::new(false) };
    /// Number of lines in the log.
    static LINES: Cell<usize> = const { Cell::new(0) };
}

/// Lets the next allocations of this thread succeed up to a number, or all.
pub fn fail_after(allocations: Option<usize>) {
    LEFT.set(allocations);
}

/// Puts the memory of tables above 4 GiB, for this thread.
pub fn misplace(on: bool) {
    MISPLACED.set(on);
}

/// Makes new tables unreachable for devices, for this thread.
pub fn hide_from_devices(on: bool) {
    UNREACHABLE.set(on);
}

/// Returns the number of lines that this thread has logged.
pub fn lines() -> usize {
    LINES.get()
}

/// [`ENOMEM`] if this allocation is to fail.
pub fn may_allocate() -> Result {
    match LEFT.get() {
        Some(0) => Err(ENOMEM),
        left => {
            LEFT.set(left.map(|left| left - 1));
            Ok(())
        }
    }
}

/// Allocates a table of `size` bytes, a power of two, all zeroes.
pub fn alloc_table(size: usize, low: bool) -> Result<*mut u8> {
    may_allocate()?;
    let zone = if low && !MISPLACED.get() { &LOW } else { &HIGH };
    let table = zone.alloc(size) as *mut u8;
    // SAFETY: The block was just taken, and is not shared.
    unsafe {
        table.write_bytes(0, size);
        fill_vacant(table, size);
    }
    Ok(table)
}

/// Frees a table.
///
/// # Safety
///
/// The table came from [`alloc_table`] with this size, and is not used any more.
pub unsafe fn free_table(table: *mut u8, size: usize) {
    #[cfg(feature = "loom")]
    // SAFETY: A table is made of places.
    unsafe {
        crate::shared::end(table, size)
    };
    if cfg!(not(feature = "loom")) {
        // SAFETY: The table is not used any more (function requirement).
        unsafe { table.write_bytes(POISON, size) };
    }
    zone_of(table as usize).free(table as usize, size);
}

/// Returns the physical address of a byte of a table.
pub fn virt_to_phys(address: *const u8) -> u64 {
    let zone = zone_of(address as usize);
    zone.phys + (address as usize - zone.start) as u64
}

/// Makes zeroed memory as many numbers that others read; with loom, zeroes are none.
///
/// # Safety
///
/// `start` is the address of `size` zeroed bytes.
pub unsafe fn fill_vacant(start: *mut u8, size: usize) {
    #[cfg(feature = "loom")]
    // SAFETY: The caller's promise.
    unsafe {
        crate::shared::begin(start, size)
    };
    let _ = (start, size);
}

/// Reads an entry from memory, as a walker that does not snoop.
#[cfg(not(feature = "loom"))]
pub fn read_memory(phys: u64) -> u32 {
    read(phys, |zone| zone.copy)
}

/// Reads an entry as a walker that sees the caches of the CPU.
#[cfg(not(feature = "loom"))]
pub fn read_cache(phys: u64) -> u32 {
    read(phys, |zone| zone.start)
}

#[cfg(not(feature = "loom"))]
fn read(phys: u64, base: fn(&Zone) -> usize) -> u32 {
    let zone = zone_at(phys);
    let at = usize::try_from(phys - zone.phys).unwrap();
    assert!(at < ZONE_BYTES && at % 4 == 0);
    // SAFETY: In the zone, which is only written by threads that use the table.
    unsafe { ((base(zone) + at) as *const u32).read_volatile() }
}

/// `wmb()`.
#[no_mangle]
extern "C" fn v7s_wmb() {
    #[cfg(feature = "loom")]
    loom::sync::atomic::fence(loom::sync::atomic::Ordering::SeqCst);
}

/// `dma_wmb()`.
#[no_mangle]
extern "C" fn v7s_dma_wmb() {
    #[cfg(feature = "loom")]
    loom::sync::atomic::fence(loom::sync::atomic::Ordering::Release);
}

/// Writes data back to memory.
#[no_mangle]
extern "C" fn v7s_dma_sync(_dev: *mut c_void, entries: *mut c_void, size: usize) {
    #[cfg(feature = "loom")]
    // SAFETY: A table is made of places.
    unsafe {
        crate::shared::clean(entries.cast(), size)
    };
    if cfg!(not(feature = "loom")) {
        let zone = zone_of(entries as usize);
        let copy = (zone.copy + (entries as usize - zone.start)) as *mut u8;
        // SAFETY: Both in the zone, and the table is the caller's to read.
        unsafe { copy.copy_from_nonoverlapping(entries.cast(), size) };
    }
}

/// Gives a table to a device.
#[no_mangle]
extern "C" fn v7s_dma_map(dev: *mut c_void, table: *mut c_void, phys: u64, size: usize) -> c_int {
    if UNREACHABLE.get() {
        return -5;
    }
    assert_eq!(virt_to_phys(table.cast()), phys);
    // With loom, new places are in memory as they are.
    if cfg!(not(feature = "loom")) {
        v7s_dma_sync(dev, table, size);
    }
    0
}

/// Takes a table back from a device.
#[no_mangle]
extern "C" fn v7s_dma_unmap(_dev: *mut c_void, dma: u64, size: usize) {
    if cfg!(not(feature = "loom")) {
        let zone = zone_at(dma);
        let copy = (zone.copy + (dma - zone.phys) as usize) as *mut u8;
        // SAFETY: In the zone; the table is the caller's.
        unsafe { copy.write_bytes(POISON, size) };
    }
}

/// Returns the distance of a table from its physical address.
#[no_mangle]
extern "C" fn v7s_linear_distance(phys: u64) -> usize {
    let zone = zone_at(phys);
    zone.start.wrapping_sub(zone.phys as usize)
}

/// Counts a line in the log.
#[no_mangle]
extern "C" fn v7s_may_report() -> bool {
    LINES.set(LINES.get() + 1);
    true
}

/// Counts a line in the log.
#[no_mangle]
extern "C" fn v7s_may_report_call() -> bool {
    v7s_may_report()
}
