// SPDX-License-Identifier: GPL-2.0

//! Sample: a driver that maps in atomic context, as the kernel's msm_iommu does.
//!
//! msm_iommu serves 32-bit SoCs of Qualcomm. It holds a spin lock with interrupts off around each
//! call, so that second-level tables are allocated with `GFP_ATOMIC`; its walker does not snoop, so
//! that there is cache maintenance under the lock, too; and tables are freed under it, after a
//! flush of its walks. This sample does all of that without the hardware, through the exported
//! functions, so that it works on 32-bit Arm as well. It keeps its mappings until it is unloaded.

use core::ptr::{
    null_mut,
    NonNull, //
};

use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    error::to_result,
    faux,
    iommu::pgtable::prot,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        static_lock_class, //
    }, //
};

use io_pgtable_arm_v7s_rust::{
    alloc_io_pgtable_arm_v7s_rust_ops,
    free_io_pgtable_arm_v7s_rust_ops,
    io_pgtable_arm_v7s_rust_populate, //
};

use slab_rust::{
    compat,
    sync::SpinLockIrq, //
};

module! {
    type: Client,
    name: "rust_v7s_atomic",
    authors: ["v7s-rs developers"],
    description: "Sample: a user of Rust page tables who maps under a spin lock",
    license: "GPL",
}

/// The mappings: bytes of a page, pages, first input address. The small pages begin and end in
/// the middle of a table.
const RUNS: [(usize, usize, usize); 4] = [
    (SZ_4K, 1024, 0x0018_0000),
    (SZ_64K, 20, 0x0100_0000),
    (SZ_1M, 4, 0x0200_0000),
    (SZ_16M, 2, 0x1000_0000),
];

/// Number of tables of the small pages.
const TABLES: usize = 5;

/// The output address for input address 0.
const OFFSET: usize = 0x4000_0000;

/// Number of second-level tables for which walks were flushed.
static FLUSHED: Atomic<usize> = Atomic::new(0);

/// Does nothing: there is no hardware.
static FLUSH: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: Some(flush_all),
    tlb_flush_walk: Some(flush_walk),
    tlb_add_page: Some(add_page),
};

extern "C" fn flush_all(_cookie: *mut c_void) {}

extern "C" fn flush_walk(_iova: usize, _size: usize, _granule: usize, _cookie: *mut c_void) {
    FLUSHED.add(1, Relaxed);
}

extern "C" fn add_page(
    _gather: *mut bindings::iommu_iotlb_gather,
    _iova: usize,
    _granule: usize,
    _cookie: *mut c_void,
) {
}

/// A table set.
///
/// # Invariants
///
/// Made by `alloc_io_pgtable_arm_v7s_rust_ops()` and not freed; nothing walks it.
struct Tables(NonNull<bindings::io_pgtable_ops>);

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Tables {}

