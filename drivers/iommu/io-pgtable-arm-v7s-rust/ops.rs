// SPDX-License-Identifier: GPL-2.0

//! The C side: `struct io_pgtable_ops` over a table set, and the functions of
//! `struct io_pgtable_init_fns`.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    container_of,
    prelude::*, //
};

use crate::{
    set_list,
    slab::Gfp,
    table_set::IoPgtableArmV7s,
    tlb::Gather, //
};

const OPS: bindings::io_pgtable_ops = bindings::io_pgtable_ops {
    map_pages: Some(map_pages),
    unmap_pages: Some(unmap_pages),
    iova_to_phys: Some(iova_to_phys),
    pgtable_walk: Some(pgtable_walk),
    read_and_clear_dirty: None,
};

/// Returns the table set to which the ops belong.
///
/// # Safety
///
/// `ops` belongs to a live table set of this format.
#[inline(always)]
pub(crate) unsafe fn set_of<'a>(ops: *mut bindings::io_pgtable_ops) -> &'a IoPgtableArmV7s {
    // SAFETY: `ops` is a field of the `io_pgtable` that a set begins with.
    unsafe { &*container_of!(ops, bindings::io_pgtable, ops).cast() }
}

/// # Safety
///
/// The contract of `map_pages` in `struct io_pgtable_ops`: `ops` belongs to a live set, `mapped`
/// may be written to, and no other call concerns these input addresses.
#[allow(clippy::useless_conversion)] // `phys_addr_t` has 32 bits on some kernels.
pub(crate) unsafe extern "C" fn map_pages(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    paddr: bindings::phys_addr_t,
    pgsize: usize,
    pgcount: usize,
    prot: c_int,
    gfp: bindings::gfp_t,
    mapped: *mut usize,
) -> c_int {
    // SAFETY: The caller keeps the contract of `map_pages`: a live set, input addresses of its own,
    // and a valid `mapped`.
    let result = unsafe {
        let gfp = Gfp::from_raw(gfp).may_fail();
        set_of(ops).map_pages(
            iova,
            paddr.into(),
            pgsize,
            pgcount,
            prot as u32,
            gfp,
            &mut *mapped,
        )
    };
    match result {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// # Safety
///
/// The contract of `unmap_pages` in `struct io_pgtable_ops`: `ops` belongs to a live set, `gather`
/// is null or valid, and no other call concerns these input addresses.
unsafe extern "C" fn unmap_pages(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    pgsize: usize,
    pgcount: usize,
    gather: *mut bindings::iommu_iotlb_gather,
) -> usize {
    // SAFETY: The caller keeps the contract of `unmap_pages`: a live set, input addresses of its
    // own, and a gather that is null or valid.
    unsafe { set_of(ops).unmap_pages(iova, pgsize, pgcount, Gather::new(gather)) }
}

/// # Safety
///
/// The contract of `iova_to_phys` in `struct io_pgtable_ops`: `ops` belongs to a live set, and no
/// other call changes the mapping of `iova` at the same time.
unsafe extern "C" fn iova_to_phys(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
) -> bindings::phys_addr_t {
    // SAFETY: The caller keeps the contract of `iova_to_phys`. A 32-bit `phys_addr_t` holds any
    // address that could be mapped.
    unsafe { set_of(ops).iova_to_phys(iova) as bindings::phys_addr_t }
}

/// Fills in `struct arm_lpae_io_pgtable_walk_data` as LPAE does: the entry of each level that the
/// walk meets, at the number of that level. -EINVAL if the walk does not end at a mapping.
///
/// May be called wherever `spin_lock_irqsave()` may be: with interrupts off and in interrupt
/// handlers; on PREEMPT_RT in threaded ones, and not under a raw spin lock.
///
/// # Safety
///
/// The contract of `pgtable_walk` in `struct io_pgtable_ops`: `ops` belongs to a live set, `wd` is
/// a valid `struct arm_lpae_io_pgtable_walk_data`. Other calls may change any mapping.
unsafe extern "C" fn pgtable_walk(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    wd: *mut c_void,
) -> c_int {
    // SAFETY: The caller keeps the contract of `pgtable_walk`: a live set and valid data.
    let result = unsafe {
        let data = wd.cast::<bindings::arm_lpae_io_pgtable_walk_data>();
        set_of(ops).walk(iova, &mut (*data).ptes)
    };
    match result {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// # Safety
///
/// The contract of `alloc` in `struct io_pgtable_init_fns`: `cfg` is valid and the caller's alone.
pub(crate) unsafe extern "C" fn alloc(
    cfg: *mut bindings::io_pgtable_cfg,
    _cookie: *mut c_void,
) -> *mut bindings::io_pgtable {
    // SAFETY: The caller passes a valid configuration that is its alone.
    match make(unsafe { &mut *cfg }) {
        Ok(set) => set.as_ptr().cast(),
        Err(_) => ptr::null_mut(),
    }
}

/// Makes a set and adds it to the list of sets.
fn make(cfg: &mut bindings::io_pgtable_cfg) -> Result<NonNull<IoPgtableArmV7s>> {
    let set = NonNull::from(KBox::leak(IoPgtableArmV7s::new(cfg, OPS)?));
    // SAFETY: It is valid until `free`, which takes it off the list first.
    unsafe { set_list::add(set) }.inspect_err(|_| {
        // SAFETY: The set was just made, and is not shared yet.
        drop(unsafe { KBox::from_raw(set.as_ptr()) })
    })?;
    Ok(set)
}

/// # Safety
///
/// The contract of `free` in `struct io_pgtable_init_fns`: `iop` is null or came from [`alloc`],
/// and is not used any more, by the walker or by any caller.
pub(crate) unsafe extern "C" fn free(iop: *mut bindings::io_pgtable) {
    let Some(set) = NonNull::new(iop.cast::<IoPgtableArmV7s>()) else {
        return;
    };
    set_list::remove(set);
    // SAFETY: Sets begin with their `io_pgtable`; the caller gives this one away.
    drop(unsafe { KBox::from_raw(set.as_ptr()) });
}
