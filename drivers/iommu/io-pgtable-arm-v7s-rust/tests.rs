// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the format, and what they share.
//!
//! They use table sets as a driver does, through `struct io_pgtable_ops`, and read entries as a
//! walker does. Expected values come from the manual and from the contract of `struct
//! io_pgtable_ops`, never from the code under test.

use core::ptr::{
    null_mut,
    NonNull, //
};

use kernel::{
    bindings,
    container_of,
    error::from_err_ptr,
    fmt,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16K,
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    }, //
};

use crate::{
    alloc_ops,
    config::{
        quirk,
        PAGE_SIZES, //
    },
    format::entry,
    free_ops,
    table_set::IoPgtableArmV7s, //
};

/// Returns true if two numbers are the same; logs both if not, because KUnit's message does not.
macro_rules! same {
    ($got:expr, $expected:expr, $($what:tt)+) => {
        is_same($got, $expected, fmt!($($what)+))
    };
}

pub(crate) use same;

mod config;
mod flush;
mod map;
mod misuse;
mod retired;
mod tables;
mod unmap;

/// The page sizes, smallest first.
pub(crate) const SIZES: [usize; 4] = [SZ_4K, SZ_64K, SZ_1M, SZ_16M];

/// Readable and writable.
pub(crate) const RW: u32 = prot::READ | prot::WRITE;

/// Quirks of a walker with 35 bits of output address, and of tables for it.
pub(crate) const MTK: usize = quirk::NO_PERMS | quirk::ARM_MTK_EXT;

/// Bits of the largest space of input addresses: MediaTek's, or what `usize` has.
pub(crate) const IAS: u32 = if usize::BITS < 34 { usize::BITS } else { 34 };

/// Returns the last input address of a space.
pub(crate) fn last(ias: u32) -> usize {
    usize::MAX >> usize::BITS.saturating_sub(ias)
}

pub(crate) const OK: c_int = 0;

/// Returns an errno as C does.
pub(crate) fn errno(error: Error) -> c_int {
    error.to_errno()
}

/// Compares two numbers for `same!`.
pub(crate) fn is_same<T: PartialEq + fmt::Debug>(
    got: T,
    expected: T,
    what: fmt::Arguments<'_>,
) -> bool {
    if got != expected {
        pr_err!("{what}: {got:#x?}, expected {expected:#x?}\n");
    }
    got == expected
}

/// Returns offsets to check in `size` bytes: the first and the last byte of pages, and one in
/// between; of all pages in some MiB, of every 17th in more, and of the last.
pub(crate) fn probes(size: usize) -> impl Iterator<Item = usize> {
    let step = if size > 4 * SZ_1M { 17 } else { 1 };
    let pages = Iterator::chain((0..size).step_by(step * SZ_4K), size.checked_sub(SZ_4K));
    pages.flat_map(|page| [0, 0x123, SZ_4K - 1].map(|offset| page + offset))
}

/// Returns a request for a coherent walker with all page sizes and no callbacks.
pub(crate) fn request(quirks: usize, ias: u32, oas: u32) -> bindings::io_pgtable_cfg {
    bindings::io_pgtable_cfg {
        quirks,
        pgsize_bitmap: PAGE_SIZES,
        ias,
        oas,
        coherent_walk: true,
        ..Default::default()
    }
}

// In include/kunit/device.h, which the kernel crate has no bindings for. A device is opaque to the
// lint where a configuration leaves some of its parts empty.
#[allow(improper_ctypes)]
extern "C" {
    fn kunit_device_register(
        test: *mut bindings::kunit,
        name: *const c_char,
    ) -> *mut bindings::device;
}

/// Makes a device with a DMA mask of 32 bits, which lives as long as the test; one for each test.
pub(crate) fn device() -> Result<NonNull<bindings::device>> {
    // SAFETY: Called by a test. The name is copied.
    let dev = unsafe {
        let test = bindings::kunit_get_current_test();
        from_err_ptr(kunit_device_register(test, c"walker".as_char_ptr()))?
    };
    NonNull::new(dev).ok_or(ENODEV)
}

/// Returns a request for a walker that does not snoop.
pub(crate) fn noncoherent(
    dev: NonNull<bindings::device>,
    quirks: usize,
    ias: u32,
    oas: u32,
) -> bindings::io_pgtable_cfg {
    let mut cfg = request(quirks, ias, oas);
    cfg.coherent_walk = false;
    cfg.iommu_dev = dev.as_ptr();
    cfg
}

/// Callbacks with `tlb_flush_walk`: tables are freed, not retired.
pub(crate) static TOLD: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: None,
    tlb_flush_walk: Some(ignore_walk),
    tlb_add_page: None,
};

extern "C" fn ignore_walk(_iova: usize, _size: usize, _granule: usize, _cookie: *mut c_void) {}

/// A table set in the hands of a driver.
///
/// # Invariants
///
/// `ops` belongs to a live set of this module, which belongs to this value.
pub(crate) struct Set {
    pub(crate) ops: NonNull<bindings::io_pgtable_ops>,
    /// The completed request.
    pub(crate) cfg: bindings::io_pgtable_cfg,
}

impl Set {
    /// Makes a table set; [`EINVAL`] if it was refused.
    pub(crate) fn new(cfg: bindings::io_pgtable_cfg) -> Result<Self> {
        // SAFETY: Without callbacks the cookie is not used.
        unsafe { Self::with_cookie(cfg, null_mut()) }
    }

