// SPDX-License-Identifier: GPL-2.0

//! Redirection of `alloc_io_pgtable_ops()` and `free_io_pgtable_ops()` with ftrace.
//!
//! `alloc_io_pgtable_ops()` looks formats up in a static table that a module cannot add to, and
//! `free_io_pgtable_ops()` calls through it. Both are therefore redirected with ftrace, the way
//! live patching does:
//!
//! - *alloc* only if the module was loaded with `takeover=1`, and only for ARM_V7S. The reference
//!   to this module is taken in the hook: our function may sleep, and unregistering a hook waits
//!   for tasks that are on their way through it only until they sleep. If the reference is
//!   refused, because the module is going, the kernel's C serves.
//! - *free* always, because a set from the exported allocator may be given to the kernel's free
//!   as well; only for ops that are ours. The set's own reference keeps the module until the end.
//! - The hooks are permanent: otherwise `sysctl kernel.ftrace_enabled=0` would disarm them, and
//!   the kernel's C would free our tables.
//! - The hooks are on addresses: other modules may have functions of these names.
//! - A hook that cannot be unregistered, because ftrace has failed and does nothing any more, stays
//!   in the kernel's functions. Its code is in this module, which then never finishes unloading.
//!
//! After the last `module_put` a task runs a few more instructions of this module. It does not
//! sleep there, and unregistering a hook waits for it.
//!
//! Sets made before the hooks stay with C, and sets of this module hold the module: each set is
//! freed by the code that made it.

use kernel::{
    bindings,
    prelude::*, //
};

/// The reason why functions of this kernel cannot be redirected, if there is one.
const OBSTACLE: Option<&str> = if cfg!(CONFIG_LTO) {
    // With LTO the function may be inlined into its callers, past the hook.
    Some("this kernel was built with link time optimization (CONFIG_LTO)")
} else if cfg!(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) {
    None
} else if cfg!(CONFIG_ARM) {
    // It has CONFIG_DYNAMIC_FTRACE_WITH_REGS, and lets a hook change the instruction pointer. But
    // its functions call `__gnu_mcount_nc` when their prologue has moved the stack pointer and
    // saved registers, and only the function itself knows how to undo that.
    Some("32-bit Arm traces functions behind their prologue, where they cannot be redirected")
} else if !cfg!(CONFIG_FUNCTION_TRACER) {
    Some("this kernel lacks CONFIG_FUNCTION_TRACER")
} else if !cfg!(CONFIG_DYNAMIC_FTRACE) {
    Some("this kernel lacks CONFIG_DYNAMIC_FTRACE")
} else {
    Some("this kernel lacks CONFIG_DYNAMIC_FTRACE_WITH_ARGS")
};

