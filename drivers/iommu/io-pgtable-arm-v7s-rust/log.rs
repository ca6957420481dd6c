// SPDX-License-Identifier: GPL-2.0

//! Lines in the log for refused requests. Each names the device that the tables are for and the
//! function that called the format; there are a few of them in some seconds at most.

use core::ptr;

use kernel::{
    bindings,
    device::Device,
    fmt,
    prelude::*, //
};

use crate::slab::Gfp;

// Rate limits, in helpers.c: each returns true a few times in some seconds.
extern "C" {
    fn v7s_may_report() -> bool;
    fn v7s_may_report_call() -> bool;
}

/// The device that tables are for, which lines in the log begin with.
///
/// # Invariants
///
/// The device, if there is one, is valid as long as the value.
#[derive(Clone, Copy)]
pub(crate) struct Subject(*mut bindings::device);

impl Subject {
    /// No device, for requests that come without a configuration.
    pub(crate) const NONE: Self = Self(ptr::null_mut());

    /// Takes the device of a driver's request.
    ///
    /// # Safety
    ///
    /// `iommu_dev` is null or valid as long as the result and its copies: the driver frees a set
    /// before its device goes.
    pub(crate) unsafe fn of(cfg: &bindings::io_pgtable_cfg) -> Self {
        // INVARIANT: The caller promises that the device is valid.
        Self(cfg.iommu_dev)
    }

    /// Logs why there is no table set, or no table, unless there have been many such lines lately.
    #[cold]
    #[inline(never)]
    pub(crate) fn report(self, what: fmt::Arguments<'_>) {
        // SAFETY: May be called in any context.
        if unsafe { v7s_may_report() } {
            self.print(what);
        }
    }

    /// Logs that a call was refused, unless there have been many such lines lately. Calls have a
    /// limit of their own, so that a driver that repeats one does not hide why another has no
    /// tables.
    pub(crate) fn refused(self, call: &str, iova: usize, pgsize: usize, why: &str) {
        // SAFETY: May be called in any context.
        if unsafe { v7s_may_report_call() } {
            self.print(fmt!(
                "{call} refused at {iova:#x} for pages of {pgsize:#x} bytes: {why}"
            ));
        }
    }

    /// Logs that there is no memory for a table, unless `gfp` asks for no such lines or there have
    /// been many lately.
    ///
    /// Callers can exhaust memory below 4 GiB, which is no reason for the stack dump of the
    /// allocators: they are called with [`Gfp::no_warn`].
    #[cold]
    pub(crate) fn no_memory(self, gfp: Gfp, level: &str) {
        if gfp.may_warn() {
            self.report(fmt!("no memory for a {level} table"));
        }
    }

    /// Returns the name of the device.
    fn name(&self) -> &CStr {
        if self.0.is_null() {
            return c"no device";
        }
        // SAFETY: The device is valid as long as `self` (type invariant).
        let device: &Device = unsafe { Device::from_raw(self.0) };
        device.name()
    }

    /// Prints a line.
    #[cfg_attr(not(CONFIG_PRINTK), allow(unused_variables))]
    fn print(self, what: fmt::Arguments<'_>) {
        let (prefix, device) = (crate::__LOG_PREFIX.as_ptr(), self.name().as_char_ptr());
        let what = ptr::from_ref(&what).cast::<c_void>();
        let caller = crate::caller();
        // The macros of the kernel crate have no way to print the name of a function.
        #[cfg(CONFIG_PRINTK)]
        // SAFETY: The format strings end with a zero and match their arguments: two strings that
        // end with a zero, a `fmt::Arguments` and an address, all valid during the call.
        unsafe {
            if caller == 0 {
                bindings::_printk(c"\x013%s: %s: %pA\n".as_char_ptr(), prefix, device, what);
            } else {
                let format = c"\x013%s: %s: %pA, called from %pS\n".as_char_ptr();
                bindings::_printk(format, prefix, device, what, caller);
            }
        }
    }
}
