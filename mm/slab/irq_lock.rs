// SPDX-License-Identifier: GPL-2.0

//! A spin lock that disables interrupts.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)
//! (`spin_lock_irqsave()`)
//!
//! The kernel crate has `SpinLockIrq` since Linux 7.3, which will take the place of this one.

use core::cell::UnsafeCell;

use crate::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    types::Opaque, //
};

/// Data protected by a spin lock.
#[pin_data]
pub struct IrqLock<T> {
    #[pin]
    raw: Opaque<bindings::spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The data is accessed by the holder of the lock only, and may move between tasks.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
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

    /// Calls `f` with the data, interrupts disabled. Taking the lock again in `f` is a deadlock.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: The lock was initialized by `new`, and is pinned since.
        let flags = unsafe { bindings::spin_lock_irqsave(self.raw.get()) };
        // SAFETY: The lock is held, which gives exclusive access to the data.
        let result = f(unsafe { &mut *self.data.get() });
        // SAFETY: The lock was taken above, which returned these flags.
        unsafe { bindings::spin_unlock_irqrestore(self.raw.get(), flags) };
        result
    }
}
