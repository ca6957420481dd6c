// SPDX-License-Identifier: GPL-2.0

//! Boxes and vectors of the kernel crate.

use core::{
    ops::{
        BitOr,
        Deref, //
    },
    pin::Pin,
};
use std::alloc::{
    alloc_zeroed,
    dealloc,
    Layout, //
};

use crate::{
    error::Result,
    helpers, //
};

/// Flags of an allocation; all memory is zeroed here.
#[derive(Clone, Copy)]
pub struct Flags;

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, _: Self) -> Self {
        self
    }
}

/// May sleep.
pub const GFP_KERNEL: Flags = Flags;
/// Zeroed.
pub const __GFP_ZERO: Flags = Flags;

/// A box.
pub struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    /// Makes a box.
    pub fn new(value: T, _: Flags) -> Result<Self> {
        helpers::may_allocate()?;
        Ok(Self(Box::new(value)))
    }

    /// Makes a pinned box.
    pub fn pin_init(value: T, flags: Flags) -> Result<Pin<Self>> {
        let this = Self::new(value, flags)?;
        // SAFETY: The value in a box does not move.
        Ok(unsafe { Pin::new_unchecked(this) })
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A vector that does not grow.
///
/// # Invariants
///
/// `start` is an allocation for `capacity` values, of which `len` are initialised.
pub struct KVec<T> {
    start: *mut T,
    len: usize,
    capacity: usize,
}

impl<T> KVec<T> {
    /// Makes a vector with room for `capacity` values.
    pub fn with_capacity(capacity: usize, _: Flags) -> Result<Self> {
        helpers::may_allocate()?;
        // SAFETY: Nothing that the format keeps in a vector is empty.
        let start = unsafe { alloc_zeroed(Layout::array::<T>(capacity).unwrap()) };
        // SAFETY: Just allocated.
        unsafe { helpers::fill_vacant(start, capacity * size_of::<T>()) };
        Ok(Self {
            start: start.cast(),
            len: 0,
            capacity,
        })
    }

    /// Takes a vector apart: its memory, length and capacity.
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let this = core::mem::ManuallyDrop::new(self);
        (this.start, this.len, this.capacity)
    }

    /// Makes a vector of its parts.
    ///
    /// # Safety
    ///
    /// They come from [`into_raw_parts`](Self::into_raw_parts), and `len` values are initialised.
    pub unsafe fn from_raw_parts(start: *mut T, len: usize, capacity: usize) -> Self {
        Self {
            start,
            len,
            capacity,
        }
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: So many values are initialised (invariant).
        unsafe { core::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T> Drop for KVec<T> {
    fn drop(&mut self) {
        // SAFETY: Allocated so (invariant). What is in it has no destructor that matters.
        unsafe {
            dealloc(
                self.start.cast(),
                Layout::array::<T>(self.capacity).unwrap(),
            )
        };
    }
}

// SAFETY: The vector owns its values, which are `Send`.
unsafe impl<T: Send> Send for KVec<T> {}
// SAFETY: A shared vector gives out shared references to its values.
unsafe impl<T: Sync> Sync for KVec<T> {}
