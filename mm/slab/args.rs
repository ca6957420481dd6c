// SPDX-License-Identifier: GPL-2.0

//! What a cache is asked to be, and whether that can be.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! One set of rules for caches made at run time, where a refusal is an errno and
//! one line in the log, and for static ones, where it is a compile error.

use crate::{
    bindings,
    prelude::*,
    slab::flags::{
        Refusal,
        SlabFlags, //
    }, //
};

/// The largest slab.
const MAX_SIZE: usize = bindings::KMALLOC_MAX_SIZE as usize;

/// At least what debugging from the kernel's command line (`slab_debug=`) and
/// KASAN put beside an object, without the padding of its left red zone.
pub(crate) const METADATA: usize = if cfg!(CONFIG_KASAN_GENERIC) {
    4096
} else {
    512
};

const WORD: usize = size_of::<usize>();

/// Runs once for each object of a new slab.
pub(crate) type Ctor = unsafe extern "C" fn(*mut c_void);

/// A region of each object, in bytes, that may be copied to and from user space.
///
/// C: `useroffset` and `usersize` of `struct kmem_cache_args`; enforced by
/// `CONFIG_HARDENED_USERCOPY`.
/// [`user_window!`](crate::slab::user_window) makes one of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UserWindow {
    /// Where the region starts.
    pub offset: usize,
    /// How long it is; 0 for no region.
    pub size: usize,
}

/// The [`UserWindow`] that is one field of a type.
///
/// # Examples
///
/// ```ignore
/// .user_window(slab_rust::user_window!(Record, payload))
/// ```
#[macro_export]
macro_rules! user_window {
    ($type:ty, $field:ident) => {{
        // SAFETY: Never called: it says what type the field has.
        let field = |value: *const $type| unsafe { &raw const (*value).$field };
        $crate::slab::UserWindow {
            offset: ::core::mem::offset_of!($type, $field),
            size: $crate::slab::__private::size_of_field(field),
        }
    }};
}

