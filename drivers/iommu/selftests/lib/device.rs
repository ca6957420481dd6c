// SPDX-License-Identifier: GPL-2.0

//! A device without a driver, for tables whose walker does not snoop.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*, //
};

/// A platform device, registered as long as the value lives.
pub(crate) struct PlatformDevice(NonNull<bindings::platform_device>);

// SAFETY: A device may be used and unregistered by any thread.
unsafe impl Send for PlatformDevice {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for PlatformDevice {}

impl PlatformDevice {
    /// Registers a device that can reach the addresses of `dma_mask`.
    pub(crate) fn new(name: &'static CStr, dma_mask: u64) -> Result<Self> {
        let info = bindings::platform_device_info {
            name: name.as_char_ptr(),
            id: bindings::PLATFORM_DEVID_NONE,
            dma_mask,
            ..Default::default()
        };
        // SAFETY: `info` is valid and read only during the call.
        let dev = unsafe { bindings::platform_device_register_full(&info) };
        let dev = kernel::error::from_err_ptr(dev)?;
        Ok(Self(NonNull::new(dev).ok_or(ENODEV)?))
    }

    /// Returns the `struct device`.
    pub(crate) fn as_device(&self) -> *mut bindings::device {
        // SAFETY: The device lives as long as `self`.
        unsafe { &raw mut (*self.0.as_ptr()).dev }
    }
}

impl Drop for PlatformDevice {
    fn drop(&mut self) {
        // SAFETY: The device was registered in `new`.
        unsafe { bindings::platform_device_unregister(self.0.as_ptr()) };
    }
}
