// SPDX-License-Identifier: GPL-2.0

//! A table set of any provider, as drivers use it: made by `alloc_io_pgtable_ops()`, called through
//! the function pointers, freed by `free_io_pgtable_ops()`.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*, //
};

/// A table set.
///
/// # Invariants
///
/// `ops` belongs to a live set, which belongs to this value; `calls` is a copy of it.
pub(crate) struct Set {
    ops: NonNull<bindings::io_pgtable_ops>,
    /// The functions of the provider.
    pub(crate) calls: bindings::io_pgtable_ops,
}

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Set {}
// SAFETY: And from several at a time, as far as the contract of `io_pgtable_ops` goes.
unsafe impl Sync for Set {}

/// The result of a call to map.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Zero or an errno.
    pub(crate) error: c_int,
    /// The increase of `*mapped`.
    pub(crate) bytes: usize,
}

impl Set {
    /// Makes a set, and completes `cfg`; [`ENOMEM`] if it was refused.
    ///
    /// # Safety
    ///
    /// The targets of the pointers in `cfg` live as long as the set.
    pub(crate) unsafe fn new(cfg: &mut bindings::io_pgtable_cfg) -> Result<Self> {
        // SAFETY: `cfg` is valid, and no callback looks at the cookie.
        let ops = unsafe {
            bindings::alloc_io_pgtable_ops(bindings::io_pgtable_fmt_ARM_V7S, cfg, ptr::null_mut())
        };
        let ops = NonNull::new(ops).ok_or(ENOMEM)?;
        // INVARIANT: Just made.
        Ok(Self {
            ops,
            // SAFETY: The ops of a live set are valid.
            calls: unsafe { ptr::read(ops.as_ptr()) },
        })
    }

    /// Calls `map_pages` for readable and writable pages, with a `*mapped` that is not zero.
    ///
    /// # Safety
    ///
    /// No other call concerns these input addresses at the same time.
    pub(crate) unsafe fn map(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        count: usize,
        gfp: bindings::gfp_t,
    ) -> Mapped {
        const BEFORE: usize = 0x5a5a;
        const RW: c_int = (prot::READ | prot::WRITE) as c_int;
        let mut mapped = BEFORE;
        let (ops, paddr) = (self.ops.as_ptr(), paddr as bindings::phys_addr_t);
        // SAFETY: A live set (invariant); no other call concerns the addresses (function
        // requirement).
        let error = self.calls.map_pages.map_or(1, |map_pages| unsafe {
            map_pages(ops, iova, paddr, pgsize, count, RW, gfp, &mut mapped)
        });
        Mapped {
            error,
            bytes: mapped.wrapping_sub(BEFORE),
        }
    }

    /// Calls `unmap_pages`.
    ///
    /// # Safety
    ///
    /// No other call concerns these input addresses at the same time.
    pub(crate) unsafe fn unmap(&self, iova: usize, pgsize: usize, count: usize) -> usize {
        let Some(unmap_pages) = self.calls.unmap_pages else {
            return usize::MAX;
        };
        // SAFETY: A live set (invariant); no other call concerns the addresses (function
        // requirement).
        unsafe { unmap_pages(self.ops.as_ptr(), iova, pgsize, count, ptr::null_mut()) }
    }

    /// Calls `iova_to_phys`.
    ///
    /// # Safety
    ///
    /// No other call changes the mapping of this input address at the same time.
    #[allow(clippy::useless_conversion)] // `phys_addr_t` has 32 bits on some kernels.
    pub(crate) unsafe fn translate(&self, iova: usize) -> u64 {
        let Some(iova_to_phys) = self.calls.iova_to_phys else {
            return u64::MAX;
        };
        // SAFETY: A live set (invariant); no other call concerns the addresses (function
        // requirement).
        unsafe { iova_to_phys(self.ops.as_ptr(), iova) }.into()
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: The set belongs to `self` (invariant), and no device walks it.
        unsafe { bindings::free_io_pgtable_ops(self.ops.as_ptr()) };
    }
}
