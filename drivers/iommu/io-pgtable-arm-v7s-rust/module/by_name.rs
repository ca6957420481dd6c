// SPDX-License-Identifier: GPL-2.0

//! The format by its own name, for other modules: whatever serves ARM_V7S, this is Rust.
//!
//! C headers: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h),
//! io_pgtable_arm_v7s_rust.h
//!
//! Each table set holds a reference to this module, so that the module cannot go while the code
//! behind a driver's ops is in it.

use core::ptr;

use kernel::{
    bindings,
    container_of,
    prelude::*, //
};

use crate::{
    log::report,
    ops::{
        self,
        map_pages,
        set_of, //
    },
    table_set::IoPgtableArmV7s,
    OWNER, //
};

/// The format as the io-pgtable core would use it.
#[no_mangle]
pub(crate) static io_pgtable_arm_v7s_rust_init_fns: bindings::io_pgtable_init_fns =
    bindings::io_pgtable_init_fns {
        alloc: Some(alloc),
        free: Some(free),
        caps: 0,
    };

/// Whether these are the ops of one of our table sets; C's and ours differ in what they call.
///
/// # Safety
///
/// `ops` is valid, though it may be anybody's.
pub(crate) unsafe fn is_ours(ops: *mut bindings::io_pgtable_ops) -> bool {
    // SAFETY: Valid by the function's requirements.
    let theirs = unsafe { (*ops).map_pages };
    theirs.is_some_and(|theirs| theirs as usize == map_pages as *const () as usize)
}

/// # Safety
///
/// As for [`ops::alloc`].
unsafe extern "C" fn alloc(
    cfg: *mut bindings::io_pgtable_cfg,
    cookie: *mut c_void,
) -> *mut bindings::io_pgtable {
    // SAFETY: Our own module.
    if !unsafe { bindings::try_module_get(OWNER) } {
        return ptr::null_mut();
    }
    // SAFETY: By the function's requirements.
    let iop = unsafe { ops::alloc(cfg, cookie) };
    if iop.is_null() {
        // SAFETY: Taken above.
        unsafe { bindings::module_put(OWNER) };
    }
    iop
}

/// # Safety
///
/// As for [`ops::free`], and `iop` is null or came from [`alloc`].
unsafe extern "C" fn free(iop: *mut bindings::io_pgtable) {
    if iop.is_null() {
        return;
    }
    // SAFETY: By the function's requirements.
    unsafe { ops::free(iop) };
    // SAFETY: The set's reference, taken in `alloc`.
    unsafe { bindings::module_put(OWNER) };
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
        flush_all(set_of(ops));
        free(container_of!(ops, bindings::io_pgtable, ops));
    }
}
