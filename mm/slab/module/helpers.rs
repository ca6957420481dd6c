// SPDX-License-Identifier: GPL-2.0

//! Functions of `helpers.c`: macros and inline functions of the kernel's headers.

use crate::{
    bindings,
    prelude::*, //
};

/// Functions that the kernel tree has in rust/helpers, where Rust calls them by these names.
pub(crate) mod in_kernel {
    use super::*;

    // Without lockdep kernel objects have a member without a size, in C as in Rust.
    #[allow(improper_ctypes)]
    extern "C" {
        /// Returns whether another line about a refused request may be logged: a rate limit.
        #[link_name = "slab_rust_may_report"]
        pub(crate) fn slab_may_report() -> bool;

        /// `address` has to lie in the kernel's linear map.
        #[link_name = "slab_rust_virt_to_phys"]
        pub(crate) fn virt_to_phys(address: *const c_void) -> bindings::phys_addr_t;

        /// `node` is a number from 0 to `MAX_NUMNODES - 1`.
        #[link_name = "slab_rust_node_online"]
        pub(crate) fn node_online(node: c_int) -> bool;

        /// `address` has to lie in the kernel's linear map.
        #[link_name = "slab_rust_page_of"]
        pub(crate) fn virt_to_page(address: *const c_void) -> *mut bindings::page;

        /// Allocates pages of an order up to `MAX_PAGE_ORDER`, counted among the secondary page
        /// tables; NULL if there are none.
        #[link_name = "slab_rust_alloc_pages"]
        pub(crate) fn pagetable_alloc_pages(gfp: bindings::gfp_t, order: c_uint) -> *mut c_void;

        /// Allocates a page, and if it can a second one: `second` is NULL otherwise.
        #[link_name = "slab_rust_alloc_two_pages"]
        pub(crate) fn pagetable_alloc_two_pages(
            gfp: bindings::gfp_t,
            second: *mut *mut c_void,
        ) -> *mut c_void;

        /// Frees pages from one of the two functions above.
        #[link_name = "slab_rust_free_pages"]
        pub(crate) fn pagetable_free_pages(address: *const c_void);

        /// Declared in `linux/async.h`: waits for the code of all `async_schedule()` calls.
        pub(crate) fn async_synchronize_full();

        #[link_name = "slab_rust_kmemleak_ignore"]
        pub(crate) fn kmemleak_ignore(object: *const c_void);
    }
}

/// Fields of the private layout of a cache; `struct slab_rust_layout`.
#[repr(C)]
pub(crate) struct Layout {
    pub(crate) name: *const c_char,
    pub(crate) flags: c_uint,
    pub(crate) object_size: c_uint,
}

// Kernel objects and locks have members without a size, in C as in Rust.
#[allow(improper_ctypes)]
extern "C" {
    /// Takes a lock and disables interrupts; returns the interrupt state before.
    // Most kernels have a function for it, whose direct call saves a tenth of the cost of a table.
    #[cfg_attr(
        all(
            CONFIG_SMP,
            not(CONFIG_PREEMPT_RT),
            not(CONFIG_INLINE_SPIN_LOCK_IRQSAVE)
        ),
        link_name = "_raw_spin_lock_irqsave"
    )]
    pub(crate) fn slab_rust_lock(lock: *mut bindings::spinlock_t) -> c_ulong;

    /// Releases a lock, and restores the interrupt state.
    #[cfg_attr(
        all(
            CONFIG_SMP,
            not(CONFIG_PREEMPT_RT),
            not(CONFIG_INLINE_SPIN_UNLOCK_IRQRESTORE)
        ),
        link_name = "_raw_spin_unlock_irqrestore"
    )]
    pub(crate) fn slab_rust_unlock(lock: *mut bindings::spinlock_t, flags: c_ulong);

    /// Takes a reference to each cache in `set`, writes up to `room` of them to
    /// `caches`, and returns how many there are.
    pub(crate) fn slab_rust_hold_caches(
        set: *mut bindings::kset,
        caches: *mut *mut bindings::kobject,
        room: usize,
    ) -> usize;

    /// Reads the private layout of a cache (layout.c); false if it is not known.
    pub(crate) fn slab_rust_layout(kobj: *mut bindings::kobject, layout: *mut Layout) -> bool;
}
