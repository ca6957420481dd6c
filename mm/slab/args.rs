// SPDX-License-Identifier: GPL-2.0

//! Arguments of a new cache, and the rules that they have to meet.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h) (`struct kmem_cache_args`)
//!
//! The rules are the same for caches that are created at run time, where breaking one is an errno
//! and a line in the log, and for static caches, where it is a compile error.

use crate::{
    bindings,
    prelude::*,
    slab::{
        bad_args::BadArgs,
        flags::SlabFlags, //
    }, //
};

/// The largest slab.
const MAX_SIZE: usize = bindings::KMALLOC_MAX_SIZE as usize;

/// At least what debugging from the kernel's command line (`slab_debug=`) and KASAN put beside an
/// object, without the padding of its left red zone.
pub(crate) const METADATA: usize = if cfg!(CONFIG_KASAN_GENERIC) {
    4096
} else {
    512
};

const WORD: usize = size_of::<usize>();

/// Called once for each object of a new slab.
pub(crate) type Ctor = unsafe extern "C" fn(*mut c_void);

/// A region of each object that may be copied to and from user space.
///
/// C: `useroffset` and `usersize` of `struct kmem_cache_args`; enforced by
/// `CONFIG_HARDENED_USERCOPY`. [`user_window!`](crate::user_window) makes one of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UserWindow {
    /// Start of the region, in bytes from the start of the object.
    pub offset: usize,
    /// Length of the region in bytes; 0 for no region.
    pub size: usize,
}

impl UserWindow {
    /// No region.
    pub const NONE: Self = Self { offset: 0, size: 0 };
}

/// Returns the [`UserWindow`] that is one field of a type.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, slab::{KmemCache, UserWindow}, user_window};
/// #[repr(C)]
/// struct Record {
///     key: u64,
///     payload: [u8; 120],
/// }
///
/// let window = user_window!(Record, payload);
/// assert_eq!((window.offset, window.size), (8, 120));
///
/// let cache = KmemCache::<Record>::builder(c"doc_records")
///     .user_window(window)
///     .build()?;
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! user_window {
    ($type:ty, $field:ident) => {{
        // SAFETY: The closure is never called: only its type is used, for that of the field.
        let field = |value: *const $type| unsafe { &raw const (*value).$field };
        $crate::slab::UserWindow {
            offset: ::core::mem::offset_of!($type, $field),
            size: $crate::slab::__private::size_of_field(field),
        }
    }};
}

/// Returns the size of the field whose address `_field` returns.
#[doc(hidden)]
pub const fn size_of_field<T, F>(_field: fn(*const T) -> *const F) -> usize {
    size_of::<F>()
}

/// Arguments of a new cache.
///
/// # Invariants
///
/// `ctor`, if any, may be called with the address of any `size` bytes of memory aligned to `align`.
#[derive(Clone, Copy)]
pub struct CacheArgs {
    size: usize,
    align: usize,
    flags: SlabFlags,
    user: UserWindow,
    ctor: Option<Ctor>,
}

impl CacheArgs {
    /// Returns the arguments of a cache for values of `T`.
    pub const fn of<T>() -> Self {
        // INVARIANT: There is no constructor.
        Self {
            size: size_of::<T>(),
            align: align_of::<T>(),
            flags: SlabFlags::NONE,
            user: UserWindow::NONE,
            ctor: None,
        }
    }

    /// Returns the arguments of a cache for objects of `size` bytes, a power of two, aligned to
    /// their size.
    pub(crate) const fn sized(size: usize) -> Self {
        // INVARIANT: There is no constructor.
        Self {
            size,
            align: size,
            ..Self::of::<()>()
        }
    }

    /// Adds flags.
    pub const fn flags(mut self, flags: SlabFlags) -> Self {
        self.flags = self.flags.with(flags);
        self
    }

    /// Aligns objects to at least `align` bytes, a power of two.
    ///
    /// An alignment below that of the type changes nothing.
    pub const fn align(mut self, align: usize) -> Self {
        // Zero and other bad values have to reach `check`.
        if align > self.align || !align.is_power_of_two() {
            self.align = align;
        }
        self
    }

    /// Sets the region of an object that user space may copy.
    pub const fn user_window(mut self, window: UserWindow) -> Self {
        self.user = window;
        self
    }

    /// Lets user space copy all of an object, unless [`user_window`](Self::user_window) follows.
    pub const fn user_copies_all(self) -> Self {
        let size = self.size;
        self.user_window(UserWindow { offset: 0, size })
    }

