// SPDX-License-Identifier: GPL-2.0

//! Differences of the kernel crate between Linux 7.2 and 7.3. All other sources are the same for
//! both.
//!
//! `linux_7_3` is set by scripts/Makefile.rustlib for kernels from 7.3 on. Modules that do not use
//! the crate `slab_rust` include this file.

#![allow(dead_code, unreachable_pub)]

use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::{
        Coherent,
        DmaAddress, //
    },
    faux,
    iommu::pgtable::{
        Config,
        IoPageTable,
        IoPageTableFmt, //
    },
    module_param::ModuleParamAccess,
    prelude::*, //
};

/// Returns the value of a parameter of this module, which 7.2 gives by reference.
#[cfg(not(linux_7_3))]
#[inline(always)]
pub fn parameter<T: Copy>(parameter: &ModuleParamAccess<T>) -> T {
    *parameter.value()
}

/// Returns the value of a parameter of this module.
#[cfg(linux_7_3)]
#[inline(always)]
pub fn parameter<T: Copy>(parameter: &ModuleParamAccess<T>) -> T {
    parameter.value()
}

/// `THIS_MODULE` of the crate that uses the macro: a static until 7.2, a constant of the module's
/// type since 7.3.
#[cfg(not(linux_7_3))]
#[doc(hidden)]
#[macro_export]
#[allow(clippy::crate_in_macro_def)] // The crate that uses the macro is meant.
macro_rules! this_module {
    () => {
        &crate::THIS_MODULE
    };
}

/// `THIS_MODULE` of the crate that uses the macro.
#[cfg(linux_7_3)]
#[doc(hidden)]
#[macro_export]
#[allow(clippy::crate_in_macro_def)] // The crate that uses the macro is meant.
macro_rules! this_module {
    () => {
        ::kernel::module::this_module::<crate::LocalModule>()
    };
}

/// A table of devices for modpost and for a driver; 7.2 wants names for both.
#[cfg(not(linux_7_3))]
#[doc(hidden)]
#[macro_export]
macro_rules! of_device_table {
    ($table:ident, $for_modpost:ident, $info:ty, $ids:tt) => {
        ::kernel::of_device_table!($table, $for_modpost, $info, $ids);
    };
}

/// A table of devices for modpost and for a driver.
#[cfg(linux_7_3)]
#[doc(hidden)]
#[macro_export]
macro_rules! of_device_table {
    ($table:ident, $for_modpost:ident, $info:ty, $ids:tt) => {
        ::kernel::of_device_table!($table, $info, $ids);
    };
}

/// Returns the device of a registration, which is bound as long as that lives. 7.2 does not say so.
#[cfg(not(linux_7_3))]
#[inline(always)]
pub fn bound(registration: &faux::Registration) -> &Device<Bound> {
    // SAFETY: A faux device is bound until its registration is dropped.
    unsafe { registration.as_ref().as_bound() }
}

/// Returns the device of a registration.
#[cfg(linux_7_3)]
#[inline(always)]
pub fn bound(registration: &faux::Registration) -> &Device<Bound> {
    AsRef::<faux::Device<Bound>>::as_ref(registration).as_ref()
}

/// Returns the address for the device.
#[cfg(not(linux_7_3))]
#[inline(always)]
pub fn dma_address(memory: &Coherent<[u64]>) -> DmaAddress {
    memory.dma_handle()
}

/// Returns the address for the device.
#[cfg(linux_7_3)]
#[inline(always)]
pub fn dma_address(memory: &Coherent<[u64]>) -> DmaAddress {
    memory.dma_address()
}

/// The type of a page table, whatever its device: since 7.3 it has a lifetime.
#[cfg(not(linux_7_3))]
#[doc(hidden)]
#[macro_export]
macro_rules! any_page_table {
    ($format:ty) => {
        ::kernel::iommu::pgtable::IoPageTable<$format>
    };
}

/// The type of a page table, whatever its device.
#[cfg(linux_7_3)]
#[doc(hidden)]
#[macro_export]
macro_rules! any_page_table {
    ($format:ty) => {
        ::kernel::iommu::pgtable::IoPageTable<'_, $format>
    };
}

/// A page table that is kept beside its device.
#[cfg(not(linux_7_3))]
pub type PageTable<F> = IoPageTable<F>;

/// A page table that is kept beside its device.
#[cfg(linux_7_3)]
pub type PageTable<F> = IoPageTable<'static, F>;

/// Makes a page table of a device.
///
/// # Safety
///
/// The table is dropped before the device is unbound.
#[cfg(not(linux_7_3))]
#[inline(always)]
pub unsafe fn page_table<F: IoPageTableFmt>(
    device: &Device<Bound>,
    config: Config,
) -> Result<PageTable<F>> {
    // SAFETY: The table is dropped before the device is unbound (function requirement).
    unsafe { IoPageTable::new_raw(device, config) }
}

/// Makes a page table of a device.
///
/// # Safety
///
/// The table is dropped before the device is unbound.
#[cfg(linux_7_3)]
#[inline(always)]
pub unsafe fn page_table<F: IoPageTableFmt>(
    device: &Device<Bound>,
    config: Config,
) -> Result<PageTable<F>> {
    // SAFETY: The device outlives the table by the safety requirements, and only the table uses the
    // reference.
    IoPageTable::new(unsafe { &*core::ptr::from_ref(device) }, config)
}
