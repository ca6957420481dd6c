// SPDX-License-Identifier: GPL-2.0

//! v7s_rival: redirects a function that io_pgtable_arm_v7s_rust redirects, as a live patch would.
//!
//! C header: [`include/linux/ftrace.h`](srctree/include/linux/ftrace.h)
//!
//! It leaves every call as it is, but has the flag IPMODIFY, which ftrace allows to one user of
//! each function; the second is refused.

use kernel::{
    bindings,
    error::to_result,
    ffi::c_ulong,
    prelude::*,
    types::Opaque, //
};

use slab_rust::compat::parameter;

module! {
    type: Rival,
    name: "v7s_rival",
    authors: ["v7s-rs developers"],
    description: "Test: another user of the hooks of io_pgtable_arm_v7s_rust",
    license: "GPL",
    params: {
        free: u8 {
            default: 0,
            description: "1: redirects free_io_pgtable_ops(), 0: alloc_io_pgtable_ops()",
        },
    },
}

/// # Safety
///
/// Called by ftrace.
unsafe extern "C" fn on_call(
    _ip: c_ulong,
    _parent: c_ulong,
    _ops: *mut bindings::ftrace_ops,
    _fregs: *mut bindings::ftrace_regs,
) {
}

/// A hook, until this is dropped.
///
/// # Invariants
///
/// The hook is registered.
struct Rival(Pin<KBox<Opaque<bindings::ftrace_ops>>>);

// SAFETY: Only ftrace uses it, under its own locks.
unsafe impl Send for Rival {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for Rival {}

impl kernel::Module for Rival {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let name = match parameter(&module_parameters::free) {
            0 => c"alloc_io_pgtable_ops".to_bytes(),
            _ => c"free_io_pgtable_ops".to_bytes(),
        };
        // SAFETY: Zeroes are what C initialises the structure with.
        let mut ops: bindings::ftrace_ops = unsafe { core::mem::zeroed() };
        ops.func = Some(on_call);
        ops.flags = bindings::FTRACE_OPS_FL_IPMODIFY as c_ulong;
        let hook = KBox::pin(Opaque::new(ops), GFP_KERNEL)?;
        // SAFETY: A new hook; the name is only read.
        unsafe {
            let text = name.as_ptr().cast_mut().cast();
            to_result(bindings::ftrace_set_filter(
                hook.get(),
                text,
                name.len() as c_int,
                1,
            ))
            .and_then(|()| to_result(bindings::register_ftrace_function(hook.get())))
            .inspect_err(|_| bindings::ftrace_free_filter(hook.get()))?;
        }
        // INVARIANT: Just registered.
        Ok(Self(hook))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // SAFETY: Registered (invariant).
        unsafe {
            bindings::unregister_ftrace_function(self.0.get());
            bindings::ftrace_free_filter(self.0.get());
        }
    }
}