    /// Sets a constructor.
    ///
    /// # Safety
    ///
    /// `ctor` can be called with the address of any memory of this size and alignment, from any
    /// context, for as long as the cache is allocated from.
    pub(crate) const unsafe fn ctor(mut self, ctor: Ctor) -> Self {
        // INVARIANT: The caller promises that `ctor` may be called so.
        self.ctor = Some(ctor);
        self
    }

    /// Returns the size of an object in bytes.
    pub const fn object_size(&self) -> usize {
        self.size
    }

    /// Returns the alignment of an object in bytes.
    pub const fn object_align(&self) -> usize {
        self.align
    }

    /// Returns the flags.
    pub const fn slab_flags(&self) -> SlabFlags {
        self.flags
    }

    /// Checks the arguments; the error says which rule they break.
    pub(crate) const fn check(&self) -> core::result::Result<(), BadArgs> {
        if let Err(bad) = self.flags.check() {
            return Err(bad);
        }
        if let Err(bad) = self.check_layout() {
            return Err(bad);
        }
        let UserWindow { offset, size } = self.user;
        if offset > self.size || size > self.size - offset {
            return Err(BadArgs::bytes(
                "usercopy window ends beyond the object",
                offset.saturating_add(size),
            ));
        }
        if offset > 0 && size == 0 {
            return Err(BadArgs::bytes(
                "usercopy window is empty and has an offset",
                offset,
            ));
        }
        Ok(())
    }

    /// Checks size and alignment.
    const fn check_layout(&self) -> core::result::Result<(), BadArgs> {
        let (size, align) = (self.size, self.align);
        if size == 0 {
            return Err(BadArgs::new("object size is zero"));
        }
        if size < WORD {
            return Err(BadArgs::bytes("object size is below a machine word", size));
        }
        if size > MAX_SIZE {
            return Err(BadArgs::bytes(
                "object size is above KMALLOC_MAX_SIZE",
                size,
            ));
        }
        if !align.is_power_of_two() {
            return Err(BadArgs::bytes("alignment is not a power of two", align));
        }
        if align > MAX_SIZE {
            return Err(BadArgs::bytes("alignment is above KMALLOC_MAX_SIZE", align));
        }
        if !self.fits() {
            return Err(BadArgs::bytes(
                "object size does not fit in a slab with its alignment",
                size,
            ));
        }
        Ok(())
    }

    /// Stops the compilation if there can be no cache of this size and alignment.
    #[track_caller]
    pub(crate) const fn assert_layout(self) -> Self {
        match self.check_layout() {
            Ok(()) => self,
            Err(bad) => panic!("{}", bad.message()),
        }
    }

    /// Returns whether an object fits in the largest slab whatever debugging adds to it.
    // The left red zone is as large as the alignment. Both sizes were compared with that of a slab
    // before, so that nothing overflows.
    const fn fits(&self) -> bool {
        let mut red_zone = self.align;
        if red_zone < WORD {
            red_zone = WORD;
        }
        let padded = self.size + METADATA + red_zone;
        let mask = red_zone - 1;
        (padded + mask) & !mask <= MAX_SIZE
    }

    /// Returns the kernel's form of the arguments.
    // Never merged: a cache of its own is what sysfs shows and what a leak can be counted in.
    pub(crate) fn to_raw(self) -> (bindings::kmem_cache_args, bindings::slab_flags_t) {
        let args = bindings::kmem_cache_args {
            align: self.align as c_uint,
            useroffset: self.user.offset as c_uint,
            usersize: self.user.size as c_uint,
            ctor: self.ctor,
            ..Default::default()
        };
        (args, (self.flags | SlabFlags::NO_MERGE).as_raw())
    }
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_args)]
mod tests {
    use super::*;

    const PLAIN: CacheArgs = CacheArgs::of::<[u64; 8]>();

    fn refused(args: CacheArgs, word: &str) -> bool {
        args.check().is_err_and(|bad| bad.message().contains(word))
    }

    const fn sized(size: usize, align: usize) -> CacheArgs {
        CacheArgs {
            size,
            align,
            ..PLAIN
        }
    }

    #[test]
    fn types_are_accepted() {
        assert!(PLAIN.check().is_ok());
        assert_eq!(PLAIN.object_size(), 64);
        assert_eq!(PLAIN.object_align(), align_of::<u64>());
        assert!(CacheArgs::of::<u64>().check().is_ok());
        assert!(CacheArgs::of::<[u8; 8193]>().check().is_ok());
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
        let flags = SlabFlags::from_raw(PLAIN.to_raw().1);
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
