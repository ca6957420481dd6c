// SPDX-License-Identifier: GPL-2.0

//! The C side: `struct io_pgtable_ops` and `struct io_pgtable_init_fns` over a table set, and the
//! functions that other modules call.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)
//!
//! Each table set holds a reference to this module, so that the module cannot go while the code
//! behind a driver's ops is in it.

use crate::{
    flush::Gather,
    pgtable::IoPgtableArmV7s,
    report::report,
    sets,
    THIS_MODULE, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    container_of,
    prelude::*, //
};
use slab_rust::Gfp;

const OPS: bindings::io_pgtable_ops = bindings::io_pgtable_ops {
    map_pages: Some(map_pages),
    unmap_pages: Some(unmap_pages),
    iova_to_phys: Some(iova_to_phys),
    pgtable_walk: Some(pgtable_walk),
    read_and_clear_dirty: None,
};

/// The format as the io-pgtable core would use it.
#[no_mangle]
pub(crate) static io_pgtable_arm_v7s_rust_init_fns: bindings::io_pgtable_init_fns =
    bindings::io_pgtable_init_fns {
        alloc: Some(alloc),
        free: Some(free),
        caps: 0,
    };

/// The table set behind its ops.
///
/// # Safety
///
/// `ops` is that of a live table set of ours.
#[inline(always)]
unsafe fn set_of<'a>(ops: *mut bindings::io_pgtable_ops) -> &'a IoPgtableArmV7s {
    // SAFETY: `ops` is a field of the `io_pgtable` that a set begins with.
    unsafe { &*container_of!(ops, bindings::io_pgtable, ops).cast() }
}

/// Whether these are the ops of one of our table sets; C's and ours differ in what they call.
///
/// # Safety
///
/// `ops` is valid, though it may be anybody's.
pub(crate) unsafe fn is_ours(ops: *mut bindings::io_pgtable_ops) -> bool {
    // SAFETY: Valid by the function's requirements.
    let theirs = unsafe { (*ops).map_pages };
    theirs.is_some_and(|theirs| theirs as usize == map_pages as usize)
}

