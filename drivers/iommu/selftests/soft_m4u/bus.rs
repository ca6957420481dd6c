// SPDX-License-Identifier: GPL-2.0

//! Access to memory by physical address, as a device on the bus has it.
//!
//! Only memory in the kernel's linear map, through that map: the devices are coherent, as QEMU's
//! are.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::prelude::*;

// In helpers.c.
extern "C" {
    fn soft_m4u_memory(phys: u64) -> *mut c_void;
}

/// Returns the kernel's address of `phys`; [`None`] if no memory is there.
fn at(phys: u64) -> Option<NonNull<u8>> {
    // SAFETY: Any address may be asked for.
    NonNull::new(unsafe { soft_m4u_memory(phys) }.cast())
}

/// Reads an entry of a table, in one access.
pub(crate) fn read_entry(phys: u64) -> Option<u32> {
    let entry = at(phys)?.cast::<u32>();
    // SAFETY: Memory that the kernel maps may be read, and entries are aligned. The kernel may
    // write it at the same time, which is why the access is volatile.
    Some(unsafe { entry.read_volatile() })
}

/// Copies `len` bytes from one page to another. [`None`] if either is not memory.
///
/// # Safety
///
/// The driver of the device has mapped `to` for it to write.
pub(crate) unsafe fn copy(from: u64, to: u64, len: usize) -> Option<()> {
    let (from, to) = (at(from)?, at(to)?);
    // SAFETY: Both are mapped up to the end of their pages, and the device may write `to` (function
    // requirement).
    unsafe { ptr::copy(from.as_ptr(), to.as_ptr(), len) };
    Some(())
}

/// Writes `len` bytes within a page. [`None`] if they are not memory.
///
/// # Safety
///
/// The requirements of [`copy`].
pub(crate) unsafe fn fill(to: u64, byte: u8, len: usize) -> Option<()> {
    let to = at(to)?;
    // SAFETY: `to` is the address of at least `len` bytes of memory.
    unsafe { ptr::write_bytes(to.as_ptr(), byte, len) };
    Some(())
}

/// Reads bytes within a page. [`None`] if they are not memory.
pub(crate) fn read(from: u64, to: &mut [u8]) -> Option<()> {
    let from = at(from)?;
    // SAFETY: Mapped up to the end of its page, and `to` is memory of its own.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr(), to.len()) };
    Some(())
}
