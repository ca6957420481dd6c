// SPDX-License-Identifier: GPL-2.0

//! Tables of memory.

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use std::sync::atomic::{
    AtomicUsize,
    Ordering::Relaxed, //
};

use kernel::{
    helpers,
    prelude::*, //
};

use crate::slab::{
    Gfp,
    StaticCache,
    Zone, //
};

/// A source of tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableSource {
    /// A slab cache.
    Slab,
    /// A pool of pages.
    Pool,
}

/// The memory that an allocator has.
pub struct TableUsage {
    /// Bytes held.
    pub held_bytes: usize,
}

/// An allocator of tables of one size, each aligned to it.
pub struct TableAllocator {
    size: usize,
    zone: Zone,
    live: AtomicUsize,
}

impl TableAllocator {
    /// Makes an allocator.
    pub fn new(_source: TableSource, size: usize, zone: Zone) -> Result<Self> {
        let size = size.next_power_of_two();
        let live = AtomicUsize::new(0);
        Ok(Self { size, zone, live })
    }

    /// Makes an allocator on a cache.
    pub fn of_cache<C: StaticCache>() -> Result<Self> {
        Self::new(TableSource::Slab, size_of::<C::Object>(), C::ZONE)
    }

    /// Allocates an empty table.
    pub fn alloc(&self, gfp: Gfp) -> Result<Table<'_>> {
        gfp.allowed()?;
        let ptr = helpers::alloc_table(self.size, self.zone == Zone::LOW)?;
        self.live.fetch_add(1, Relaxed);
        Ok(Table {
            ptr: NonNull::new(ptr).ok_or(ENOMEM)?,
            allocator: self,
        })
    }

    /// Returns the bytes of a table.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the number of tables that are not freed.
    pub fn live_tables(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// Returns what the allocator has.
    pub fn usage(&self) -> Result<TableUsage> {
        Ok(TableUsage {
            held_bytes: self.live_tables() * self.size,
        })
    }
}

impl Drop for TableAllocator {
    fn drop(&mut self) {
        assert!(
            std::thread::panicking() || self.live_tables() == 0,
            "tables leaked"
        );
    }
}

/// A table of an allocator.
pub struct Table<'a> {
    ptr: NonNull<u8>,
    allocator: &'a TableAllocator,
}

impl<'a> Table<'a> {
    /// Returns its address.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Returns its physical address.
    pub fn phys(&self) -> u64 {
        helpers::virt_to_phys(self.ptr.as_ptr())
    }

    /// Gives it away.
    pub fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).ptr
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `ptr` came from [`into_raw`](Self::into_raw) of a table of `allocator`.
    pub unsafe fn from_raw(allocator: &'a TableAllocator, ptr: NonNull<u8>) -> Self {
        Self { ptr, allocator }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        self.allocator.live.fetch_sub(1, Relaxed);
        // SAFETY: A table of this allocator that is not used any more.
        unsafe { helpers::free_table(self.ptr.as_ptr(), self.allocator.size) };
    }
}
