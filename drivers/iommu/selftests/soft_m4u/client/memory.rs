// SPDX-License-Identifier: GPL-2.0

//! Memory of buffers: coherent, contiguous, from `vmalloc()`, or of scattered single pages.

use core::{
    ptr::NonNull,
    slice, //
};

use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    prelude::*, //
};

// In memory.c.
extern "C" {
    fn m4u_client_alloc(size: usize) -> *mut c_void;
    fn m4u_client_free(memory: *mut c_void, size: usize);
    fn m4u_client_alloc_scattered(size: usize) -> *mut c_void;
    fn m4u_client_phys(memory: *const c_void) -> u64;
}

// Not in the bindings.
extern "C" {
    fn vfree(memory: *const c_void);
}

/// The way in which a buffer is made and mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `dma_alloc_coherent()`.
    Coherent,
    /// `dma_map_single()` of contiguous memory.
    Single,
    /// `dma_map_sgtable()` of memory from `vmalloc()`, which is runs of pages.
    Sg,
    /// `dma_map_sgtable()` of single pages.
    Scattered,
}

impl Kind {
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("coherent", Self::Coherent),
        ("single", Self::Single),
        ("sg", Self::Sg),
        ("scattered", Self::Scattered),
    ];
}

/// Physically contiguous memory.
///
/// # Invariants
///
/// Allocated with this size, and owned by the value.
pub(crate) struct Contiguous {
    memory: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: Memory may be used from any thread.
unsafe impl Send for Contiguous {}

impl Contiguous {
    fn new(bytes: usize) -> Result<Self> {
        // SAFETY: May be called for any size but zero, which `Memory::new` refuses.
        let memory = NonNull::new(unsafe { m4u_client_alloc(bytes) }).ok_or(ENOMEM)?;
        // INVARIANT: Just allocated.
        Ok(Self { memory, bytes })
    }
}

impl Drop for Contiguous {
    fn drop(&mut self) {
        // SAFETY: Allocated with this size, and owned by `self` (type invariant).
        unsafe { m4u_client_free(self.memory.as_ptr(), self.bytes) };
    }
}

/// Memory that is virtually contiguous only, of single pages.
///
/// # Invariants
///
/// Allocated by `m4u_client_alloc_scattered()` with this size, and owned by the value.
pub(crate) struct Scattered {
    memory: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: Memory may be used from any thread.
unsafe impl Send for Scattered {}

impl Scattered {
    fn new(bytes: usize) -> Result<Self> {
        // SAFETY: May be called for any size but zero, which `Memory::new` refuses.
        let memory = unsafe { m4u_client_alloc_scattered(bytes) };
        // INVARIANT: Just allocated.
        Ok(Self {
            memory: NonNull::new(memory).ok_or(ENOMEM)?,
            bytes,
        })
    }
}

impl Drop for Scattered {
    fn drop(&mut self) {
        // SAFETY: Allocated with `vmalloc()` pages, and owned by `self` (type invariant).
        unsafe { vfree(self.memory.as_ptr()) };
    }
}

/// Zeroed memory of any kind, seen as words.
pub(crate) enum Memory {
    Coherent(Coherent<[u64]>),
    Contiguous(Contiguous),
    Runs(VVec<u64>),
    Scattered(Scattered),
}

impl Memory {
    /// Allocates memory; [`EINVAL`] unless `bytes` is a positive number of pages.
    pub(crate) fn new(dev: &Device<Bound>, kind: Kind, bytes: usize) -> Result<Self> {
        let words = bytes / size_of::<u64>();
        if bytes == 0 || bytes % kernel::page::PAGE_SIZE != 0 {
            return Err(EINVAL);
        }
        Ok(match kind {
            Kind::Coherent => Self::Coherent(Coherent::zeroed_slice(dev, words, GFP_KERNEL)?),
            Kind::Single => Self::Contiguous(Contiguous::new(bytes)?),
            Kind::Sg => Self::Runs(VVec::from_elem(0, words, GFP_KERNEL)?),
            Kind::Scattered => Self::Scattered(Scattered::new(bytes)?),
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Coherent(memory) => memory.size(),
            Self::Contiguous(memory) => memory.bytes,
            Self::Runs(memory) => size_of_val(memory.as_slice()),
            Self::Scattered(memory) => memory.bytes,
        }
    }

    pub(crate) fn as_ptr(&self) -> *const u64 {
        match self {
            Self::Coherent(memory) => memory.as_ptr().cast(),
            Self::Contiguous(memory) => memory.memory.as_ptr().cast(),
            Self::Runs(memory) => memory.as_slice().as_ptr(),
            Self::Scattered(memory) => memory.memory.as_ptr().cast(),
        }
    }

    /// # Safety
    ///
    /// The device does not write it as long as the slice is used.
    pub(crate) unsafe fn words(&self) -> &[u64] {
        // SAFETY: Initialised memory of that size, aligned to pages, which is not written to
        // (function requirement).
        unsafe { slice::from_raw_parts(self.as_ptr(), self.bytes() / size_of::<u64>()) }
    }

    /// # Safety
    ///
    /// The device does not use it as long as the slice is used.
    pub(crate) unsafe fn words_mut(&mut self) -> &mut [u64] {
        let words = self.bytes() / size_of::<u64>();
        // SAFETY: The memory holds so many words, and belongs to `self` for all kinds.
        unsafe { slice::from_raw_parts_mut(self.as_ptr().cast_mut(), words) }
    }

    /// Returns the physical address of the byte at `offset`.
    pub(crate) fn phys(&self, offset: usize) -> u64 {
        // SAFETY: The address is in memory of the kernel; it is not read.
        unsafe { m4u_client_phys(self.as_ptr().wrapping_byte_add(offset).cast()) }
    }
}
