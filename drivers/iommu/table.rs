// SPDX-License-Identifier: GPL-2.0

//! The memory of tables: first-level ones from the page allocator, second-level ones from a slab
//! cache, both where the walker's pointers reach.

use crate::{
    addr::TablePhys,
    caches::{
        self,
        L2Cache, //
    },
    config::Config,
    entry::L2_ENTRIES,
    slots::Slot,
    walker::Walker, //
};
use core::{
    ffi::c_void,
    mem::{
        size_of,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*, //
};
use slab_rust::{
    Gfp,
    Object,
    Zone, //
};

// In helpers.c.
extern "C" {
    fn v7s_kmemleak_ignore(object: *const c_void);
}

/// The `gfp_t` bits for the zone that first-level tables of `cfg` come from.
fn zone_bits(cfg: &Config) -> bindings::gfp_t {
    match caches::zone(cfg) {
        Zone::Normal => 0,
        Zone::Dma => 1 << bindings::___GFP_DMA_BIT,
        Zone::Dma32 => 1 << bindings::___GFP_DMA32_BIT,
    }
}

/// A first-level table: a naturally aligned run of pages.
///
/// # Invariants
///
/// `slots` is the start of pages of order `order` from the page allocator, which hold at least
/// `entries` slots, belong to this value and are attached to `walker` at `phys`.
pub(crate) struct L1 {
    slots: NonNull<Slot>,
    entries: usize,
    order: u32,
    phys: TablePhys,
    walker: Walker,
}

impl L1 {
    /// Allocates an empty table for `cfg`; may sleep.
    pub(crate) fn new(cfg: &Config) -> Result<Self> {
        let entries = cfg.l1_entries();
        let size = entries * size_of::<Slot>();
        let order = size
            .next_power_of_two()
            .trailing_zeros()
            .saturating_sub(PAGE_SHIFT as u32);
        let gfp = Gfp::KERNEL.zeroed().as_raw() | zone_bits(cfg);
        // SAFETY: Any order and flags may be asked for.
        let pages = unsafe { bindings::get_free_pages_noprof(gfp, order) };
        let slots = NonNull::new(pages as *mut Slot).ok_or(ENOMEM)?;

        let attach = || {
            // SAFETY: The page allocator gives out memory of the linear map.
            let phys = unsafe { slab_rust::virt_to_phys(slots.as_ptr().cast()) };
            let phys = TablePhys::new(phys, size, cfg)?;
            // SAFETY: As above, `size` bytes of it.
            unsafe { cfg.walker().attach(slots, phys.as_u64(), size)? };
            Ok(phys)
        };
        match attach() {
            // INVARIANT: Allocated above, zeroed, which is a table of invalid entries.
            Ok(phys) => Ok(Self {
                slots,
                entries,
                order,
                phys,
                walker: cfg.walker(),
            }),
            Err(e) => {
                // SAFETY: Allocated above with this order, and nobody has seen it.
                unsafe { bindings::free_pages(pages, order) };
                Err(e)
            }
        }
    }

    /// Where the walker finds it.
    pub(crate) fn phys(&self) -> TablePhys {
        self.phys
    }

    /// The memory it takes: whole pages.
    pub(crate) fn bytes(&self) -> usize {
        PAGE_SIZE << self.order
    }
}

impl Deref for L1 {
    type Target = [Slot];

    #[inline(always)]
    fn deref(&self) -> &[Slot] {
        // SAFETY: `slots` has `entries` initialised slots that live as long as `self` (invariant).
        unsafe { core::slice::from_raw_parts(self.slots.as_ptr(), self.entries) }
    }
}

impl Drop for L1 {
    fn drop(&mut self) {
        // SAFETY: The table is ours and attached with these arguments (invariant), and whoever
        // drops it promises that the walker no longer uses it.
        unsafe {
            self.walker
                .detach(self.phys.as_u64(), size_of::<Slot>() * self.entries);
            bindings::free_pages(self.slots.as_ptr() as usize, self.order);
        }
    }
}

/// The content of a second-level table, which must be aligned to its size.
#[repr(C, align(1024))]
pub(crate) struct L2Slots(pub(crate) [Slot; L2_ENTRIES]);

// SAFETY: Zeroes are invalid entries.
unsafe impl Zeroable for L2Slots {}

/// A second-level table that no entry refers to: not yet, or no longer.
///
/// # Invariants
///
/// The object is attached to `walker` at its physical address.
pub(crate) struct L2 {
    slots: Object<'static, L2Slots>,
    walker: Walker,
}

impl L2 {
    /// Allocates an empty table for `cfg` and says where it is; sleeps only if `gfp` allows it.
    pub(crate) fn new(
        cfg: &Config,
        cache: &'static L2Cache,
        gfp: Gfp,
    ) -> Result<(Self, TablePhys)> {
        let slots = cache.alloc_zeroed(gfp)?;
        let phys = TablePhys::new(Object::phys(&slots), size_of::<L2Slots>(), cfg)?;
        let walker = cfg.walker();
        // SAFETY: A slab object is memory of the linear map.
        unsafe {
            walker.attach(
                NonNull::from(&slots.0).cast(),
                phys.as_u64(),
                size_of::<L2Slots>(),
            )?
        };
        // INVARIANT: Just attached.
        Ok((Self { slots, walker }, phys))
    }

    /// Gives the table into the care of the entry that refers to it from now on.
    pub(crate) fn into_raw(self) -> NonNull<L2Slots> {
        let this = ManuallyDrop::new(self);
        // SAFETY: The object is read once, because `this` is never dropped.
        let slots = Object::into_raw(unsafe { core::ptr::read(&this.slots) });
        // SAFETY: A live slab object. Only a physical address will refer to it, which kmemleak
        // cannot see.
        unsafe { v7s_kmemleak_ignore(slots.as_ptr().cast()) };
        slots
    }

    /// Takes a table back from an entry.
    ///
    /// # Safety
    ///
    /// `slots` came from [`into_raw`](Self::into_raw) of a table from `cache` for `walker`, and no
    /// entry refers to it any more.
    pub(crate) unsafe fn from_raw(
        slots: NonNull<L2Slots>,
        cache: &'static L2Cache,
        walker: Walker,
    ) -> Self {
        // INVARIANT: It is still attached, `into_raw` changed nothing about it.
        Self {
            // SAFETY: By the function's requirements it is an object of this cache.
            slots: unsafe { Object::from_raw(cache, slots) },
            walker,
        }
    }
}

impl Drop for L2 {
    fn drop(&mut self) {
        // SAFETY: Attached at this address with this size (invariant).
        unsafe {
            self.walker
                .detach(Object::phys(&self.slots), size_of::<L2Slots>())
        };
    }
}
