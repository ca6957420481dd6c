// SPDX-License-Identifier: GPL-2.0

//! The guest's memory: one file that QEMU and this process map.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::AtomicU32;

use vm_memory::{
    Address, FileOffset, GuestAddress, GuestMemory, GuestMemoryMmap, VolatileMemory, VolatileSlice,
};

/// Physical address of the first byte of memory in QEMU's virt machine.
pub const BASE: u64 = 0x4000_0000;

const NAME: &CStr = c"guest-memory";

pub struct Ram {
    memory: GuestMemoryMmap,
    file: RawFd,
}

impl Ram {
    /// Makes `size` bytes of memory. Its descriptor is inherited by child processes.
    pub fn new(size: u64) -> io::Result<Self> {
        // SAFETY: `NAME` is a string that ends with NUL, and is not kept.
        let fd = unsafe { libc::memfd_create(NAME.as_ptr(), 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened, and is owned by nothing else.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(size)?;
        let file = FileOffset::new(file, 0);
        let fd = file.file().as_raw_fd();
        let range = (GuestAddress(BASE), size as usize, Some(file));
        let memory = GuestMemoryMmap::from_ranges_with_files([range]).map_err(io::Error::other)?;
        Ok(Self { memory, file: fd })
    }

    /// Returns the descriptor of the file, which is open as long as `self` lives.
    pub fn file(&self) -> RawFd {
        self.file
    }

    pub fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    /// Returns the bytes from physical address `paddr`; `None` if some of them are not memory.
    pub fn slice(&self, paddr: u64, len: usize) -> Option<VolatileSlice<'_>> {
        self.memory.get_slice(GuestAddress(paddr), len).ok()
    }

    /// Returns the word at physical address `paddr`, which has to be aligned.
    pub fn word(&self, paddr: u64) -> Option<&AtomicU32> {
        let (region, at) = self.memory.to_region_addr(GuestAddress(paddr))?;
        region.get_atomic_ref(at.raw_value() as usize).ok()
    }
}