    /// Makes a table set with a cookie for the callbacks.
    ///
    /// # Safety
    ///
    /// The cookie is valid for the callbacks as long as the set lives.
    pub(crate) unsafe fn with_cookie(
        mut cfg: bindings::io_pgtable_cfg,
        cookie: *mut c_void,
    ) -> Result<Self> {
        // SAFETY: `cfg` is ours, callbacks are static, and devices live as long as their test.
        let ops = unsafe { alloc_ops(&mut cfg, cookie) };
        let ops = NonNull::new(ops).ok_or(EINVAL)?;
        // INVARIANT: Just made.
        Ok(Self { ops, cfg })
    }

    /// Makes a set for quirks, ias and oas.
    pub(crate) fn of(quirks: usize, ias: u32, oas: u32) -> Result<Self> {
        Self::new(request(quirks, ias, oas))
    }

    /// Returns the table set behind the ops.
    pub(crate) fn table(&self) -> &IoPgtableArmV7s {
        // SAFETY: Ops are a field of the `io_pgtable` that a live set begins with.
        unsafe { &*container_of!(self.ops.as_ptr(), bindings::io_pgtable, ops).cast() }
    }

    /// Calls `map_pages`. Returns its result and the increase of `mapped`, which was not zero
    /// before.
    pub(crate) fn map_gfp(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        pgcount: usize,
        prot: u32,
        gfp: bindings::gfp_t,
    ) -> (c_int, usize) {
        const BEFORE: usize = 0x5a5a;
        let mut mapped = BEFORE;
        let ops = self.ops.as_ptr();
        // SAFETY: A live set, used by one thread.
        let ret = unsafe {
            (*ops).map_pages.map_or(1, |map_pages| {
                let prot = prot as c_int;
                map_pages(ops, iova, paddr, pgsize, pgcount, prot, gfp, &mut mapped)
            })
        };
        (ret, mapped.wrapping_sub(BEFORE))
    }

    /// Calls `map_pages` with `GFP_KERNEL`.
    pub(crate) fn map_prot(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        pgcount: usize,
        prot: u32,
    ) -> (c_int, usize) {
        self.map_gfp(iova, paddr, pgsize, pgcount, prot, bindings::GFP_KERNEL)
    }

    /// Calls `map_pages` for readable and writable pages.
    pub(crate) fn map(
        &self,
        iova: usize,
        paddr: u64,
        pgsize: usize,
        pgcount: usize,
    ) -> (c_int, usize) {
        self.map_prot(iova, paddr, pgsize, pgcount, RW)
    }

    /// Returns true if all of it can be mapped.
    pub(crate) fn maps(&self, iova: usize, paddr: u64, pgsize: usize, pgcount: usize) -> bool {
        // The size of a space as large as `usize` wraps to 0.
        self.map(iova, paddr, pgsize, pgcount) == (OK, pgsize.wrapping_mul(pgcount))
    }

    /// Calls `unmap_pages` with a `gather`.
    ///
    /// # Safety
    ///
    /// `gather` is null or valid.
    pub(crate) unsafe fn unmap_gather(
        &self,
        iova: usize,
        pgsize: usize,
        pgcount: usize,
        gather: *mut bindings::iommu_iotlb_gather,
    ) -> usize {
        let ops = self.ops.as_ptr();
        // SAFETY: A live set, used by one thread; `gather` is the caller's promise.
        unsafe {
            (*ops).unmap_pages.map_or(usize::MAX, |unmap_pages| {
                unmap_pages(ops, iova, pgsize, pgcount, gather)
            })
        }
    }

    /// Calls `unmap_pages`.
    pub(crate) fn unmap(&self, iova: usize, pgsize: usize, pgcount: usize) -> usize {
        // SAFETY: Null.
        unsafe { self.unmap_gather(iova, pgsize, pgcount, null_mut()) }
    }

    /// Calls `iova_to_phys`.
    pub(crate) fn phys(&self, iova: usize) -> u64 {
        let ops = self.ops.as_ptr();
        // SAFETY: A live set, used by one thread.
        unsafe {
            (*ops)
                .iova_to_phys
                .map_or(u64::MAX, |iova_to_phys| iova_to_phys(ops, iova))
        }
    }

    /// Returns true if `size` bytes from `iova` on translate to those from `paddr` on.
    pub(crate) fn translates(&self, iova: usize, paddr: u64, size: usize) -> bool {
        probes(size).all(|at| {
            let (iova, paddr) = (iova + at, paddr + at as u64);
            same!(self.phys(iova), paddr, "translation of {iova:#x}")
        })
    }

    /// Returns true if nothing from `iova` on translates, for `size` bytes.
    pub(crate) fn is_gap(&self, iova: usize, size: usize) -> bool {
        probes(size).all(|at| same!(self.phys(iova + at), 0, "translation of {:#x}", iova + at))
    }

    /// Returns the first-level entry for an address.
    pub(crate) fn l1_entry(&self, iova: usize) -> u32 {
        self.table()
            .l1()
            .get(iova >> 20)
            .map_or(0, |slot| slot.load())
    }

    /// Returns the second-level entry for an address; zero without a table.
    pub(crate) fn l2_entry(&self, iova: usize) -> u32 {
        let raw = self.l1_entry(iova);
        if !entry::is_table(raw) {
            return 0;
        }
        // SAFETY: Read from this set, which one thread uses.
        unsafe { self.table().l2(raw)[iova >> 12 & 0xff].load() }
    }

    /// Returns true if there is a second-level table for an address.
    pub(crate) fn has_table(&self, iova: usize) -> bool {
        entry::is_table(self.l1_entry(iova))
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: The set belongs to `self` (type invariant), and is not used any more.
        unsafe { free_ops(self.ops.as_ptr()) };
    }
}
