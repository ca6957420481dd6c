// SPDX-License-Identifier: GPL-2.0

//! A spin lock for data that any context may touch, interrupt handlers among them.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)
//!
//! The kernel crate has none that turns interrupts off. Under this one nobody sleeps.

use core::cell::UnsafeCell;

use crate::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    types::Opaque, //
};

/// Data behind a spin lock.
#[pin_data]
pub struct IrqLock<T> {
    #[pin]
    raw: Opaque<bindings::spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The data goes from task to task under the lock.
unsafe impl<T: Send> Sync for IrqLock<T> {}

impl<T> IrqLock<T> {
    /// Puts `data` behind a lock of a class of its own, [`static_lock_class!`], or lockdep takes it
    /// for every other one that is held.
    ///
    /// [`static_lock_class!`]: crate::sync::static_lock_class
    pub fn new(
        data: T,
        name: &'static CStr,
        class: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The lock is initialized in its place; name and class are static.
            raw <- Opaque::ffi_init(|raw| unsafe {
                bindings::__spin_lock_init(raw, name.as_char_ptr(), class.as_ptr())
            }),
            data: UnsafeCell::new(data),
        })
    }

    /// Where the data is, for a look at it without the lock: what is seen may be outdated at once,
    /// and others may write there at the same time.
    #[inline(always)]
    pub(crate) fn data(&self) -> *const T {
        self.data.get()
    }

    /// Calls `f` with the data, interrupts off. `f` must not call this again.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: Initialized, and pinned since.
        let flags = unsafe { bindings::spin_lock_irqsave(self.raw.get()) };
        // SAFETY: Whoever holds the lock has the data alone; taking it twice ends in a deadlock.
        let result = f(unsafe { &mut *self.data.get() });
        // SAFETY: Taken above, with these flags.
        unsafe { bindings::spin_unlock_irqrestore(self.raw.get(), flags) };
        result
    }
}