/// Redirections while the module is loaded, if there can be any.
pub(crate) struct Takeover(#[allow(dead_code)] Option<imp::Hooks>);

impl Takeover {
    /// Redirects the kernel's free, and its alloc if `serve`. If that cannot be, it is an error and
    /// a line in the log with `serve`, the line alone without: `EOPNOTSUPP` if the kernel cannot
    /// redirect functions, [`EBUSY`] if other code redirects these or ftrace is switched off.
    pub(crate) fn new(serve: bool) -> Result<Self> {
        let (colon, obstacle) = OBSTACLE.map_or(("", ""), |obstacle| (": ", obstacle));
        match imp::Hooks::new(serve) {
            Ok(hooks) => Ok(Self(Some(hooks))),
            Err(_) if !serve => {
                pr_warn!(
                    "tables from alloc_io_pgtable_arm_v7s_rust_ops() must go back through \
                     free_io_pgtable_arm_v7s_rust_ops(), not through the kernel's \
                     free{colon}{obstacle}\n"
                );
                Ok(Self(None))
            }
            Err(e) => {
                pr_err!(
                    "ARM_V7S cannot be taken over{colon}{obstacle}; \
                     with takeover=0 only the exported functions serve\n"
                );
                Err(e)
            }
        }
    }
}

/// For kernels with an [`OBSTACLE`].
#[cfg(any(CONFIG_LTO, not(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)))]
mod imp {
    use super::*;

    /// No hooks: without values.
    pub(super) enum Hooks {}

    impl Hooks {
        pub(super) fn new(_serve: bool) -> Result<Self> {
            Err(Error::from_errno(-(bindings::EOPNOTSUPP as c_int)))
        }
    }
}

/// Redirection of functions of the kernel.
#[cfg(all(CONFIG_DYNAMIC_FTRACE_WITH_ARGS, not(CONFIG_LTO)))]
mod imp {
    use super::*;

    use kernel::{
        error::to_result,
        ffi::{
            c_long,
            c_ulong, //
        },
        types::Opaque, //
    };

    use crate::{
        module::by_name::{
            alloc_io_pgtable_arm_v7s_rust_ops,
            free_io_pgtable_arm_v7s_rust_ops,
            is_ours, //
        },
        OWNER, //
    };

    // Macros: see module/helpers.c. `ftrace_regs` is opaque, which the lint minds.
    #[allow(improper_ctypes)]
    extern "C" {
        fn v7s_ftrace_argument(fregs: *mut bindings::ftrace_regs, n: c_uint) -> c_ulong;
        fn v7s_ftrace_redirect(fregs: *mut bindings::ftrace_regs, to: c_ulong);
    }

    type Handler = unsafe extern "C" fn(
        c_ulong,
        c_ulong,
        *mut bindings::ftrace_ops,
        *mut bindings::ftrace_regs,
    );

    /// A function of the kernel, and the handler that runs when it is called.
    struct Hook {
        name: &'static CStr,
        function: *const (),
        ops: Opaque<bindings::ftrace_ops>,
    }

    // SAFETY: `function` is only an address. Only ftrace uses `ops` once it is registered, under
    // its own locks.
    unsafe impl Sync for Hook {}

    impl Hook {
        const fn new(name: &'static CStr, function: *const (), handler: Handler) -> Self {
            // SAFETY: Zeroes are what C initialises the rest of the structure with.
            let mut ops: bindings::ftrace_ops = unsafe { core::mem::zeroed() };
            ops.func = Some(handler);
            ops.flags =
                (bindings::FTRACE_OPS_FL_IPMODIFY | bindings::FTRACE_OPS_FL_PERMANENT) as c_ulong;
            Self {
                name,
                function,
                ops: Opaque::new(ops),
            }
        }
    }

    /// The functions that are redirected.
    pub(super) struct Hooks {
        // Drop order: stop creating Rust sets before unhooking free.
        _alloc: Option<Armed>,
        _free: Armed,
    }

    impl Hooks {
        pub(super) fn new(serve: bool) -> Result<Self> {
            let free = arm(&FREE)?;
            let alloc = if serve { Some(arm(&ALLOC)?) } else { None };
            Ok(Self {
                _alloc: alloc,
                _free: free,
            })
        }
    }

    static ALLOC: Hook = Hook::new(
        c"alloc_io_pgtable_ops",
        bindings::alloc_io_pgtable_ops as *const (),
        on_alloc,
    );
    static FREE: Hook = Hook::new(
        c"free_io_pgtable_ops",
        bindings::free_io_pgtable_ops as *const (),
        on_free,
    );

    /// A registered hook; unregistered when dropped, after which no task is in its handler.
    struct Armed(&'static Hook);

    /// Registers a hook. Fails with a line in the log if ftrace is switched off or cannot trace the
    /// function, or other code redirects it.
    fn arm(hook: &'static Hook) -> Result<Armed> {
        let ops = hook.ops.get();
        // SAFETY: `ops` is initialised, static, and not registered: only the module's init does
        // that, which runs once.
        let found = to_result(unsafe {
            bindings::ftrace_set_filter_ip(ops, hook.function as c_ulong, 0, 0)
        });
        let result = found.and_then(|()| {
            // SAFETY: `ops` is initialised, static, and not registered yet.
            to_result(unsafe { bindings::register_ftrace_function(ops) })
        });
        if let Err(e) = result {
            // SAFETY: `ops` was not registered.
            unsafe { bindings::ftrace_free_filter(ops) };
            let why = match e {
                EBUSY => "another user redirects it, or kernel.ftrace_enabled is 0",
                ENOMEM => "no memory",
                _ => "ftrace refuses",
            };
            pr_warn!("cannot redirect {:?} ({e:?}): {why}\n", hook.name);
            return Err(e);
        }
        Ok(Armed(hook))
    }

    impl Drop for Armed {
        fn drop(&mut self) {
            let ops = self.0.ops.get();
            // SAFETY: `ops` was registered in `arm`.
            let result = unsafe { bindings::unregister_ftrace_function(ops) };
            if let Err(e) = to_result(result) {
                stay(self.0.name, e);
            }
            // SAFETY: No longer registered; this frees what `ftrace_set_filter_ip` allocated.
            unsafe { bindings::ftrace_free_filter(ops) };
        }
    }

    /// Never returns, so that the module, whose hook on `name` cannot be unregistered, stays in
    /// memory. No Rust set is left then, and the hook cannot take a reference to the module, so
    /// that C serves.
    #[cold]
    fn stay(name: &CStr, e: Error) -> ! {
        pr_err!(
            "cannot unregister the hook on {name:?} ({e:?}): the module stays in memory until \
             reboot, and its unloading does not return\n"
        );
        loop {
            // Idle, because the kernel reports tasks that wait for long in another state.
            //
            // SAFETY: Module init and exit may sleep.
            unsafe { bindings::schedule_timeout_idle(c_long::MAX) };
        }
    }

    /// Stands in for `alloc_io_pgtable_ops()`, for ARM_V7S.
    ///
    /// # Safety
    ///
    /// The contract of `alloc_io_pgtable_ops()`; the hook took a reference to this module.
    unsafe extern "C" fn serve_alloc(
        _fmt: bindings::io_pgtable_fmt,
        cfg: *mut bindings::io_pgtable_cfg,
        cookie: *mut c_void,
    ) -> *mut bindings::io_pgtable_ops {
        // SAFETY: The caller keeps the contract of `alloc_io_pgtable_ops()`; a null `cfg` is no
        // worse here than in C.
        let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(cfg, cookie) };
        // SAFETY: Taken by the hook; a new set has one of its own.
        unsafe { bindings::module_put(OWNER) };
        ops
    }

    /// # Safety
    ///
    /// Called by ftrace on entry to `alloc_io_pgtable_ops()`.
    unsafe extern "C" fn on_alloc(
        _ip: c_ulong,
        _parent: c_ulong,
        _ops: *mut bindings::ftrace_ops,
        fregs: *mut bindings::ftrace_regs,
    ) {
        // SAFETY: `fregs` is valid, and the first argument is the format.
        let fmt = unsafe { v7s_ftrace_argument(fregs, 0) };
        if fmt as bindings::io_pgtable_fmt != bindings::io_pgtable_fmt_ARM_V7S {
            return;
        }
        // SAFETY: `OWNER` is this module, which exists as long as the hook is registered.
        if unsafe { bindings::try_module_get(OWNER) } {
            // SAFETY: The function has the arguments of the one that it stands in for.
            unsafe { v7s_ftrace_redirect(fregs, serve_alloc as *const () as usize) };
        }
    }

    /// # Safety
    ///
    /// Called by ftrace on entry to `free_io_pgtable_ops()`.
    unsafe extern "C" fn on_free(
        _ip: c_ulong,
        _parent: c_ulong,
        _ops: *mut bindings::ftrace_ops,
        fregs: *mut bindings::ftrace_regs,
    ) {
        // SAFETY: `fregs` is valid, and the first argument is the ops.
        let ops = unsafe { v7s_ftrace_argument(fregs, 0) } as *mut bindings::io_pgtable_ops;
        // SAFETY: Valid or null by the contract of `free_io_pgtable_ops()`.
        if !ops.is_null() && unsafe { is_ours(ops) } {
            // SAFETY: The function has the arguments of the one that it stands in for.
            unsafe {
                v7s_ftrace_redirect(
                    fregs,
                    free_io_pgtable_arm_v7s_rust_ops as *const () as usize,
                )
            };
        }
    }
}

#[kernel::macros::kunit_tests(v7s_takeover)]
mod tests {
    use super::*;

    use core::ptr::{
        self,
        NonNull, //
    };

    use kernel::{
        faux,
        sizes::SZ_4K, //
    };

    use slab_rust::compat::{
        bound,
        parameter, //
    };

    use crate::{
        format::entry::is_table,
        module::by_name::{
            alloc_io_pgtable_arm_v7s_rust_ops,
            free_io_pgtable_arm_v7s_rust_ops,
            io_pgtable_arm_v7s_rust_populate,
            io_pgtable_arm_v7s_rust_trim,
            is_ours,
            populate_new_sets, //
        },
        ops::set_of, //
    };

    /// A set from the kernel's allocator, given back to the kernel.
    struct FromKernel {
        ops: NonNull<bindings::io_pgtable_ops>,
        // Dropped after the set, whose device it is.
        _device: faux::Registration,
    }

    impl FromKernel {
        fn new(fmt: bindings::io_pgtable_fmt) -> Result<Self> {
            let device = faux::Registration::new(c"v7s_takeover", None)?;
            let mut cfg = bindings::io_pgtable_cfg {
                pgsize_bitmap: kernel::sizes::SZ_4K,
                ias: 32,
                oas: 32,
                coherent_walk: true,
                // CAST: `Device` is transparent. Some formats allocate on its node.
                iommu_dev: ptr::from_ref(bound(&device)).cast_mut().cast(),
                ..Default::default()
            };
            // SAFETY: `cfg` is valid, and the device outlives the set.
            let ops = unsafe { bindings::alloc_io_pgtable_ops(fmt, &mut cfg, ptr::null_mut()) };
            Ok(Self {
                ops: NonNull::new(ops).ok_or(ENOMEM)?,
                _device: device,
            })
        }

        fn is_ours(&self) -> bool {
            // SAFETY: A live set.
            unsafe { is_ours(self.ops.as_ptr()) }
        }
    }

    impl Drop for FromKernel {
        fn drop(&mut self) {
            // SAFETY: A live set, without a walker.
            unsafe { bindings::free_io_pgtable_ops(self.ops.as_ptr()) };
        }
    }

    fn serving() -> bool {
        parameter(&crate::module_parameters::takeover) == 1
    }

    #[test]
    fn arm_v7s_is_served_if_asked_to() -> Result {
        let set = FromKernel::new(bindings::io_pgtable_fmt_ARM_V7S)?;
        assert_eq!(set.is_ours(), serving());
        Ok(())
    }

    #[test]
    fn other_formats_are_the_kernels() -> Result {
        let set = FromKernel::new(bindings::io_pgtable_fmt_ARM_32_LPAE_S1)?;
        assert!(!set.is_ours());
        Ok(())
    }

    #[test]
    fn foreign_tables_are_not_freed() -> Result {
        for fmt in [
            bindings::io_pgtable_fmt_ARM_32_LPAE_S1,
            // The kernel's C, with takeover=0.
            bindings::io_pgtable_fmt_ARM_V7S,
        ] {
            let set = FromKernel::new(fmt)?;
            if set.is_ours() {
                continue;
            }
            let ops = set.ops.as_ptr();
            // SAFETY: Valid, and not of this module: refused.
            unsafe { free_io_pgtable_arm_v7s_rust_ops(ops) };
            // SAFETY: Still valid, as the refusal promises.
            let iova_to_phys = unsafe { (*ops).iova_to_phys };
            // SAFETY: The set is live, and its mappings do not change.
            let found = iova_to_phys.map(|iova_to_phys| unsafe { iova_to_phys(ops, 0) });
            assert_eq!(found, Some(0));
        }
        Ok(())
    }

    #[test]
    fn foreign_tables_are_not_populated() -> Result {
        let set = FromKernel::new(bindings::io_pgtable_fmt_ARM_32_LPAE_S1)?;
        for ops in [set.ops.as_ptr(), ptr::null_mut()] {
            // SAFETY: Valid or null, and not of this module: refused.
            let ret = unsafe {
                io_pgtable_arm_v7s_rust_trim(ops, 0, SZ_4K);
                io_pgtable_arm_v7s_rust_populate(ops, 0, SZ_4K, bindings::GFP_KERNEL)
            };
            assert_eq!(ret, EINVAL.to_errno());
        }
        Ok(())
    }

    /// A set by name: its new tables are there, for other sets none.
    #[test]
    fn sets_are_populated_by_name() -> Result {
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: SZ_4K,
            ias: 32,
            oas: 32,
            coherent_walk: true,
            ..Default::default()
        };
        for (mib, tables) in [(0, 0), (3, 3), (5000, 4096)] {
            populate_new_sets(mib);
            // SAFETY: `cfg` is valid.
            let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, ptr::null_mut()) };
            populate_new_sets(parameter(&crate::module_parameters::populate_mib) as usize);
            assert!(!ops.is_null());
            // SAFETY: A live set, used by one thread.
            let (made, ret, more) = unsafe {
                let set = set_of(ops);
                let count = || set.l1().iter().filter(|slot| is_table(slot.load())).count();
                let made = count();
                let ret =
                    io_pgtable_arm_v7s_rust_populate(ops, 0x1000_0000, SZ_4K, bindings::GFP_KERNEL);
                (made, ret, count())
            };
            // SAFETY: A live set, without a walker.
            unsafe { free_io_pgtable_arm_v7s_rust_ops(ops) };
            assert_eq!((made, ret), (tables, 0));
            assert_eq!(more, (tables + 1).min(4096));
        }
        Ok(())
    }

    #[test]
    fn nothing_can_be_freed() {
        // SAFETY: Null is allowed.
        unsafe { free_io_pgtable_arm_v7s_rust_ops(ptr::null_mut()) };
        // SAFETY: Null is allowed.
        unsafe { bindings::free_io_pgtable_ops(ptr::null_mut()) };
    }

    #[test]
    fn a_custom_allocator_is_refused() {
        extern "C" fn free(_cookie: *mut c_void, _pages: *mut c_void, _size: usize) {}
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: kernel::sizes::SZ_4K,
            ias: 32,
            oas: 32,
            coherent_walk: true,
            free: Some(free),
            ..Default::default()
        };
        // SAFETY: `cfg` is valid.
        let ops = unsafe { alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, ptr::null_mut()) };
        assert!(ops.is_null());
    }
}
