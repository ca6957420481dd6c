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
//! - **Ordering.** Loads and stores here order nothing but themselves ([`Shared`]). Barriers are
//!   where order is needed: a new table's content before the entry that refers to it
//!   ([`Slot::install`]), all entries before a mapping is announced
//!   ([`publish`](crate::format::barrier::publish)). A CPU that follows an entry to a table is
//!   ordered by the address dependency. The litmus tests in Documentation/iommu/litmus check this
//!   with the kernel's memory model.
//! - **Writers.** A caller of the io-pgtable interface has the range of its call to itself, so
//!   that runs of slots have one writer. Only a first-level slot may be filled by two callers at
//!   once, whose ranges lie in the same 1 MiB: [`Slot::install`] lets one of them win.

use core::mem::{
    align_of,
    size_of, //
};

use crate::format::{
    barrier::publish_table,
    entry::{
        Leaf,
        Test,
        Vacant,
        INVALID,
        L2_ENTRIES, //
    },
    shared::Shared, //
};

/// A place for one entry of a table.
#[repr(transparent)]
pub(crate) struct Slot(Shared<u32>);

impl Slot {
    /// Reads the entry.
    #[inline(always)]
    pub(crate) fn load(&self) -> u32 {
        self.0.load()
    }

    /// Writes the entry.
    #[inline(always)]
    pub(crate) fn store(&self, entry: u32) {
        self.0.store(entry);
    }

    /// Makes an invalid entry refer to a table whose content the walker can already see, or
    /// returns the entry that another CPU put there first.
    pub(crate) fn install(&self, entry: u32) -> Result<(), u32> {
        publish_table();
        self.0.compare_exchange(INVALID, entry)
    }
}

/// The content of a second-level table, which must be aligned to its size.
#[repr(C, align(1024))]
pub(crate) struct L2Slots(pub(crate) [Slot; L2_ENTRIES]);

/// Two consecutive slots in one aligned word.
#[repr(transparent)]
struct Pair(Shared<u64>);

impl Pair {
    /// Number of `Pair`s that one step of a loop handles.
    const BLOCK: usize = 8;

    #[inline(always)]
    fn load(&self) -> u64 {
        self.0.load()
    }

    #[inline(always)]
    fn store(&self, word: u64) {
        self.0.store(word);
    }

