// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the kernel crate on the host: the parts that the format uses.
//!
//! `bitfield!` and the numbers below it are the kernel's own files.

extern crate self as kernel;

include!(concat!(env!("OUT_DIR"), "/linux.rs"));

pub mod alloc;
pub mod bindings;
pub mod helpers;
#[cfg(feature = "loom")]
#[path = "shared_loom.rs"]
pub mod shared;
pub mod sync;

pub use linux::num;

/// Used by macros of the kernel crate.
pub mod macros {
    pub use paste::paste;
}

/// Errors, with the errnos that the format returns.
pub mod error {
    /// An errno.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Error(pub i32);

    impl Error {
        /// Returns the negative errno, as in C.
        pub fn to_errno(self) -> i32 {
            -self.0
        }
    }

    /// A result.
    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    /// Errnos.
    #[allow(missing_docs)]
    pub mod code {
        use super::Error;

        pub const EIO: Error = Error(5);
        pub const ENOMEM: Error = Error(12);
        pub const EEXIST: Error = Error(17);
        pub const ENODEV: Error = Error(19);
        pub const EINVAL: Error = Error(22);
        pub const ERANGE: Error = Error(34);
        pub const EOVERFLOW: Error = Error(75);
    }
}

pub use core::fmt;

/// Arguments of a line in the log.
#[macro_export]
macro_rules! fmt {
    ($($arguments:tt)*) => { ::core::format_args!($($arguments)*) };
}

/// Assertions that the kernel's compiler proves.
pub mod build_assert {
    /// Checked at run time here.
    #[macro_export]
    macro_rules! build_assertion {
        ($($arguments:tt)*) => { ::core::assert!($($arguments)*) };
    }
    pub use crate::build_assertion as build_assert;
}

/// An assertion about constants, at run time here where it depends on parameters of a type.
#[macro_export]
macro_rules! const_assert {
    ($($arguments:tt)*) => { const { ::core::assert!($($arguments)*) } };
}

/// A compile-time assertion.
#[macro_export]
macro_rules! static_assert {
    ($condition:expr $(, $message:literal)?) => {
        const _: () = ::core::assert!($condition $(, $message)?);
    };
}

/// Items that most files import.
pub mod prelude {
    pub use crate::{
        alloc::{KBox, KVec, GFP_KERNEL, __GFP_ZERO},
        const_assert,
        error::{code::*, Error, Result},
        fmt, static_assert, CStrExt,
    };
    pub use bytemuck::Zeroable;
    pub use core::{
        ffi::{c_char, c_int, c_void, CStr},
        mem::{align_of, size_of},
        pin::Pin,
    };
}

/// Page tables of IOMMUs.
pub mod iommu {
    /// io-pgtable.
    pub mod pgtable {
        /// Flags of a mapping, as in include/linux/iommu.h.
        #[allow(missing_docs)]
        pub mod prot {
            pub const READ: u32 = 1 << 0;
            pub const WRITE: u32 = 1 << 1;
            pub const CACHE: u32 = 1 << 2;
            pub const NOEXEC: u32 = 1 << 3;
            pub const MMIO: u32 = 1 << 4;
            pub const PRIVILEGED: u32 = 1 << 5;
        }
    }
}

/// Sizes.
#[allow(missing_docs)]
pub mod sizes {
    pub const SZ_1K: usize = 1 << 10;
    pub const SZ_4K: usize = 4 << 10;
    pub const SZ_16K: usize = 16 << 10;
    pub const SZ_64K: usize = 64 << 10;
    pub const SZ_1M: usize = 1 << 20;
    pub const SZ_16M: usize = 16 << 20;
}

/// Pages.
pub mod page {
    /// Bytes of a page.
    pub const PAGE_SIZE: usize = 4096;
}

/// Types for data of C.
pub mod types {
    use core::cell::UnsafeCell;

    /// A value that C writes to.
    #[repr(transparent)]
    pub struct Opaque<T>(UnsafeCell<T>);

    impl<T> Opaque<T> {
        /// Takes a value.
        pub fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        /// Returns the value's place.
        pub fn get(&self) -> *mut T {
            self.0.get()
        }
    }
}

/// Devices.
pub mod device {
    use core::ffi::CStr;

    /// A device, of which only the address matters.
    #[repr(transparent)]
    pub struct Device(crate::bindings::device);

    impl Device {
        /// Returns the device behind a pointer.
        ///
        /// # Safety
        ///
        /// `device` is valid as long as the result.
        pub unsafe fn from_raw<'a>(device: *mut crate::bindings::device) -> &'a Self {
            // SAFETY: The caller's promise.
            unsafe { &*device.cast() }
        }

        /// Returns its name.
        pub fn name(&self) -> &CStr {
            c"device"
        }
    }
}

/// The method `as_char_ptr()` of the kernel's `CStr`.
pub trait CStrExt {
    /// Returns a pointer for C.
    fn as_char_ptr(&self) -> *const core::ffi::c_char;
}

impl CStrExt for core::ffi::CStr {
    fn as_char_ptr(&self) -> *const core::ffi::c_char {
        self.as_ptr()
    }
}
