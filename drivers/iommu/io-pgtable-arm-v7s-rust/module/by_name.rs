// SPDX-License-Identifier: GPL-2.0

//! Exported functions that make and free Rust table sets, whatever provides ARM_V7S.
//!
//! C headers: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h),
//! io_pgtable_arm_v7s_rust.h
//!
//! Each table set holds a reference to this module, so that the module is not unloaded while a
//! driver has ops of it.

use core::ptr;

use kernel::{
    bindings,
    container_of,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use crate::{
    log::Subject,
    ops::{
        self,
        map_pages,
        set_of, //
    },
    slab::Gfp,
    table_set::IoPgtableArmV7s,
    OWNER, //
};

/// The provider of the format, for code that has the role of the io-pgtable core.
#[no_mangle]
pub(crate) static io_pgtable_arm_v7s_rust_init_fns: bindings::io_pgtable_init_fns =
    bindings::io_pgtable_init_fns {
        alloc: Some(alloc),
        free: Some(free),
        caps: 0,
    };

/// Returns true if these are the ops of a Rust table set, recognised by their callbacks.
///
/// # Safety
///
/// `ops` is valid, of any provider.
pub(crate) unsafe fn is_ours(ops: *mut bindings::io_pgtable_ops) -> bool {
    // SAFETY: `ops` is valid (function requirement).
    let theirs = unsafe { (*ops).map_pages };
    theirs.is_some_and(|theirs| theirs as usize == map_pages as *const () as usize)
}

/// MiB that each new set is populated for: the parameter `populate_mib`.
static POPULATE_MIB: Atomic<usize> = Atomic::new(0);

/// Sets the number of MiB that each later set is populated for.
pub(crate) fn populate_new_sets(mib: usize) {
    POPULATE_MIB.store(mib, Relaxed);
}

/// Populates a new set as the parameter `populate_mib` asks for.
fn populate_new(set: &IoPgtableArmV7s) -> Result {
    match POPULATE_MIB.load(Relaxed).min(set.l1().len()) {
        0 => Ok(()),
        // SAFETY: The set is not shared yet.
        mibs => unsafe { set.populate_mibs(0..=mibs - 1, Gfp::KERNEL) },
    }
}

/// # Safety
///
/// The requirements of [`ops::alloc`].
unsafe extern "C" fn alloc(
    cfg: *mut bindings::io_pgtable_cfg,
    cookie: *mut c_void,
) -> *mut bindings::io_pgtable {
    // SAFETY: `OWNER` is this module, which exists while its code runs.
    if !unsafe { bindings::try_module_get(OWNER) } {
        return ptr::null_mut();
    }
    // SAFETY: The caller keeps the contract of `ops::alloc`.
    let iop = unsafe { ops::alloc(cfg, cookie) };
    if iop.is_null() {
        // SAFETY: Taken by `try_module_get`.
        unsafe { bindings::module_put(OWNER) };
        return iop;
    }
    // SAFETY: A new set begins with its `io_pgtable`.
    if populate_new(unsafe { &*iop.cast() }).is_err() {
        // SAFETY: The set is new, and not shared yet.
        unsafe { free(iop) };
        return ptr::null_mut();
    }
    iop
}

/// # Safety
///
/// The requirements of [`ops::free`], and `iop` is null or came from [`alloc`].
unsafe extern "C" fn free(iop: *mut bindings::io_pgtable) {
    if iop.is_null() {
        return;
    }
    // SAFETY: The caller gives away a set from `alloc`, which is not used any more.
    unsafe { ops::free(iop) };
    // SAFETY: The set's reference, taken in `alloc`.
    unsafe { bindings::module_put(OWNER) };
}

/// Makes a Rust table set, whatever provides ARM_V7S.
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
pub unsafe extern "C" fn alloc_io_pgtable_arm_v7s_rust_ops(
    cfg: *mut bindings::io_pgtable_cfg,
    cookie: *mut c_void,
) -> *mut bindings::io_pgtable_ops {
    // SAFETY: `cfg` is valid, as the caller promises.
    if unsafe { (*cfg).alloc.is_some() || (*cfg).free.is_some() } {
        // SAFETY: `cfg` is valid, and so is the device in it during the call.
        unsafe { Subject::of(&*cfg) }.report(fmt!(
            "cannot serve this configuration: the format takes no custom allocator"
        ));
        return ptr::null_mut();
    }
    // SAFETY: The caller passes a valid configuration that is its alone.
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

/// Calls the driver's `tlb_flush_all`, if it has one.
fn flush_all(set: &IoPgtableArmV7s) {
    let (tlb, cookie) = set.tlb();
    if let Some(flush_all) = tlb.and_then(|tlb| tlb.tlb_flush_all) {
        // SAFETY: The driver's callback with the driver's cookie; both live as long as the set.
        unsafe { flush_all(cookie) };
    }
}

/// Frees a Rust table set; null is fine, ops that are not ours are refused with a line in the log.
///
/// The driver's `tlb_flush_all` is called first. May sleep.
///
/// # Safety
///
/// `ops` is null or valid. A set of this module is not used any more, by the walker or by callers.
#[no_mangle]
pub unsafe extern "C" fn free_io_pgtable_arm_v7s_rust_ops(ops: *mut bindings::io_pgtable_ops) {
    if ops.is_null() {
        return;
    }
    // SAFETY: The caller promises valid ops. A set of this module is given away, and not used any
    // more.
    unsafe {
        let Ok(set) = ours(ops, "freed") else { return };
        flush_all(set);
        free(container_of!(ops, bindings::io_pgtable, ops));
    }
}

/// Returns the set behind ops that are ours; logs a line that says what was not done otherwise.
///
/// # Safety
///
/// `ops` is null or valid, and a set of this module lives as long as the result.
unsafe fn ours<'a>(ops: *mut bindings::io_pgtable_ops, what: &str) -> Result<&'a IoPgtableArmV7s> {
    // SAFETY: The caller promises null or valid ops.
    if ops.is_null() || !unsafe { is_ours(ops) } {
        Subject::NONE.report(fmt!("not {what}: page tables that are not of this module"));
        return Err(EINVAL);
    }
    // SAFETY: The set is one of this module, and live.
    Ok(unsafe { set_of(ops) })
}

/// Makes the second-level tables for a range of input addresses, so that no mapping of small or
/// large pages in it allocates from then on, whatever is unmapped meanwhile. A section that is
/// mapped in the range takes the place of its table.
///
/// Returns 0, or -ERANGE if the range is not inside `ias`, -EINVAL for `gfp` with zone bits or ops
/// that are not of this module, -ENOMEM; tables made until then stay. Sleeps only if `gfp` allows
/// it.
///
/// # Safety
///
/// `ops` is null or valid. No other call unmaps, trims or maps all of a MiB that the range touches
/// meanwhile.
#[no_mangle]
pub unsafe extern "C" fn io_pgtable_arm_v7s_rust_populate(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    size: usize,
    gfp: bindings::gfp_t,
) -> c_int {
    // SAFETY: The caller keeps the set for the call, and part of each MiB to itself.
    let result = unsafe {
        ours(ops, "populated")
            .and_then(|set| set.populate(iova, size, Gfp::from_raw(gfp).may_fail()))
    };
    match result {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// Frees the second-level tables of a range that map nothing, of each MiB that lies in the range as
/// a whole: the opposite of [`io_pgtable_arm_v7s_rust_populate`].
///
/// # Safety
///
/// `ops` is null or valid. No other call concerns these input addresses meanwhile, and the caller
/// has invalidated the walker's caches since it last unmapped there.
#[no_mangle]
pub unsafe extern "C" fn io_pgtable_arm_v7s_rust_trim(
    ops: *mut bindings::io_pgtable_ops,
    iova: usize,
    size: usize,
) {
    // SAFETY: The caller has the addresses to itself, and has invalidated the walker's caches.
    unsafe {
        if let Ok(set) = ours(ops, "trimmed") {
            set.trim(iova, size);
        }
    }
}
