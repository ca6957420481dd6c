// SPDX-License-Identifier: GPL-2.0

//! Memory that is mapped for the device, by each way of the DMA API.

use core::ptr::NonNull;

use kernel::{
    alloc::allocator::VmallocPageIter,
    bindings,
    device::{
        Bound,
        Device, //
    },
    dma::DataDirection,
    error::to_result,
    page,
    prelude::*,
    scatterlist::{
        Owned,
        SGTable, //
    },
    sync::aref::ARef, //
};

use crate::{
    compat::dma_address,
    memory::{
        Kind,
        Memory, //
    }, //
};

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

/// Returns the `struct device`.
pub(crate) fn raw(dev: &Device) -> *mut bindings::device {
    // CAST: `Device` is a transparent wrapper of `struct device`.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// The command of the device for a buffer.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Access {
    fn direction(self) -> DataDirection {
        match self {
            Self::Read => DataDirection::ToDevice,
            Self::Write => DataDirection::FromDevice,
        }
    }
}

/// A mapping by `dma_map_single()`.
///
/// # Invariants
///
/// Mapped for `dev`, which is bound as long as there is a buffer.
struct Single {
    dev: ARef<Device>,
    iova: u64,
    bytes: usize,
    access: Access,
}

impl Drop for Single {
    fn drop(&mut self) {
        // SAFETY: The memory is mapped for `dev`, which is bound (type invariant).
        unsafe {
            m4u_client_unmap(
                raw(&self.dev),
                self.iova,
                self.bytes,
                self.access.direction() as c_int,
            )
        };
    }
}

/// Pages of the vmalloc area, borrowed by a scatterlist that is dropped before them.
struct Lent {
    memory: NonNull<u8>,
    bytes: usize,
}

// SAFETY: Memory may be used from any thread.
unsafe impl Send for Lent {}

impl page::AsPageIter for Lent {
    type Iter<'a> = VmallocPageIter<'a>;

    fn page_iter(&mut self) -> Self::Iter<'_> {
        // SAFETY: Whole pages of the vmalloc area, all of them, which outlive the scatterlist.
        unsafe { VmallocPageIter::new(self.memory, self.bytes) }
    }
}

enum Mapping {
    /// Returns the pages, valid as long as the memory.
    Coherent(u64),
    Single(Single),
    Sg(Pin<KBox<SGTable<Owned<Lent>>>>),
}

/// Consecutive input addresses: the first, and bytes.
pub(crate) type Segment = (u64, usize);

/// A mapped buffer; unmapped and freed when dropped.
///
/// Exists only while the device is bound.
pub(crate) struct Buffer {
    // Drop order: the mapping before the memory.
    mapping: Option<Mapping>,
    pub(crate) memory: Memory,
}

impl Buffer {
    /// Fills the memory with `fill`, and maps it for the device.
    pub(crate) fn new(
        dev: &Device<Bound>,
        kind: Kind,
        bytes: usize,
        access: Access,
        fill: impl FnOnce(&mut [u64]),
    ) -> Result<Self> {
        let mut memory = Memory::new(dev, kind, bytes)?;
        // SAFETY: The memory is not mapped for the device yet.
        fill(unsafe { memory.words_mut() });
        let mapping = match &memory {
            Memory::Coherent(memory) => Mapping::Coherent(dma_address(memory)),
            Memory::Contiguous(_) => Mapping::Single(single(dev, &memory, access)?),
            Memory::Runs(_) | Memory::Scattered(_) => Mapping::Sg(sg(dev, &memory, access)?),
        };
        Ok(Self {
            mapping: Some(mapping),
            memory,
        })
    }

    /// Returns the input addresses of the buffer, in order.
    pub(crate) fn segments(&self) -> Result<KVec<Segment>> {
        let mut segments = KVec::new();
        match &self.mapping {
            None => {}
            Some(Mapping::Coherent(iova)) => {
                segments.push((*iova, self.memory.bytes()), GFP_KERNEL)?
            }
            Some(Mapping::Single(single)) => {
                segments.push((single.iova, single.bytes), GFP_KERNEL)?
            }
            Some(Mapping::Sg(table)) => {
                for entry in table.iter() {
                    segments.push((entry.dma_address(), entry.dma_len() as usize), GFP_KERNEL)?;
                }
            }
        }
        Ok(segments)
    }

    /// Unmaps the buffer; coherent ones stay mapped.
    pub(crate) fn unmap(&mut self) {
        if !matches!(self.mapping, Some(Mapping::Coherent(_))) {
            self.mapping = None;
        }
    }
}

fn single(dev: &Device<Bound>, memory: &Memory, access: Access) -> Result<Single> {
    let mut iova = 0;
    // SAFETY: The device is bound, and the memory outlives the mapping.
    to_result(unsafe {
        m4u_client_map(
            raw(dev),
            memory.as_ptr().cast_mut().cast(),
            memory.bytes(),
            access.direction() as c_int,
            &mut iova,
        )
    })?;
    // INVARIANT: Just mapped.
    Ok(Single {
        dev: dev.into(),
        iova,
        bytes: memory.bytes(),
        access,
    })
}

fn sg(
    dev: &Device<Bound>,
    memory: &Memory,
    access: Access,
) -> Result<Pin<KBox<SGTable<Owned<Lent>>>>> {
    let pages = Lent {
        memory: NonNull::new(memory.as_ptr().cast_mut().cast()).ok_or(ENOMEM)?,
        bytes: memory.bytes(),
    };
    KBox::pin_init(
        SGTable::new(dev, pages, access.direction(), GFP_KERNEL),
        GFP_KERNEL,
    )
}