impl Tables {
    /// Makes a set with the configuration of msm_iommu.
    ///
    /// # Safety
    ///
    /// The device lives as long as the result.
    unsafe fn new(device: *mut bindings::device) -> Result<Self> {
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: SZ_4K | SZ_64K | SZ_1M | SZ_16M,
            ias: 32,
            oas: 32,
            tlb: &FLUSH,
            iommu_dev: device,
            ..Default::default()
        };
        // SAFETY: `cfg` is valid, its callbacks are static and do not use the cookie, and the
        // device lives as long as the table set (precondition).
        let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, null_mut()) };
        // INVARIANT: Just made.
        Ok(Self(NonNull::new(ops).ok_or(ENOMEM)?))
    }

    /// Maps a run without waiting for memory.
    fn map(&mut self, size: usize, count: usize, iova: usize) -> Result {
        let ops = self.0.as_ptr();
        let mut mapped = 0;
        // SAFETY: A live set (invariant), used under this lock only.
        let ret = unsafe {
            (*ops).map_pages.map_or(0, |map_pages| {
                let prot = (prot::READ | prot::WRITE) as c_int;
                let paddr = (iova + OFFSET) as bindings::phys_addr_t;
                let gfp = bindings::GFP_ATOMIC;
                map_pages(ops, iova, paddr, size, count, prot, gfp, &mut mapped)
            })
        };
        to_result(ret)?;
        expect("mapped", mapped, size * count)
    }

    /// Unmaps a run.
    fn unmap(&mut self, size: usize, count: usize, iova: usize) -> Result {
        let ops = self.0.as_ptr();
        // SAFETY: The set is live, and its addresses are used under this lock only.
        let unmapped = unsafe {
            (*ops).unmap_pages.map_or(0, |unmap_pages| {
                unmap_pages(ops, iova, size, count, null_mut())
            })
        };
        expect("unmapped", unmapped, size * count)
    }

    /// Checks the translation of the last byte of each page of a run.
    fn check(&mut self, size: usize, count: usize, iova: usize) -> Result {
        let ops = self.0.as_ptr();
        (1..=count).try_for_each(|page| {
            let last = iova + page * size - 1;
            // SAFETY: The set is live, and its addresses are used under this lock only.
            let found = unsafe {
                (*ops)
                    .iova_to_phys
                    .map_or(0, |iova_to_phys| iova_to_phys(ops, last))
            };
            expect("an address", found as usize, last + OFFSET)
        })
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        // SAFETY: A table set that nothing walks (invariant).
        unsafe { free_io_pgtable_arm_v7s_rust_ops(self.0.as_ptr()) };
    }
}

/// Returns [`EIO`] and logs a line if a number is not the expected one.
fn expect(what: &str, found: usize, due: usize) -> Result {
    if found == due {
        return Ok(());
    }
    pr_err!("{what}: {found:#x}, due: {due:#x}\n");
    Err(EIO)
}

/// Lets a device reach the first 4 GiB, which is what its tables are mapped for, and returns it as
/// C has it.
fn reach_4g(device: &faux::Registration) -> *mut bindings::device {
    let device: *const Device<Bound> = compat::bound(device);
    // A `Device` is that of C.
    let device = device.cast_mut().cast::<bindings::device>();
    // SAFETY: The device is registered, and nothing has mapped memory for it yet.
    unsafe {
        (*device).coherent_dma_mask = u32::MAX.into();
        (*device).dma_mask = &raw mut (*device).coherent_dma_mask;
    }
    device
}

struct Client {
    // Dropped first: a table set must not outlive its device.
    _tables: Pin<KBox<SpinLockIrq<Tables>>>,
    _device: faux::Registration,
}

impl kernel::Module for Client {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"rust_v7s_atomic", None)?;
        // SAFETY: The table set is dropped before the device, here as well as in `Client`.
        let tables = unsafe { Tables::new(reach_4g(&device))? };
        let tables = KBox::pin_init(
            SpinLockIrq::new(tables, c"rust_v7s_atomic", static_lock_class!()),
            GFP_KERNEL,
        )?;

        // The lock is held for each call, interrupts off.
        for (size, count, iova) in RUNS {
            tables.lock().map(size, count, iova)?;
            tables.lock().check(size, count, iova)?;
        }
        pr_info!("mapped under a lock, with {TABLES} tables and more made without waiting\n");

        // Unmapped by sections: tables are freed with their mappings.
        let before = FLUSHED.load(Relaxed);
        tables.lock().unmap(SZ_1M, TABLES, 0x0010_0000)?;
        let flushed = FLUSHED.load(Relaxed) - before;
        expect("tables flushed", flushed, TABLES)?;
        pr_info!("unmapped under it, and {flushed} tables freed\n");

        // For mappings that must not fail, the driver makes the tables first, where it may sleep.
        let (size, count, iova) = RUNS[0];
        let ops = tables.lock().0.as_ptr();
        // SAFETY: The set is live, and nothing else uses it yet.
        to_result(unsafe {
            io_pgtable_arm_v7s_rust_populate(ops, iova, size * count, bindings::GFP_KERNEL)
        })?;
        tables.lock().map(size, count, iova)?;
        Ok(Self {
            _tables: tables,
            _device: device,
        })
    }
}
