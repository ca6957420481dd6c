// SPDX-License-Identifier: GPL-2.0

//! Buffers, and what it takes to map and unmap them.

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    dma::DataDirection,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    types::Opaque, //
};

use crate::{
    memory::{
        Kind,
        Memory, //
    },
    stopwatch::Stopwatch, //
};

const DIRECTION: DataDirection = DataDirection::FromDevice;

// In memory.c. Some types are empty in some configurations, which the lint reports.
#[allow(improper_ctypes)]
extern "C" {
    fn m4u_client_map(
        dev: *mut bindings::device,
        memory: *mut c_void,
        size: usize,
        direction: c_int,
        iova: *mut u64,
    ) -> c_int;
    fn m4u_client_unmap(dev: *mut bindings::device, iova: u64, size: usize, direction: c_int);
}

// Not in the bindings. The type is C's own.
#[allow(improper_ctypes)]
extern "C" {
    fn vmalloc_to_page(memory: *const c_void) -> *mut bindings::page;
}

/// Returns the `struct device`.
fn raw(dev: &Device) -> *mut bindings::device {
    // CAST: `Device` is a transparent wrapper of `struct device`.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// A list of the pages of memory; freed when dropped.
///
/// # Invariants
///
/// Initialised by `sg_alloc_table_from_pages_segment()`, and owned by this value.
pub(crate) struct SgTable(KBox<Opaque<bindings::sg_table>>);

impl SgTable {
    /// The pages of `bytes` of memory of the vmalloc area.
    fn new(memory: *const u64, bytes: usize) -> Result<Self> {
        let mut pages = KVVec::with_capacity(bytes / PAGE_SIZE, GFP_KERNEL)?;
        for offset in (0..bytes).step_by(PAGE_SIZE) {
            let page = memory.wrapping_byte_add(offset);
            // SAFETY: Each of these pages is mapped in the vmalloc area.
            pages.push(unsafe { vmalloc_to_page(page.cast()) }, GFP_KERNEL)?;
        }
        let table = KBox::new(Opaque::zeroed(), GFP_KERNEL)?;
        // SAFETY: `pages` has that many pages, and is only read.
        to_result(unsafe {
            bindings::sg_alloc_table_from_pages_segment(
                table.get(),
                pages.as_mut_ptr(),
                pages.len() as u32,
                0,
                bytes,
                u32::MAX,
                bindings::GFP_KERNEL,
            )
        })?;
        // INVARIANT: Just initialised.
        Ok(Self(table))
    }
}

impl Drop for SgTable {
    fn drop(&mut self) {
        // SAFETY: Initialised, and owned by this value (invariant).
        unsafe { bindings::sg_free_table(self.0.get()) };
    }
}

/// A buffer that is not mapped between calls.
pub(crate) enum Buffer {
    /// Allocated to be mapped, and freed to be unmapped.
    Coherent {
        bytes: usize,
        memory: Option<Memory>,
    },
    /// For `dma_map_single()`.
    Single { memory: Memory, iova: u64 },
    /// For `dma_map_sgtable()`; freed in this order.
    Sg { table: SgTable, _memory: Memory },
}

impl Buffer {
    pub(crate) fn new(dev: &Device<Bound>, kind: Kind, bytes: usize) -> Result<Self> {
        if kind == Kind::Coherent {
            return Ok(Self::Coherent {
                bytes,
                memory: None,
            });
        }
        let memory = Memory::new(dev, kind, bytes)?;
        Ok(match kind {
            Kind::Single => Self::Single { memory, iova: 0 },
            _ => Self::Sg {
                table: SgTable::new(memory.as_ptr(), bytes)?,
                _memory: memory,
            },
        })
    }

    /// Maps the buffer for the device. Returns the nanoseconds.
    pub(crate) fn map(&mut self, dev: &Device<Bound>, watch: &Stopwatch) -> Result<i64> {
        let mut result = Ok(());
        let time = match self {
            Self::Coherent { bytes, memory } => watch.time_preemptible(|| {
                result = Memory::new(dev, Kind::Coherent, *bytes).map(|new| *memory = Some(new));
            }),
            Self::Single { memory, iova } => {
                let (start, bytes) = (memory.as_ptr().cast_mut().cast(), memory.bytes());
                watch.time(|| {
                    // SAFETY: The device is bound, and the memory is there until it was unmapped.
                    result = to_result(unsafe {
                        m4u_client_map(raw(dev), start, bytes, DIRECTION as c_int, iova)
                    });
                })
            }
            Self::Sg { table, .. } => watch.time(|| {
                // SAFETY: The device is bound, and the pages are there until they were unmapped.
                result = to_result(unsafe {
                    bindings::dma_map_sgtable(raw(dev), table.0.get(), DIRECTION.into(), 0)
                });
            }),
        };
        result.map(|()| time)
    }

    /// Unmaps the buffer, which was mapped for the device. Returns the nanoseconds.
    pub(crate) fn unmap(&mut self, dev: &Device<Bound>, watch: &Stopwatch) -> i64 {
        match self {
            Self::Coherent { memory, .. } => watch.time_preemptible(|| drop(memory.take())),
            Self::Single { memory, iova } => {
                let bytes = memory.bytes();
                watch.time(|| {
                    // SAFETY: `map` mapped it for this device.
                    unsafe { m4u_client_unmap(raw(dev), *iova, bytes, DIRECTION as c_int) };
                })
            }
            Self::Sg { table, .. } => watch.time(|| {
                // SAFETY: `map` mapped it for this device.
                unsafe {
                    bindings::dma_unmap_sgtable(raw(dev), table.0.get(), DIRECTION.into(), 0)
                };
            }),
        }
    }
}
