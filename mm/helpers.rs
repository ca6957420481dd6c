// SPDX-License-Identifier: GPL-2.0

//! What `helpers.c` provides: macros and inline functions of the kernel's headers.

use kernel::{
    bindings,
    prelude::*, //
};

/// What the private layout of a cache says; `struct slab_rust_layout`.
#[repr(C)]
pub(crate) struct Layout {
    pub(crate) name: *const c_char,
    pub(crate) flags: c_uint,
    pub(crate) object_size: c_uint,
}

// Without lockdep kernel objects have a member without a size, in C as in Rust.
#[allow(improper_ctypes)]
extern "C" {
    /// Whether the log may hear of one more request that was refused: a few times in some
    /// seconds.
    pub(crate) fn slab_rust_may_report() -> bool;

    /// `virt_to_phys()`: `address` has to lie in the kernel's linear map.
    pub(crate) fn slab_rust_virt_to_phys(address: *const c_void) -> u64;

    /// `node_online()`, for a number from 0 to `MAX_NUMNODES - 1`.
    pub(crate) fn slab_rust_node_online(node: c_int) -> bool;

    /// Takes a reference to each cache in `set`, writes up to `room` of them to
    /// `caches`, and returns how many there are.
    pub(crate) fn slab_rust_hold_caches(
        set: *mut bindings::kset,
        caches: *mut *mut bindings::kobject,
        room: usize,
    ) -> usize;

    /// Reads the private layout of a cache (layout.c); false if it is not known.
    pub(crate) fn slab_rust_layout(kobj: *mut bindings::kobject, layout: *mut Layout) -> bool;

    /// `spin_lock_irqsave()`; returns the flags.
    // Most kernels have a function for it. Calling that at once saves a tenth of what a table
    // costs.
    #[cfg_attr(
        all(
            CONFIG_SMP,
            not(CONFIG_PREEMPT_RT),
            not(CONFIG_INLINE_SPIN_LOCK_IRQSAVE)
        ),
        link_name = "_raw_spin_lock_irqsave"
    )]
    pub(crate) fn slab_rust_lock(lock: *mut bindings::spinlock_t) -> c_ulong;

    /// `spin_unlock_irqrestore()`.
    // As above.
    #[cfg_attr(
        all(
            CONFIG_SMP,
            not(CONFIG_PREEMPT_RT),
            not(CONFIG_INLINE_SPIN_UNLOCK_IRQRESTORE)
        ),
        link_name = "_raw_spin_unlock_irqrestore"
    )]
    pub(crate) fn slab_rust_unlock(lock: *mut bindings::spinlock_t, flags: c_ulong);

    /// `virt_to_page()`: `address` has to lie in the kernel's linear map.
    pub(crate) fn slab_rust_page_of(address: *const c_void) -> *mut bindings::page;

    /// Allocates pages of an order up to `MAX_PAGE_ORDER`, counted among the secondary page
    /// tables; NULL if there are none.
    pub(crate) fn slab_rust_alloc_pages(gfp: bindings::gfp_t, order: c_uint) -> *mut c_void;

    /// Allocates a page, and another one if there is one: `second` is NULL otherwise.
    pub(crate) fn slab_rust_alloc_two_pages(
        gfp: bindings::gfp_t,
        second: *mut *mut c_void,
    ) -> *mut c_void;

    /// Frees them.
    pub(crate) fn slab_rust_free_pages(address: *const c_void);

    /// `virt_to_head_page()`: `address` has to lie in the kernel's linear map.
    pub(crate) fn slab_rust_chunk_of(address: *const c_void) -> *mut bindings::page;

    /// `page_size()` of a head page.
    pub(crate) fn slab_rust_chunk_bytes(chunk: *mut bindings::page) -> usize;

    /// Counts a chunk of `bytes` bytes among the secondary page tables, or no longer.
    pub(crate) fn slab_rust_chunk_account(chunk: *const bindings::page, bytes: usize, held: bool);

    /// `kmemleak_ignore()`.
    pub(crate) fn slab_rust_kmemleak_ignore(object: *const c_void);
}
