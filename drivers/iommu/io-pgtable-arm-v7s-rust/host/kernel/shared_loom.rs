// SPDX-License-Identifier: GPL-2.0

//! Shared numbers for loom, in place of `format/shared.rs`.
//!
//! - A load is an acquire: the kernel's model orders what depends on it, and no other load of the
//!   format is followed by anything that matters, but one: that of a mark, which orders nothing.
//! - Words of two or four entries are accessed entry by entry, as by a processor that splits them.
//! - Each number has a copy, which a walker that does not snoop reads and a clean brings up to
//!   date, and a life, which ends when its table is freed: an access that is not ordered after the
//!   table was made, or before it was freed, is a mistake.

use loom::{
    cell::UnsafeCell,
    sync::atomic::{
        fence,
        AtomicU32,
        Ordering, //
    }, //
};

/// A number.
pub struct Place {
    value: AtomicU32,
    memory: AtomicU32,
    alive: UnsafeCell<bool>,
}

impl Place {
    fn vacant() -> Self {
        Self {
            value: AtomicU32::new(0),
            memory: AtomicU32::new(0),
            alive: UnsafeCell::new(true),
        }
    }

    fn check(&self) {
        // SAFETY: loom reports an access after the number was freed.
        self.alive
            .with(|alive| unsafe { assert!(*alive, "a table was used after it was freed") });
    }

    fn load(&self, order: Ordering) -> u32 {
        self.check();
        self.value.load(order)
    }

    fn store(&self, value: u32) {
        self.check();
        self.value.store(value, Ordering::Relaxed);
    }

    fn clean(&self) {
        self.memory
            .store(self.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A number of one or more places.
pub trait Number: Sized {
    /// The places.
    type Places;
    /// The order of a load.
    const LOAD: Ordering = Ordering::Acquire;
}

impl Number for u32 {
    type Places = [Place; 1];
}

impl Number for i8 {
    type Places = [Place; 1];
    const LOAD: Ordering = Ordering::Relaxed;
}

impl Number for u64 {
    type Places = [Place; 2];
}

impl Number for u128 {
    type Places = [Place; 4];
}

/// A number that is accessed by [`Shared`] alone.
#[repr(transparent)]
pub struct Shared<T: Number>(T::Places);

macro_rules! single {
    ($type:ty) => {
        impl Shared<$type> {
            /// Reads the value.
            pub fn load(&self) -> $type {
                self.0[0].load(<$type>::LOAD) as $type
            }

            /// Writes the value.
            pub fn store(&self, value: $type) {
                self.0[0].store(value as u32);
            }

            /// Replaces `old` by `new`, or returns the other value that is there.
            pub fn compare_exchange(&self, old: $type, new: $type) -> Result<(), $type> {
                self.0[0].check();
                let (old, new) = (old as u32, new as u32);
                let (relaxed, failed) = (Ordering::Relaxed, <$type>::LOAD);
                match self.0[0].value.compare_exchange(old, new, relaxed, failed) {
                    Ok(_) => Ok(()),
                    Err(other) => Err(other as $type),
                }
            }
        }
    };
}

single!(u32);
single!(i8);

impl Shared<u64> {
    /// Reads both.
    pub fn load(&self) -> u64 {
        let [low, high] = &self.0;
        u64::from(low.load(Ordering::Acquire)) | u64::from(high.load(Ordering::Acquire)) << 32
    }

    /// Writes both.
    pub fn store(&self, word: u64) {
        self.0[0].store(word as u32);
        self.0[1].store((word >> 32) as u32);
    }
}

impl Shared<u128> {
    /// Writes all.
    pub fn store(&self, word: u128) {
        for (i, place) in self.0.iter().enumerate() {
            place.store((word >> (32 * i)) as u32);
        }
    }
}

/// The places in `size` bytes.
///
/// # Safety
///
/// There are such, or room for them.
unsafe fn places(start: *mut u8, size: usize) -> impl Iterator<Item = *mut Place> {
    let start: *mut Place = start.cast();
    // SAFETY: Within the room.
    (0..size / size_of::<Place>()).map(move |i| unsafe { start.add(i) })
}

/// Makes places of memory.
///
/// # Safety
///
/// `start` is the address of `size` bytes that are the caller's alone.
pub(crate) unsafe fn begin(start: *mut u8, size: usize) {
    // SAFETY: The caller's promise.
    unsafe { places(start, size).for_each(|place| place.write(Place::vacant())) };
}

/// Ends the life of places.
///
/// # Safety
///
/// They came from [`begin`], which they stay readable for.
pub(crate) unsafe fn end(start: *mut u8, size: usize) {
    // SAFETY: The places came from `begin` (function requirement); loom reports later accesses.
    unsafe {
        places(start, size).for_each(|place| (*place).alive.with_mut(|alive| *alive = false));
    }
}

/// Writes places back to memory, and waits until they are there.
///
/// # Safety
///
/// They came from [`begin`].
pub(crate) unsafe fn clean(start: *mut u8, size: usize) {
    // SAFETY: The caller's promise.
    unsafe { places(start, size).for_each(|place| (*place).clean()) };
    fence(Ordering::SeqCst);
}

/// Reads a number as a walker that does not snoop.
///
/// # Safety
///
/// `place` is the address of a number of one place.
pub unsafe fn read_memory(place: *const u8) -> u32 {
    // SAFETY: The caller's promise.
    let place = unsafe { &*place.cast::<Place>() };
    place.check();
    place.memory.load(Ordering::Acquire)
}
