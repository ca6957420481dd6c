// SPDX-License-Identifier: GPL-2.0

//! Names of the kernel crate of Linux 7.3, for Linux 7.2.

/// `kernel::module`.
pub mod module {
    use core::marker::PhantomData;

    use kernel::{
        bindings,
        types::Opaque,
        ModuleMetadata,
        ThisModule, //
    };

    #[allow(improper_ctypes)] // As in the macro `module!`, which declares it in every module.
    extern "C" {
        static __this_module: Opaque<bindings::module>;
    }

    struct Of<M>(PhantomData<M>);

    impl<M: ModuleMetadata> Of<M> {
        // Each module has a `__this_module` of its own. This constant is of a type of the module
        // that asks, so that it is made there.
        const THIS_MODULE: ThisModule = {
            // SAFETY: The kernel makes the structure when it loads the module, which it belongs to.
            unsafe { ThisModule::from_ptr(__this_module.get()) }
        };
    }

    /// Returns the module whose type is `M`.
    #[inline(always)]
    pub const fn this_module<M: ModuleMetadata>() -> &'static ThisModule {
        const { &Of::<M>::THIS_MODULE }
    }
}

/// `kernel::prelude`, with what the crate `pin_init` has gained.
pub mod prelude {
    pub use kernel::prelude::*;

    /// The crate `pin_init`.
    pub mod pin_init {
        pub use ::pin_init::*;

        /// Runs an initializer.
        ///
        /// # Safety
        ///
        /// `slot` is valid for writes of a `T`, which stays there until it is dropped. If this
        /// fails, there is none.
        #[inline(always)]
        pub unsafe fn raw_try_init<T, E>(slot: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
            // SAFETY: `slot` is valid for writes, and the value stays there until it is dropped
            // (function requirement).
            unsafe { init.__pinned_init(slot) }
        }
    }
}

/// `bindings::smp_call_function_single`, whose last argument is a `bool` since 7.3.
///
/// # Safety
///
/// `function` may be called on that CPU with `info`, in its interrupt handler.
#[doc(hidden)]
pub unsafe fn smp_call_function_single(
    cpu: kernel::ffi::c_int,
    function: kernel::bindings::smp_call_func_t,
    info: *mut kernel::ffi::c_void,
    wait: bool,
) -> kernel::ffi::c_int {
    // SAFETY: `function` may be called on that CPU with `info` (function requirement).
    unsafe { kernel::bindings::smp_call_function_single(cpu, function, info, wait.into()) }
}
