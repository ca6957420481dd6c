// SPDX-License-Identifier: GPL-2.0

//! A spin lock that disables interrupts, for kernels without `kernel::sync::SpinLockIrq`, which was
//! added in Linux 7.3.
//!
//! It is used for newer kernels, too: there `SpinLockIrq` calls a C helper for each operation, a
//! tenth of the instructions of allocating and freeing a table. In the kernel tree the same sources
//! use `SpinLockIrq` of the kernel crate.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h) (`spin_lock_irqsave()`)

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    }, //
};

use crate::{
    bindings,
    prelude::*,
    slab_module::helpers::{
        slab_rust_lock,
        slab_rust_unlock, //
    },
    sync::LockClassKey,
    types::Opaque, //
};

/// Data protected by a spin lock.
#[pin_data]
pub struct SpinLockIrq<T> {
    #[pin]
    raw: Opaque<bindings::spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The data is accessed by the holder of the lock only, and may move between tasks.
unsafe impl<T: Send> Sync for SpinLockIrq<T> {}

impl<T> SpinLockIrq<T> {
    /// Returns an initializer of a lock for `data`. `class` is a [`static_lock_class!`] of this
    /// lock alone, or lockdep reports false recursion.
    ///
    /// [`static_lock_class!`]: crate::sync::static_lock_class
    pub fn new(
        data: T,
        name: &'static CStr,
        class: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `raw` is the place where the lock stays; name and class are static.
            raw <- Opaque::ffi_init(|raw| unsafe {
                bindings::__spin_lock_init(raw, name.as_char_ptr(), class.as_ptr())
            }),
            data: UnsafeCell::new(data),
        })
    }

    /// Takes the lock and disables interrupts until the guard is dropped.
    #[inline(always)]
    pub fn lock(&self) -> SpinLockIrqGuard<'_, T> {
        // SAFETY: The lock was initialized by `new`, and is pinned since.
        let flags = unsafe { slab_rust_lock(self.raw.get()) };
        // INVARIANT: The lock was just taken.
        SpinLockIrqGuard {
            lock: self,
            flags,
            _not_send: PhantomData,
        }
    }
}

/// Access to the data of a [`SpinLockIrq`].
///
/// # Invariants
///
/// The lock is held, by this task; `flags` is the interrupt state before.
pub struct SpinLockIrqGuard<'a, T> {
    lock: &'a SpinLockIrq<T>,
    flags: c_ulong,
    _not_send: PhantomData<*mut ()>,
}

impl<T> Deref for SpinLockIrqGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: The lock is held (type invariant).
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for SpinLockIrqGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held (type invariant), and the guard borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for SpinLockIrqGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: The lock is held, and `flags` is the interrupt state before (type invariants).
        unsafe { slab_rust_unlock(self.lock.raw.get(), self.flags) };
    }
}