/// Size of what `_field` gives the address of.
#[doc(hidden)]
pub const fn size_of_field<T, F>(_field: fn(*const T) -> *const F) -> usize {
    size_of::<F>()
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
    user: UserWindow,
    rcu: bool,
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
            user: UserWindow { offset: 0, size: 0 },
            rcu: false,
            ctor: None,
        }
    }

    /// A cache for objects of `size` bytes, a power of two, aligned to their size.
    pub(crate) const fn sized(size: usize) -> Self {
        // INVARIANT: There is no constructor.
        Self {
            size,
            align: size,
            ..Self::of::<()>()
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

    /// With slabs that outlive a grace period of RCU.
    pub(crate) const fn typesafe_by_rcu(mut self) -> Self {
        self.rcu = true;
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

    /// Says why there can be no such cache.
    pub(crate) const fn check(&self) -> core::result::Result<(), Refusal> {
        if let Err(refusal) = self.flags.check() {
            return Err(refusal);
        }
        if self.size == 0 {
            return Err(Refusal::new("object size is zero"));
        }
        if self.size < WORD {
            return Err(Refusal::bytes(
                "object size is below a machine word",
                self.size,
            ));
        }
        if self.size > MAX_SIZE {
            return Err(Refusal::bytes(
                "object size is above KMALLOC_MAX_SIZE",
                self.size,
            ));
        }
        if !self.align.is_power_of_two() {
            return Err(Refusal::bytes(
                "alignment is not a power of two",
                self.align,
            ));
        }
        if self.align > MAX_SIZE {
            return Err(Refusal::bytes(
                "alignment is above KMALLOC_MAX_SIZE",
                self.align,
            ));
        }
        if !self.fits() {
            return Err(Refusal::bytes(
                "object size does not fit in a slab with its alignment",
                self.size,
            ));
        }
        if self.user.offset > self.size || self.user.size > self.size - self.user.offset {
            return Err(Refusal::bytes(
                "usercopy window ends beyond the object",
                self.user.offset.saturating_add(self.user.size),
            ));
        }
        if self.user.offset > 0 && self.user.size == 0 {
            return Err(Refusal::bytes(
                "usercopy window is empty and has an offset",
                self.user.offset,
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
        let mut flags = self.flags | SlabFlags::NO_MERGE;
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

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_request)]
mod tests {
    use super::*;

    const PLAIN: Request = Request::of::<[u64; 8]>();

    fn refused(request: Request, word: &str) -> bool {
        request
            .check()
            .is_err_and(|refusal| refusal.message().contains(word))
    }

    const fn sized(size: usize, align: usize) -> Request {
        let mut request = PLAIN;
        request.size = size;
        request.align = align;
        request
    }

    #[test]
    fn types_are_accepted() {
        assert!(PLAIN.check().is_ok());
        assert_eq!(PLAIN.object_size(), 64);
        assert_eq!(PLAIN.object_align(), align_of::<u64>());
        assert!(Request::of::<u64>().check().is_ok());
        assert!(Request::of::<[u8; 8193]>().check().is_ok());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(refused(sized(0, 8), "zero"));
        assert!(refused(sized(1, 8), "word"));
        assert!(refused(sized(WORD - 1, 8), "word"));
        assert!(refused(sized(MAX_SIZE + 1, 8), "KMALLOC_MAX_SIZE"));
        assert!(refused(sized(usize::MAX, 8), "KMALLOC_MAX_SIZE"));
        assert!(refused(sized(MAX_SIZE, 8), "fit"));
        assert!(sized(MAX_SIZE / 2, 8).check().is_ok());
    }

    #[test]
    fn alignments_that_do_not_fit_are_refused() {
        assert!(refused(PLAIN.align(0), "power"));
        assert!(refused(PLAIN.align(3), "power"));
        assert!(refused(PLAIN.align(1000), "power"));
        assert!(refused(PLAIN.align(MAX_SIZE * 2), "KMALLOC_MAX_SIZE"));
        assert!(refused(
            PLAIN.align(1 << (usize::BITS - 1)),
            "KMALLOC_MAX_SIZE"
        ));
        assert!(refused(sized(MAX_SIZE / 2, MAX_SIZE / 2), "fit"));
        assert!(PLAIN.align(1).check().is_ok());
        assert!(PLAIN.align(4096).check().is_ok());
        assert!(sized(1024, MAX_SIZE / 4).check().is_ok());
    }

    #[test]
    fn alignment_only_grows() {
        assert_eq!(PLAIN.align(1).object_align(), align_of::<u64>());
        assert_eq!(PLAIN.align(1024).align(64).object_align(), 1024);
    }

    #[test]
    fn user_window_lies_in_the_object() {
        let window = |offset, size| PLAIN.user_window(UserWindow { offset, size });
        assert!(window(0, 64).check().is_ok());
        assert!(window(60, 4).check().is_ok());
        assert!(refused(window(60, 5), "usercopy"));
        assert!(refused(window(65, 0), "usercopy"));
        assert!(refused(window(8, 0), "usercopy"));
        assert!(refused(window(usize::MAX, 2), "usercopy"));
    }

    #[test]
    fn user_window_of_a_field() {
        #[repr(C)]
        struct Record {
            key: u64,
            payload: [u8; 20],
        }
        assert_eq!(
            crate::user_window!(Record, payload),
            UserWindow {
                offset: size_of::<u64>(),
                size: 20
            }
        );
    }

    #[test]
    fn caches_are_not_merged() {
        let flags = SlabFlags::from_raw(PLAIN.args().1);
        assert!(flags.contains(SlabFlags::NO_MERGE));
    }

    #[test]
    fn bad_flags_are_refused() {
        assert!(refused(
            PLAIN.flags(SlabFlags::DMA | SlabFlags::DMA32),
            "exclude"
        ));
        assert!(refused(
            PLAIN.flags(SlabFlags::from_raw(1 << 31)),
            "unknown"
        ));
    }
}
