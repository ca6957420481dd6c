// SPDX-License-Identifier: GPL-2.0

//! Numbers in memory that others read and write at the same time: the walker, and other CPUs.
//!
//! Accesses are volatile, as in `READ_ONCE` and `WRITE_ONCE`: single-copy atomic up to the width of
//! a register, and they order nothing. The kernel's `Atomic` would cost a call for each of them on
//! kernels built by gcc; it is used where an access is more than a load or a store.

use core::cell::UnsafeCell;

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A number that is accessed by [`Shared`] alone.
#[repr(transparent)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: Every access to the value is volatile or an atomic operation, which in the kernel's
// memory model are no data race. A number may be used from any thread.
unsafe impl<T: Copy + Send> Sync for Shared<T> {}

impl<T: Copy> Shared<T> {
    /// Reads the value.
    #[inline(always)]
    pub(crate) fn load(&self) -> T {
        // SAFETY: The pointer comes from a reference, so that it is valid and aligned.
        unsafe { self.0.get().read_volatile() }
    }

    /// Writes the value.
    #[inline(always)]
    pub(crate) fn store(&self, value: T) {
        // SAFETY: The pointer comes from a reference, so that it is valid and aligned.
        unsafe { self.0.get().write_volatile(value) }
    }
}

macro_rules! compare_exchange {
    ($type:ty) => {
        impl Shared<$type> {
            /// Replaces `old` by `new`, or returns the other value that is there. Orders nothing.
            pub(crate) fn compare_exchange(&self, old: $type, new: $type) -> Result<(), $type> {
                // SAFETY: The pointer comes from a reference, so that it is valid and aligned; all
                // other accesses are volatile or atomic.
                let atomic = unsafe { Atomic::from_ptr(self.0.get()) };
                atomic.cmpxchg(old, new, Relaxed).map(|_| ())
            }
        }
    };
}

compare_exchange!(u32);
compare_exchange!(i8);
