// SPDX-License-Identifier: GPL-2.0

//! A table set of one implementation, called through its operations.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::{
    device::PlatformDevice,
    flush::{
        callbacks,
        Gather,
        Gathered,
        Recorder, //
    },
    operation::Answer,
    provider::{
        Ops,
        Provider, //
    },
    setup::Setup,
    walk::Walk, //
};

/// The values that are filled in for a driver, and the page sizes that are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Registers {
    pub(crate) ttbr: u32,
    pub(crate) tcr: u32,
    pub(crate) prrr: u32,
    pub(crate) nmrr: u32,
    pub(crate) page_sizes: usize,
}

/// A table set.
///
/// # Invariants
///
/// `recorder` is the cookie of `ops` and of no other set; it comes from a box.
pub(crate) struct Set {
    ops: Option<Ops>,
    recorder: *mut Recorder,
    pub(crate) registers: Registers,
    /// Reads the set's tables.
    pub(crate) walk: Walk,
}

impl Set {
    /// Makes a set; none if the provider refuses.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(
        provider: Provider,
        setup: &Setup,
        dev: &PlatformDevice,
    ) -> Result<Option<Self>> {
        let mut cfg = bindings::io_pgtable_cfg {
            quirks: setup.quirks,
            pgsize_bitmap: setup.page_sizes,
            ias: setup.ias,
            oas: setup.oas,
            coherent_walk: setup.coherent,
            tlb: callbacks(setup.callbacks),
            iommu_dev: dev.as_device(),
            ..Default::default()
        };
        let recorder = KBox::into_raw(KBox::new(Recorder::new()?, GFP_KERNEL)?);
        // SAFETY: The device lives longer than all sets, the callbacks are static, and the recorder
        // is what they take.
        let ops = unsafe { Ops::new(provider, &mut cfg, recorder.cast()) };
        // SAFETY: A set of this format fills in this part of the configuration; else it is zero.
        let filled = unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg };
        let walk = ops.as_ref().map(|_| {
            // SAFETY: The table lives as long as the set.
            unsafe { Walk::new(setup, filled.ttbr) }
        });
        let registers = Registers {
            ttbr: filled.ttbr,
            tcr: filled.tcr,
            prrr: filled.prrr,
            nmrr: filled.nmrr,
            page_sizes: cfg.pgsize_bitmap,
        };
        let Some(Some(walk)) = walk else {
            let refused = ops.is_none();
            drop(ops);
            // SAFETY: From the box above, and the set is gone.
            drop(unsafe { KBox::from_raw(recorder) });
            if refused {
                return Ok(None);
            }
            pr_err!("no memory at ttbr {:#x}\n", registers.ttbr);
            return Err(EFAULT);
        };
        // INVARIANT: The recorder came from a box above, and is the cookie of this set.
        let mut this = Self {
            ops,
            recorder,
            registers,
            walk,
        };
        this.recorder().watch(walk);
        Ok(Some(this))
    }

    /// Returns the arguments of the callbacks. Not called during an operation.
    pub(crate) fn recorder(&mut self) -> &mut Recorder {
        // SAFETY: From a box (invariant), and the callbacks, which use it too, are called by
        // operations only, which borrow `self`.
        unsafe { &mut *self.recorder }
    }

    /// Returns the operations of the set, until it is freed.
    pub(crate) fn ops(&self) -> Result<&Ops> {
        self.ops.as_ref().ok_or(EINVAL)
    }

    pub(crate) fn map(
        &mut self,
        iova: usize,
        paddr: u64,
        size: usize,
        count: usize,
        prot: u32,
    ) -> Result<Answer> {
        /// The interface adds to what is there.
        const BEFORE: usize = 0x1234_5678;

        self.recorder().start(core::ptr::null_mut());
        let ops = self.ops()?;
        let mut mapped = BEFORE;
        // SAFETY: The set is live and `self` is borrowed, so that it is the caller's alone.
        let errno = unsafe {
            ops.map_pages.ok_or(EINVAL)?(
                ops.as_ptr(),
                iova,
                paddr as bindings::phys_addr_t,
                size,
                count,
                prot as c_int,
                bindings::GFP_KERNEL,
                &mut mapped,
            )
        };
        Ok(Answer {
            errno,
            bytes: mapped.wrapping_sub(BEFORE),
        })
    }

    pub(crate) fn unmap(
        &mut self,
        iova: usize,
        size: usize,
        count: usize,
        gather: Gather,
    ) -> Result<Answer> {
        let gathered = Gathered::new(gather);
        self.recorder().start(gathered.get(gather));
        let ops = self.ops()?;
        // SAFETY: The set is live, and one thread uses it.
        let bytes = unsafe {
            ops.unmap_pages.ok_or(EINVAL)?(ops.as_ptr(), iova, size, count, gathered.get(gather))
        };
        Ok(Answer { errno: 0, bytes })
    }

    #[allow(clippy::useless_conversion)] // `phys_addr_t` has 32 bits on some kernels.
    pub(crate) fn translate(&mut self, iova: usize) -> Result<u64> {
        let ops = self.ops()?;
        // SAFETY: The set is live, and one thread uses it.
        Ok(unsafe { ops.iova_to_phys.ok_or(EINVAL)?(ops.as_ptr(), iova) }.into())
    }

    /// Frees the set, and returns the recorder with the calls of callbacks.
    pub(crate) fn free(&mut self) -> &mut Recorder {
        self.recorder().start(core::ptr::null_mut());
        self.ops = None;
        self.recorder()
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.ops = None;
        // SAFETY: From a box (invariant), and the set, whose cookie it was, is gone.
        drop(unsafe { KBox::from_raw(self.recorder) });
    }
}
