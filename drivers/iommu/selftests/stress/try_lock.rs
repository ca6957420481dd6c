// SPDX-License-Identifier: GPL-2.0

//! A value that one context owns at a time, taken by trylock only.
//!
//! A lock of the kernel would restrict the contexts that race: interrupts off while it is held, or
//! not usable in interrupts. A context that finds the value taken does something else.

use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
};

use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Release, //
};

/// A value for one context at a time.
pub(crate) struct TryLock<T> {
    taken: Atomic<u32>,
    value: UnsafeCell<T>,
}

// SAFETY: One context has the value at a time; `take` acquires the release by dropping `Taken`.
unsafe impl<T: Send> Sync for TryLock<T> {}

impl<T> TryLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            taken: Atomic::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value, unless another context has it.
    pub(crate) fn take(&self) -> Option<Taken<'_, T>> {
        // INVARIANT: Only one exchange finds a zero until `Taken` is dropped.
        self.taken
            .cmpxchg(0, 1, Acquire)
            .is_ok()
            .then(|| Taken(self))
    }
}

/// The value, until this is dropped.
///
/// # Invariants
///
/// There is one `Taken` of a value at a time.
pub(crate) struct Taken<'a, T>(&'a TryLock<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: No other context has the value (invariant).
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: No other context has the value (invariant).
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        self.0.taken.store(0, Release);
    }
}
