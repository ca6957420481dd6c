// SPDX-License-Identifier: GPL-2.0

//! The only place where table entries are read and written.
//!
//! A table is shared with a page table walker that we do not control and, entry by entry, with
//! other CPUs, so that every access goes through [`Slot`]:
//!
//! - **Single-copy atomic.** A slot is read, written or exchanged whole: with an aligned 32-bit
//!   access, or with an aligned 64-bit one that holds two slots. Architectures with 64-bit
//!   registers make the latter one access, others split it at 32 bits; either way no slot is ever
//!   seen half-written, and the walker and other CPUs see each slot change once, from its old to
//!   its new value. Two slots of one word may become visible together or one after the other.
//!   That is what a loop over single entries promises, too.
//! - **Ordering.** Loads and stores here order nothing but themselves (volatile access, which is
//!   what `READ_ONCE` and `WRITE_ONCE` are; the kernel's `Atomic` would cost a call for each slot
//!   on kernels built by gcc). What has to be ordered says so where it happens: a new table's
//!   content before the entry that refers to it ([`Slot::install`]), all entries before a mapping
//!   is announced ([`publish`](crate::walker::publish)). A CPU that follows an entry to a table
//!   is ordered by the address dependency.
//! - **Who writes.** A caller of the io-pgtable interface has the range of its call to itself, so
//!   that runs of slots have one writer. Only a first-level slot may be filled by two callers at
//!   once, whose ranges lie in the same 1 MiB: [`Slot::install`] lets one of them win.

use crate::{
    entry::{
        Leaf,
        INVALID, //
    },
    walker::publish_table, //
};
use core::cell::UnsafeCell;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A place for one entry of a table.
#[repr(transparent)]
pub(crate) struct Slot(UnsafeCell<u32>);

// SAFETY: Every access to the value is single-copy atomic, as the head of this file argues.
unsafe impl Sync for Slot {}

impl Slot {
    /// Reads the entry.
    #[inline(always)]
    pub(crate) fn load(&self) -> u32 {
        // SAFETY: The pointer comes from a reference and is aligned; the access is single-copy
        // atomic, so that concurrent writers are no race (see the head of this file).
        unsafe { self.0.get().read_volatile() }
    }

    /// Writes the entry.
    #[inline(always)]
    pub(crate) fn store(&self, entry: u32) {
        // SAFETY: As for `load`.
        unsafe { self.0.get().write_volatile(entry) }
    }

    /// Makes an invalid entry refer to a table whose content the walker can already see, or
    /// returns the entry that somebody else put there first.
    pub(crate) fn install(&self, entry: u32) -> Result<(), u32> {
        publish_table();
        // SAFETY: The pointer is valid and aligned as in `load`, and all other accesses to the slot
        // are atomic as the kernel's memory model sees it, volatile ones included.
        let slot = unsafe { Atomic::from_ptr(self.0.get()) };
        slot.cmpxchg(INVALID, entry, Relaxed).map(|_| ())
    }
}

/// Two consecutive slots in one aligned word.
#[repr(transparent)]
struct Pair(UnsafeCell<u64>);

impl Pair {
    /// Entries of `Pair`s that are handled together, which is what pays for the loop around them.
    const BLOCK: usize = 8;

    #[inline(always)]
    fn load(&self) -> u64 {
        // SAFETY: As for `Slot::load`: each half is read at once.
        unsafe { self.0.get().read_volatile() }
    }

    #[inline(always)]
    fn store(&self, word: u64) {
        // SAFETY: As for `Slot::load`: each half is written at once.
        unsafe { self.0.get().write_volatile(word) }
    }

    /// The word that holds `first` before `second`.
    #[inline(always)]
    fn word(first: u32, second: u32) -> u64 {
        let (low, high) = if cfg!(target_endian = "little") {
            (first, second)
        } else {
            (second, first)
        };
        u64::from(high) << 32 | u64::from(low)
    }
}

/// Divides a run into what can be handled as words and what lies before and behind.
#[inline(always)]
fn split(run: &[Slot]) -> (&[Slot], &[Pair], &[Slot]) {
    // SAFETY: Two slots have the size of a `Pair`, any bits are a valid `Pair`, `align_to` sees to
    // the alignment, and both types allow shared mutation.
    unsafe { run.align_to::<Pair>() }
}

