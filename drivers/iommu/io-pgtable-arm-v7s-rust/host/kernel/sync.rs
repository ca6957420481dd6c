// SPDX-License-Identifier: GPL-2.0

//! Atomics and locks.

/// Atomics.
pub mod atomic {
    #[cfg(feature = "loom")]
    use loom::sync::atomic as real;
    #[cfg(not(feature = "loom"))]
    use std::sync::atomic as real;

    /// The order of an operation: none.
    pub struct Relaxed;

    /// A number that there is an atomic type for.
    pub trait Number: Sized {
        /// The atomic type.
        type Atomic;

        /// Makes an atomic number.
        fn atomic(self) -> Self::Atomic;
        /// Reads it.
        fn load(atomic: &Self::Atomic) -> Self;
        /// Writes it.
        fn store(self, atomic: &Self::Atomic);
        /// Replaces `old` by this one, or returns the other value that is there.
        fn cmpxchg(self, atomic: &Self::Atomic, old: Self) -> Result<Self, Self>;
    }

    /// An atomic number.
    #[repr(transparent)]
    pub struct Atomic<T: Number>(T::Atomic);

    impl<T: Number> Atomic<T> {
        /// Makes one.
        pub fn new(value: T) -> Self {
            Self(value.atomic())
        }

        /// Takes memory for an atomic number.
        ///
        /// # Safety
        ///
        /// `place` is valid and aligned, and all other accesses to it are atomic.
        #[cfg(not(feature = "loom"))]
        pub unsafe fn from_ptr<'a>(place: *mut T) -> &'a Self {
            // SAFETY: The atomic types of the host have the layout of their numbers.
            unsafe { &*place.cast() }
        }

        /// Reads it.
        pub fn load(&self, _: Relaxed) -> T {
            T::load(&self.0)
        }

        /// Writes it.
        pub fn store(&self, value: T, _: Relaxed) {
            value.store(&self.0);
        }

        /// Replaces `old` by `new`, or returns the other value that is there.
        pub fn cmpxchg(&self, old: T, new: T, _: Relaxed) -> Result<T, T> {
            new.cmpxchg(&self.0, old)
        }
    }

    macro_rules! number {
        ($type:ty, $atomic:ident) => {
            impl Number for $type {
                type Atomic = real::$atomic;

                fn atomic(self) -> Self::Atomic {
                    real::$atomic::new(self)
                }

                fn load(atomic: &Self::Atomic) -> Self {
                    atomic.load(real::Ordering::Relaxed)
                }

                fn store(self, atomic: &Self::Atomic) {
                    atomic.store(self, real::Ordering::Relaxed);
                }

                fn cmpxchg(self, atomic: &Self::Atomic, old: Self) -> Result<Self, Self> {
                    let relaxed = real::Ordering::Relaxed;
                    atomic.compare_exchange(old, self, relaxed, relaxed)
                }
            }
        };
    }

    number!(i8, AtomicI8);
    number!(u32, AtomicU32);
    number!(usize, AtomicUsize);
}

/// A lock in a static.
pub struct GlobalLock<T>(std::sync::Mutex<T>);

impl<T> GlobalLock<T> {
    /// Makes it.
    pub const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    /// Does nothing here.
    ///
    /// # Safety
    ///
    /// None.
    pub unsafe fn init(&self) {}

    /// Takes the lock.
    pub fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// Makes a lock in a static.
#[macro_export]
macro_rules! global_lock_of_the_host {
    ($(#[$attr:meta])* unsafe(uninit) static $name:ident: Mutex<$type:ty> = $value:expr;) => {
        $(#[$attr])*
        static $name: $crate::sync::GlobalLock<$type> = $crate::sync::GlobalLock::new($value);
    };
}
pub use crate::global_lock_of_the_host as global_lock;

/// The class of a lock: none.
#[macro_export]
macro_rules! no_lock_class {
    () => {
        ()
    };
}
pub use crate::no_lock_class as static_lock_class;
