// SPDX-License-Identifier: GPL-2.0

//! Interface of the measured allocators: those of `slab_rust`, and sources that are only measured.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use kernel::prelude::*;

use slab_rust::{
    page_table::{
        self,
        TableAllocator, //
    },
    slab::Gfp, //
};

/// Flags of all measured allocations.
pub(crate) const GFP: Gfp = Gfp::ATOMIC;

/// An allocator of tables of [`SIZE`](crate::contender::SIZE) bytes.
pub(crate) trait Allocator: Sized {
    /// An owned table; dropping it frees it.
    type Table<'a>: Table
    where
        Self: 'a;

    /// Allocates a table.
    fn alloc(&self) -> Option<Self::Table<'_>>;

    /// Returns the bytes taken from the system.
    fn held_bytes(&self) -> Result<usize>;
}

/// An owned table.
pub(crate) trait Table {
    /// Returns the address of the table.
    fn as_ptr(&self) -> NonNull<u8>;
}

impl Allocator for TableAllocator {
    type Table<'a> = page_table::Table<'a>;

    #[inline(always)]
    fn alloc(&self) -> Option<Self::Table<'_>> {
        TableAllocator::alloc(self, GFP).ok()
    }

    fn held_bytes(&self) -> Result<usize> {
        Ok(self.usage()?.held_bytes)
    }
}

impl Table for page_table::Table<'_> {
    #[inline(always)]
    fn as_ptr(&self) -> NonNull<u8> {
        page_table::Table::as_ptr(self)
    }
}

/// A source of tables of this module.
///
/// # Safety
///
/// `alloc` returns memory of the linear map for a table, aligned to its size, zeroed, and used by
/// nothing else until it is freed.
pub(crate) unsafe trait Source {
    /// Allocates a table.
    fn alloc(&self) -> Option<NonNull<u8>>;

    /// Frees a table.
    ///
    /// # Safety
    ///
    /// `table` came from [`alloc`](Self::alloc) of this source, and is not used any more.
    unsafe fn free(&self, table: NonNull<u8>);

    /// Returns the bytes taken from the system.
    fn held_bytes(&self) -> Result<usize>;
}

/// A [`Source`] that is measured.
pub(crate) struct Of<S: Source>(pub(crate) S);

/// A table of a [`Source`].
///
/// # Invariants
///
/// `ptr` is a table of `source` that nothing else owns.
pub(crate) struct Owned<'a, S: Source> {
    ptr: NonNull<u8>,
    source: &'a S,
    _owned: PhantomData<[u8]>,
}

impl<S: Source> Allocator for Of<S> {
    type Table<'a>
        = Owned<'a, S>
    where
        S: 'a;

    #[inline(always)]
    fn alloc(&self) -> Option<Self::Table<'_>> {
        // INVARIANT: The table was just allocated.
        Some(Owned {
            ptr: self.0.alloc()?,
            source: &self.0,
            _owned: PhantomData,
        })
    }

    fn held_bytes(&self) -> Result<usize> {
        self.0.held_bytes()
    }
}

impl<S: Source> Table for Owned<'_, S> {
    #[inline(always)]
    fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }
}

impl<S: Source> Drop for Owned<'_, S> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is a table of this source that `self` owns.
        unsafe { self.source.free(self.ptr) };
    }
}