/// A property of entries that can be tested on many at once.
pub(crate) trait Test {
    /// Whether one entry has it.
    fn one(entry: u32) -> bool;
    /// Merges two words into one that has the property if and only if both have.
    fn merge(a: u64, b: u64) -> u64;
    /// Prepares a word for [`merge`](Self::merge).
    fn prepare(word: u64) -> u64;
    /// Whether all entries merged into a word have it.
    fn all(word: u64) -> bool;
}

/// How many entries at the beginning of `run` pass the test.
#[inline(always)]
pub(crate) fn leading<T: Test>(run: &[Slot]) -> usize {
    let mut passed = 0;
    if run.len() >= 2 * Pair::BLOCK {
        passed = leading_blocks::<T>(run);
    }
    while run.get(passed).is_some_and(|slot| T::one(slot.load())) {
        passed += 1;
    }
    passed
}

/// The same, but stops at the block in which the test fails, or that is not whole.
#[inline(never)]
fn leading_blocks<T: Test>(run: &[Slot]) -> usize {
    let (head, pairs, _) = split(run);
    if !head.iter().all(|slot| T::one(slot.load())) {
        return 0;
    }
    let passed = pairs
        .chunks_exact(Pair::BLOCK)
        .take_while(|block| {
            let words = block.iter().map(|pair| T::prepare(pair.load()));
            words.reduce(T::merge).is_some_and(T::all)
        })
        .count();
    head.len() + passed * 2 * Pair::BLOCK
}

/// Writes the entries of consecutive pages of size `L`, the first of which is `entry`, over the
/// whole of `run`.
///
/// The output addresses must not cross a 4 GiB boundary (see [`Leaf`]).
#[inline(always)]
pub(crate) fn fill<L: Leaf>(run: &[Slot], entry: u32) {
    if L::ENTRIES != 1 {
        fill_repeated::<L>(run, entry);
    } else if run.len() < 2 * Pair::BLOCK {
        fill_singly::<L>(run, entry);
    } else {
        fill_words::<L>(run, entry);
    }
}

#[inline(always)]
fn fill_singly<L: Leaf>(run: &[Slot], first: u32) {
    let mut entry = first;
    for slot in run {
        slot.store(entry);
        entry = L::advance(entry, 1);
    }
}

#[inline(never)]
fn fill_words<L: Leaf>(run: &[Slot], first: u32) {
    let (head, pairs, tail) = split(run);
    fill_singly::<L>(head, first);
    let next = L::advance(first, head.len());
    // Neither half overflows into the other before the run's last entry: that is what the 4 GiB
    // rule is for.
    let step = Pair::word(L::advance(0, 2), L::advance(0, 2));
    let mut word = Pair::word(next, L::advance(next, 1));
    let mut store_next = |pair: &Pair| {
        pair.store(word);
        word = word.wrapping_add(step);
    };
    let mut blocks = pairs.chunks_exact(Pair::BLOCK);
    for block in &mut blocks {
        block.iter().for_each(&mut store_next);
    }
    blocks.remainder().iter().for_each(&mut store_next);
    fill_singly::<L>(tail, L::advance(next, 2 * pairs.len()));
}

#[inline(never)]
fn fill_repeated<L: Leaf>(run: &[Slot], first: u32) {
    // Sixteen slots of one page are naturally aligned, so that nothing is left over.
    let (_, pairs, _) = split(run);
    let mut entry = first;
    for page in pairs.chunks_exact(L::ENTRIES / 2) {
        for pair in page {
            pair.store(Pair::word(entry, entry));
        }
        entry = L::advance(entry, 1);
    }
}

/// Makes all entries of `run` invalid.
#[inline(always)]
pub(crate) fn clear(run: &[Slot]) {
    if run.len() < 2 * Pair::BLOCK {
        clear_singly(run);
    } else {
        clear_words(run);
    }
}

#[inline(always)]
fn clear_singly(run: &[Slot]) {
    for slot in run {
        slot.store(INVALID);
    }
}

#[inline(never)]
fn clear_words(run: &[Slot]) {
    let (head, pairs, tail) = split(run);
    clear_singly(head);
    let mut blocks = pairs.chunks_exact(Pair::BLOCK);
    for block in &mut blocks {
        for pair in block {
            pair.store(Pair::word(INVALID, INVALID));
        }
    }
    for pair in blocks.remainder() {
        pair.store(Pair::word(INVALID, INVALID));
    }
    clear_singly(tail);
}
