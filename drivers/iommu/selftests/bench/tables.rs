// SPDX-License-Identifier: GPL-2.0

//! Table sets of either implementation, called as a driver calls them: through the function
//! pointers of `struct io_pgtable_ops`.

use core::ptr;

use kernel::{
    bindings,
    iommu::pgtable::prot,
    prelude::*,
    types::Opaque, //
};

use io_pgtable_arm_v7s_rust::PAGE_SIZES;

use crate::{
    case::{
        Caller,
        Flush,
        Walker, //
    },
    device::PlatformDevice,
    provider::{
        Ops,
        Provider, //
    }, //
};

/// Bits of input address: the largest space of a walker without extensions.
pub(crate) const IAS: u32 = 32;

/// The device whose tables are measured.
pub(crate) fn device() -> Result<PlatformDevice> {
    PlatformDevice::new(c"v7s_bench", u32::MAX.into())
}

extern "C" fn flush_all(_cookie: *mut c_void) {}

extern "C" fn flush_walk(_iova: usize, _size: usize, _granule: usize, _cookie: *mut c_void) {}

extern "C" fn add_page(
    _gather: *mut bindings::iommu_iotlb_gather,
    _iova: usize,
    _granule: usize,
    _cookie: *mut c_void,
) {
}

static CALLBACKS: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: Some(flush_all),
    tlb_flush_walk: Some(flush_walk),
    tlb_add_page: Some(add_page),
};

fn gather(caller: &Caller) -> Opaque<bindings::iommu_iotlb_gather> {
    Opaque::new(bindings::iommu_iotlb_gather {
        queued: caller.flush == Flush::Queued,
        ..Default::default()
    })
}

extern "C" fn map_nothing(
    _ops: *mut bindings::io_pgtable_ops,
    _iova: usize,
    _paddr: bindings::phys_addr_t,
    _pgsize: usize,
    _pgcount: usize,
    _prot: c_int,
    _gfp: bindings::gfp_t,
    _mapped: *mut usize,
) -> c_int {
    0
}

extern "C" fn unmap_nothing(
    _ops: *mut bindings::io_pgtable_ops,
    _iova: usize,
    _pgsize: usize,
    _pgcount: usize,
    _gather: *mut bindings::iommu_iotlb_gather,
) -> usize {
    0
}

extern "C" fn translate_nothing(
    _ops: *mut bindings::io_pgtable_ops,
    _iova: usize,
) -> bindings::phys_addr_t {
    0
}

const NOTHING: bindings::io_pgtable_ops = bindings::io_pgtable_ops {
    map_pages: Some(map_nothing),
    unmap_pages: Some(unmap_nothing),
    iova_to_phys: Some(translate_nothing),
    pgtable_walk: None,
    read_and_clear_dirty: None,
};

/// A table set of 4 GiB of input addresses. No two calls that change something may have addresses
/// in common.
///
/// # Invariants
///
/// `calls` are functions that may be called with `ops`.
pub(crate) struct Tables<'a> {
    ops: *mut bindings::io_pgtable_ops,
    calls: bindings::io_pgtable_ops,
    gather: Opaque<bindings::iommu_iotlb_gather>,
    owned: Option<Ops>,
    _dev: &'a PlatformDevice,
}

// SAFETY: Table sets may be used from several threads; `gather` is not written to.
unsafe impl Sync for Tables<'_> {}

impl<'a> Tables<'a> {
    pub(crate) fn new(
        provider: Provider,
        caller: &Caller,
        dev: &'a PlatformDevice,
    ) -> Result<Self> {
        let mut cfg = bindings::io_pgtable_cfg {
            quirks: caller.quirks,
            pgsize_bitmap: PAGE_SIZES,
            ias: IAS,
            oas: caller.oas,
            coherent_walk: caller.walker == Walker::Coherent,
            tlb: match caller.flush {
                Flush::None => ptr::null(),
                Flush::Page | Flush::Queued => &CALLBACKS,
            },
            iommu_dev: dev.as_device(),
            ..Default::default()
        };
        // SAFETY: The callbacks are static and do not use the cookie, the device outlives `self`.
        let ops = unsafe { Ops::new(provider, &mut cfg, ptr::null_mut()) }.ok_or(ENOMEM)?;
        // INVARIANT: They are its own, and it lives as long as `self`.
        Ok(Self {
            ops: ops.as_ptr(),
            calls: *ops,
            gather: gather(caller),
            owned: Some(ops),
            _dev: dev,
        })
    }

    /// Tables whose operations do nothing, to measure what calling them costs.
    pub(crate) fn nothing(caller: &Caller, dev: &'a PlatformDevice) -> Self {
        // INVARIANT: These may be called with anything.
        Self {
            ops: ptr::null_mut(),
            calls: NOTHING,
            gather: gather(caller),
            owned: None,
            _dev: dev,
        }
    }

    /// Returns the set; none if the operations do nothing.
    pub(crate) fn set(&self) -> Option<&Ops> {
        self.owned.as_ref()
    }

    /// Returns true if all pages were mapped.
    #[inline(always)]
    pub(crate) fn map(&self, iova: usize, paddr: u64, pgsize: usize, count: usize) -> bool {
        let Some(map_pages) = self.calls.map_pages else {
            return false;
        };
        let mut mapped = 0;
        // SAFETY: The set is valid, and no two calls have addresses in common.
        let err = unsafe {
            map_pages(
                self.ops,
                iova,
                paddr as bindings::phys_addr_t,
                pgsize,
                count,
                (prot::READ | prot::WRITE) as c_int,
                bindings::GFP_ATOMIC,
                &mut mapped,
            )
        };
        err == 0 && mapped == pgsize * count
    }

    /// Returns true if all pages were unmapped.
    #[inline(always)]
    pub(crate) fn unmap(&self, iova: usize, pgsize: usize, count: usize) -> bool {
        let Some(unmap_pages) = self.calls.unmap_pages else {
            return false;
        };
        // SAFETY: The set is valid, and no two calls have addresses in common. Our callbacks only
        // read what is gathered.
        let unmapped = unsafe { unmap_pages(self.ops, iova, pgsize, count, self.gather.get()) };
        unmapped == pgsize * count
    }

    #[allow(clippy::useless_conversion)] // `phys_addr_t` has 32 bits on some kernels.
    #[inline(always)]
    pub(crate) fn translate(&self, iova: usize) -> u64 {
        let Some(iova_to_phys) = self.calls.iova_to_phys else {
            return 0;
        };
        // SAFETY: The set is valid, and the mapping is not changed at the same time.
        unsafe { iova_to_phys(self.ops, iova) }.into()
    }
}
