// SPDX-License-Identifier: GPL-2.0

//! What a cache is asked to be, and whether that can be.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! One set of rules for caches made at run time, where a refusal is an errno and
//! one line in the log, and for static ones, where it is a compile error.

use kernel::{
    bindings,
    prelude::*, //
};

use crate::flags::{
    Refusal,
    SlabFlags, //
};

/// The largest slab.
const MAX_SIZE: usize = bindings::KMALLOC_MAX_SIZE as usize;

/// At least what debugging from the kernel's command line (`slab_debug=`) and
/// KASAN put beside an object, without the padding of its left red zone.
const METADATA: usize = 512;

const WORD: usize = size_of::<usize>();

/// Runs once for each object of a new slab.
pub(crate) type Ctor = unsafe extern "C" fn(*mut c_void);

/// A region of each object, in bytes, that may be copied to and from user space.
///
/// C: `useroffset` and `usersize` of `struct kmem_cache_args`; enforced by
/// `CONFIG_HARDENED_USERCOPY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UserWindow {
    /// Where the region starts.
    pub offset: usize,
    /// How long it is; 0 for no region.
    pub size: usize,
}

/// What a cache is asked to be.
///
/// # Invariants
///
/// `ctor`, if any, may be called with the address of any `size` bytes of memory
/// aligned to `align`.
#[derive(Clone, Copy)]
pub struct Request {
    size: usize,
    align: usize,
    flags: SlabFlags,
    merge: bool,
    user: UserWindow,
    pub(crate) rcu: bool,
    ctor: Option<Ctor>,
}

impl Request {
    /// A cache for values of `T`.
    pub const fn of<T>() -> Self {
        // INVARIANT: There is no constructor.
        Self {
            size: size_of::<T>(),
            align: align_of::<T>(),
            flags: SlabFlags::NONE,
            merge: false,
            user: UserWindow { offset: 0, size: 0 },
            rcu: false,
            ctor: None,
        }
    }

    /// With these flags as well.
    pub const fn flags(mut self, flags: SlabFlags) -> Self {
        self.flags = self.flags.with(flags);
        self
    }

    /// Aligned to `align` bytes at least, a power of two.
    ///
    /// An alignment below the type's own changes nothing.
    pub const fn align(mut self, align: usize) -> Self {
        // Zero and other bad values have to reach `check`.
        if align > self.align || !align.is_power_of_two() {
            self.align = align;
        }
        self
    }

    /// May share slabs with caches of like size and flags.
    pub const fn mergeable(mut self, merge: bool) -> Self {
        self.merge = merge;
        self
    }

    /// With a region that user space may copy.
    pub const fn user_window(mut self, window: UserWindow) -> Self {
        self.user = window;
        self
    }

    /// With a constructor.
    ///
    /// # Safety
    ///
    /// `ctor` can be called with the address of any memory of this request's size
    /// and alignment, from any context, for as long as the cache is allocated from.
    pub(crate) const unsafe fn ctor(mut self, ctor: Ctor) -> Self {
        // INVARIANT: By the safety requirements.
        self.ctor = Some(ctor);
        self
    }

    /// Size of an object in bytes.
    pub const fn object_size(&self) -> usize {
        self.size
    }

    /// Alignment of an object in bytes.
    pub const fn object_align(&self) -> usize {
        self.align
    }

    /// The flags asked for.
    pub const fn slab_flags(&self) -> SlabFlags {
        self.flags
    }

    pub(crate) const fn is_mergeable(&self) -> bool {
        self.merge
    }

    /// Says why there can be no such cache.
    pub(crate) const fn check(&self) -> core::result::Result<(), Refusal> {
        if let Err(refusal) = self.flags.check() {
            return Err(refusal);
        }
        if self.merge && self.flags.contains(SlabFlags::NO_MERGE) {
            return Err(Refusal::new("SLAB_NO_MERGE in a cache that asks to be merged"));
        }
        if self.size == 0 {
            return Err(Refusal::new("object size is zero"));
        }
        if self.size < WORD {
            return Err(Refusal::value(
                "object size is below a machine word:",
                self.size as u32,
            ));
        }
        if self.size > MAX_SIZE {
            return Err(Refusal::value(
                "object size is above KMALLOC_MAX_SIZE, in KiB:",
                (self.size >> 10) as u32,
            ));
        }
        if !self.align.is_power_of_two() {
            return Err(Refusal::value(
                "alignment is not a power of two:",
                self.align as u32,
            ));
        }
        if self.align > MAX_SIZE {
            return Err(Refusal::value(
                "alignment is above KMALLOC_MAX_SIZE, in KiB:",
                (self.align >> 10) as u32,
            ));
        }
        if !self.fits() {
            return Err(Refusal::value(
                "size and alignment do not fit in a slab: size",
                self.size as u32,
            ));
        }
        if self.user.offset > self.size || self.user.size > self.size - self.user.offset {
            return Err(Refusal::value(
                "usercopy window ends beyond the object: offset",
                self.user.offset as u32,
            ));
        }
        if self.user.offset > 0 && self.user.size == 0 {
            return Err(Refusal::value(
                "usercopy window has an offset and no size: offset",
                self.user.offset as u32,
            ));
        }
        Ok(())
    }

    /// Whether an object fits in the largest slab whatever debugging adds to it.
    // The left red zone is as large as the alignment. Sizes are bounded by the
    // checks before, so nothing overflows.
    const fn fits(&self) -> bool {
        let mut red_zone = self.align;
        if red_zone < WORD {
            red_zone = WORD;
        }
        let padded = self.size + METADATA + red_zone;
        let mask = red_zone - 1;
        (padded + mask) & !mask <= MAX_SIZE
    }

    /// The kernel's form of this request.
    pub(crate) fn args(&self) -> (bindings::kmem_cache_args, bindings::slab_flags_t) {
        let mut flags = self.flags;
        if !self.merge {
            flags = flags | SlabFlags::NO_MERGE;
        }
        if self.rcu {
            flags = flags | SlabFlags::TYPESAFE_BY_RCU;
        }
        let args = bindings::kmem_cache_args {
            align: self.align as c_uint,
            useroffset: self.user.offset as c_uint,
            usersize: self.user.size as c_uint,
            ctor: self.ctor,
            ..Default::default()
        };
        (args, flags.as_raw())
    }
}