/// # Safety
///
/// The contract of `map_pages` in `struct io_pgtable_ops`: `ops` is that of a live set of ours,
/// `mapped` may be written to, and no other call concerns these input addresses.
#[allow(clippy::useless_conversion)] // `phys_addr_t` has 32 bits on some kernels.
unsafe extern "C" fn map_pages(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    paddr: bindings::phys_addr_t,
    pgsize: usize,
    pgcount: usize,
    prot: c_int,
    gfp: bindings::gfp_t,
    mapped: *mut usize,
) -> c_int {
    // SAFETY: By the function's requirements.
    let result = unsafe {
        let gfp = Gfp::from_raw(gfp);
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
/// The contract of `unmap_pages` in `struct io_pgtable_ops`: `ops` is that of a live set of ours,
/// `gather` is null or valid, and no other call concerns these input addresses.
unsafe extern "C" fn unmap_pages(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    pgsize: usize,
    pgcount: usize,
    gather: *mut bindings::iommu_iotlb_gather,
) -> usize {
    // SAFETY: By the function's requirements.
    unsafe { set_of(ops).unmap_pages(iova, pgsize, pgcount, Gather::new(gather)) }
}

/// # Safety
///
/// The contract of `iova_to_phys` in `struct io_pgtable_ops`: `ops` is that of a live set of ours,
/// and nobody changes the mapping of `iova` at the same time.
unsafe extern "C" fn iova_to_phys(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
) -> bindings::phys_addr_t {
    // SAFETY: By the function's requirements. A 32-bit `phys_addr_t` holds any address that could
    // be mapped.
    unsafe { set_of(ops).iova_to_phys(iova) as bindings::phys_addr_t }
}

/// Fills in what LPAE does, which `struct arm_lpae_io_pgtable_walk_data` is from: the entry of each
/// level that the walk meets, at the number of that level. -EINVAL if it does not end at a mapping.
///
/// # Safety
///
/// The contract of `pgtable_walk` in `struct io_pgtable_ops`: `ops` is that of a live set of ours,
/// `wd` is a valid `struct arm_lpae_io_pgtable_walk_data`. Others may change what they like.
unsafe extern "C" fn pgtable_walk(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    wd: *mut c_void,
) -> c_int {
    // SAFETY: By the function's requirements.
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
unsafe extern "C" fn alloc(
    cfg: *mut bindings::io_pgtable_cfg,
    _cookie: *mut c_void,
) -> *mut bindings::io_pgtable {
    // SAFETY: Our own module.
    if !unsafe { bindings::try_module_get(THIS_MODULE.as_ptr()) } {
        return ptr::null_mut();
    }
    // SAFETY: By the function's requirements.
    match make(unsafe { &mut *cfg }) {
        Ok(set) => set.as_ptr().cast(),
        Err(_) => {
            // SAFETY: Taken above.
            unsafe { bindings::module_put(THIS_MODULE.as_ptr()) };
            ptr::null_mut()
        }
    }
}

/// Makes a set and lists it.
fn make(cfg: &mut bindings::io_pgtable_cfg) -> Result<NonNull<IoPgtableArmV7s>> {
    let set = NonNull::from(KBox::leak(IoPgtableArmV7s::new(cfg, OPS)?));
    // SAFETY: It is valid until `free`, which takes it off the list first.
    unsafe { sets::add(set) }.inspect_err(|_| {
        // SAFETY: Ours, and nobody else has seen it.
        drop(unsafe { KBox::from_raw(set.as_ptr()) })
    })?;
    Ok(set)
}

/// # Safety
///
/// The contract of `free` in `struct io_pgtable_init_fns`: `iop` is null or came from [`alloc`],
/// and neither the walker nor anybody else uses it any more.
unsafe extern "C" fn free(iop: *mut bindings::io_pgtable) {
    let Some(set) = NonNull::new(iop.cast::<IoPgtableArmV7s>()) else {
        return;
    };
    sets::remove(set);
    // SAFETY: Sets begin with their `io_pgtable`, and this one is the caller's to give away.
    drop(unsafe { KBox::from_raw(set.as_ptr()) });
    // SAFETY: The set's reference, taken in `alloc`.
    unsafe { bindings::module_put(THIS_MODULE.as_ptr()) };
}

/// Makes a Rust table set, for a caller who asks for it by name, whatever serves ARM_V7S.
///
/// Does what `alloc_io_pgtable_ops` does for the formats of the kernel: completes `cfg`, keeps a
/// copy of it and `cookie` with the set. Null if the configuration cannot be served, or out of
/// memory; the log says which. May sleep.
///
/// # Safety
///
/// `cfg` is valid and the caller's alone. What it points to, the callbacks and the device, must
/// live as long as the set.
#[no_mangle]
pub(crate) unsafe extern "C" fn alloc_io_pgtable_arm_v7s_rust_ops(
    cfg: *mut bindings::io_pgtable_cfg,
    cookie: *mut c_void,
) -> *mut bindings::io_pgtable_ops {
    // SAFETY: By the function's requirements.
    if unsafe { (*cfg).alloc.is_some() || (*cfg).free.is_some() } {
        report(fmt!(
            "cannot serve this configuration: the format takes no custom allocator"
        ));
        return ptr::null_mut();
    }
    // SAFETY: By the function's requirements.
    let iop = unsafe { alloc(cfg, cookie) };
    if iop.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `iop` is valid and not shared yet, `cfg` is valid.
    unsafe {
        (*iop).fmt = bindings::io_pgtable_fmt_ARM_V7S;
        (*iop).cookie = cookie;
        (*iop).cfg = ptr::read(cfg);
        &raw mut (*iop).ops
    }
}

/// Frees a Rust table set; null is fine, ops that are not ours are refused with a line in the log.
///
/// The driver's `tlb_flush_all` is called first. May sleep.
///
/// # Safety
///
/// `ops` is null or valid. If it is ours, neither the walker nor anybody else uses it any more.
#[no_mangle]
pub(crate) unsafe extern "C" fn free_io_pgtable_arm_v7s_rust_ops(
    ops: *mut bindings::io_pgtable_ops,
) {
    if ops.is_null() {
        return;
    }
    // SAFETY: Valid by the function's requirements.
    if !unsafe { is_ours(ops) } {
        report(fmt!("not freed: page tables that are not of this module"));
        return;
    }
    // SAFETY: A set of ours, which the caller gives away.
    unsafe {
        set_of(ops).flush_all();
        free(container_of!(ops, bindings::io_pgtable, ops));
    }
}