    /// Returns the word that holds `first` before `second`.
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

/// Four consecutive slots in one aligned place: the widest store that there is.
///
/// Architectures with 64-bit registers store two of them in one instruction, of which each 64-bit
/// half is single-copy atomic; others store single slots.
#[repr(transparent)]
struct Quad(Shared<u128>);

impl Quad {
    #[inline(always)]
    fn clear(&self) {
        const { assert!(INVALID == 0) };
        self.0.store(0);
    }
}

/// Divides a run into the words in it, and the slots before and after them: at most one on either
/// side.
#[inline(always)]
fn split(run: &[Slot]) -> (&[Slot], &[Pair], &[Slot]) {
    // A slot is at least half as large as a word and as its alignment.
    const { assert!(2 * size_of::<Slot>() >= size_of::<Pair>()) };
    const { assert!(2 * size_of::<Slot>() >= align_of::<Pair>()) };
    // SAFETY: Two slots have the size of a `Pair`, any bits are a valid `Pair`, `align_to` sees to
    // the alignment, and both types allow shared mutation.
    unsafe { run.align_to::<Pair>() }
}

/// Returns true if all entries of `run` pass the test.
pub(crate) fn all<T: Test>(run: &[Slot]) -> bool {
    let (head, pairs, tail) = split(run);
    let each = |slots: &[Slot]| slots.iter().all(|slot| T::one(slot.load()));
    let mut blocks = pairs.chunks_exact(Pair::BLOCK);
    blocks.all(block_passes::<T>) && pairs_pass::<T>(blocks.remainder()) && each(head) && each(tail)
}

/// Writes the entries of consecutive pages of size `L`, the first of which is `first`, over the
/// leading vacant slots of `run`, in whole pages. Returns how many slots that are.
///
/// The output addresses must not cross a 4 GiB boundary (see [`Leaf`]).
#[inline(always)]
pub(crate) fn fill_vacant<L: Leaf>(run: &[Slot], first: u32) -> usize {
    let mut done = 0;
    if run.len() >= 2 * Pair::BLOCK {
        done = fill_blocks::<L>(run, first);
    }
    if L::ENTRIES == 1 {
        let mut entry = L::advance(first, done);
        while let Some(slot) = run.get(done).filter(|slot| Vacant::one(slot.load())) {
            slot.store(entry);
            entry = L::advance(entry, 1);
            done += 1;
        }
    }
    done
}

/// [`fill_vacant`] for whole blocks of words. A page of sixteen slots is one block, since it is
/// naturally aligned.
#[inline(never)]
fn fill_blocks<L: Leaf>(run: &[Slot], first: u32) -> usize {
    const { assert!(L::ENTRIES == 1 || L::ENTRIES == 2 * Pair::BLOCK) };
    let (head, pairs, _) = split(run);
    let mut entry = first;
    if let [slot] = head {
        if !Vacant::one(slot.load()) {
            return 0;
        }
        slot.store(entry);
        entry = L::advance(entry, 1);
    }
    // From one entry of a word to its other, and from one word to the next. No half overflows
    // into the other before the last entry: that is what the 4 GiB rule is for.
    let (second, step) = if L::ENTRIES == 1 {
        (L::advance(entry, 1), L::advance(0, 2))
    } else {
        (entry, 0)
    };
    let mut word = Pair::word(entry, second);
    let next_block = match L::ENTRIES {
        1 => L::advance(0, 2 * Pair::BLOCK),
        _ => L::advance(0, 1),
    };
    let mut done = head.len();
    for block in pairs.chunks_exact(Pair::BLOCK) {
        if !block_passes::<Vacant>(block) {
            break;
        }
        for (i, pair) in block.iter().enumerate() {
            let ahead = step.wrapping_mul(i as u32);
            pair.store(word.wrapping_add(Pair::word(ahead, ahead)));
        }
        word = word.wrapping_add(Pair::word(next_block, next_block));
        done += 2 * Pair::BLOCK;
    }
    done
}

/// Makes the leading entries of `run` invalid, as far as they pass the test, in whole pages of size
/// `L`. Returns how many slots that are.
#[inline(always)]
pub(crate) fn clear_leading<T: Test, L: Leaf>(run: &[Slot]) -> usize {
    let mut done = 0;
    if run.len() >= 2 * Pair::BLOCK {
        done = clear_blocks::<T>(run);
    }
    if L::ENTRIES == 1 {
        while let Some(slot) = run.get(done).filter(|slot| T::one(slot.load())) {
            slot.store(INVALID);
            done += 1;
        }
    }
    done
}

/// [`clear_leading`] for whole blocks of words.
#[inline(never)]
fn clear_blocks<T: Test>(run: &[Slot]) -> usize {
    let (head, pairs, _) = split(run);
    if let [slot] = head {
        if !T::one(slot.load()) {
            return 0;
        }
        slot.store(INVALID);
    }
    let mut done = head.len();
    for block in pairs.chunks_exact(Pair::BLOCK) {
        if !block_passes::<T>(block) {
            break;
        }
        for pair in block {
            pair.store(Pair::word(INVALID, INVALID));
        }
        done += 2 * Pair::BLOCK;
    }
    done
}

/// Returns true if all entries of a block pass the test.
#[inline(always)]
fn block_passes<T: Test>(block: &[Pair]) -> bool {
    let words = block.iter().map(|pair| T::prepare(pair.load()));
    words.reduce(T::merge).is_some_and(T::all)
}

/// Returns true if all entries of any number of pairs pass the test.
fn pairs_pass<T: Test>(pairs: &[Pair]) -> bool {
    pairs.is_empty() || block_passes::<T>(pairs)
}

/// Makes all entries of `run` invalid.
pub(crate) fn clear(run: &[Slot]) {
    for slot in run {
        slot.store(INVALID);
    }
}

/// Makes all entries of a table invalid, by the widest stores.
pub(crate) fn clear_table(table: &[Slot; L2_ENTRIES]) {
    // SAFETY: Four slots have the size of a `Quad`, any bits are a valid `Quad`, `align_to` sees to
    // the alignment, and both types allow shared mutation.
    let (head, quads, tail) = unsafe { table.align_to::<Quad>() };
    clear(head);
    for quad in quads {
        quad.clear();
    }
    clear(tail);
}
