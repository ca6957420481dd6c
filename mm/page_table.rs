// SPDX-License-Identifier: GPL-2.0

//! Memory for page tables: zeroed, naturally aligned, in the zone that the walker can reach.
//!
//! C headers: [`include/linux/gfp.h`](srctree/include/linux/gfp.h),
//! [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! A [`TableAllocator`] hands out tables of one size from one zone: part of a page, a page, or
//! several, any power of two from [`MIN_SIZE`] to [`MAX_SIZE`]. Its [`TableSource`] selects where
//! the memory comes from; each source is a file of its own. A [`Table`] borrows its allocator: it
//! goes back there and nowhere else, and does not outlive it.
//!
//! # Examples
//!
//! ```
//! # use kernel::{page_table::{Table, TableAllocator, TableSource}, prelude::*, slab::{Gfp, Zone}};
//! let tables = TableAllocator::new(TableSource::Pool, 1024, Zone::LOW)?;
//! let table = tables.alloc(Gfp::KERNEL)?;
//! let entry = table.phys32()?.get() | 1;
//! assert_eq!(entry % 1024, 1);
//!
//! // The entry owns the table from here on.
//! let raw = table.into_raw();
//! assert_eq!(tables.usage()?.tables, 1);
//!
//! // SAFETY: `raw` comes from `into_raw` on a table of `tables`, and no entry refers to it any
//! // more.
//! drop(unsafe { Table::from_raw(&tables, raw) });
//! assert_eq!(tables.usage()?.tables, 0);
//! # Ok::<(), Error>(())
//! ```
//!
//! [`MIN_SIZE`]: TableAllocator::MIN_SIZE
//! [`MAX_SIZE`]: TableAllocator::MAX_SIZE

mod pages;
mod pool;
mod slab;
#[cfg(all(CONFIG_RUST_SLAB_KUNIT_TEST, CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC))]
mod tests;

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use crate::{
    alloc::AllocError,
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sizes::SZ_4M,
    slab::{
        bad_args::BadArgs,
        linear_map::virt_to_phys,
        report::report,
        Gfp,
        Phys32,
        StaticCache,
        Zone, //
    },
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A source of table memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableSource {
    /// A slab cache.
    Slab,
    /// Pages that are cut into tables, each of which is used again; pages for larger tables.
    Pool,
}

impl TableSource {
    /// All sources.
    pub const ALL: [Self; 2] = [Self::Slab, Self::Pool];

    /// Returns the name in logs, debugfs and measurements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slab => "slab",
            Self::Pool => "pool",
        }
    }
}

/// A source of tables of one size.
///
/// # Safety
///
/// `alloc` returns memory of the kernel's linear map that holds a table: as large as the tables it
/// was made for, aligned to that size, zeroed, and used by nothing else until it is freed, even if
/// the source is dropped before.
unsafe trait Source {
    /// True if kmemleak tracks the tables.
    const IN_KMEMLEAK: bool = false;

    /// Allocates a table, in any context that `gfp` allows. `gfp` has `__GFP_ZERO` and no zone.
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>>;

    /// Frees a table, in any context.
    ///
    /// # Safety
    ///
    /// `table` came from [`alloc`](Self::alloc) of this source, and is not used any more.
    unsafe fn free(&self, table: NonNull<u8>);

    /// Returns the number of tables in use.
    fn live(&self) -> usize;

    /// Returns the bytes taken from the system. May sleep.
    fn held_bytes(&self) -> Result<usize>;
}

/// Number of tables in use, for sources that do not count them otherwise.
struct Live(Atomic<usize>);

impl Live {
    fn new() -> Self {
        Self(Atomic::new(0))
    }

    #[inline]
    fn add_one(&self) {
        self.0.add(1, Relaxed);
    }

    fn remove_one(&self) {
        self.0.add(1usize.wrapping_neg(), Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn is_in_kmemleak<S: Source>(_: &S) -> bool {
    S::IN_KMEMLEAK
}

/// A source that was selected at run time.
enum AnySource {
    Slab(slab::Slab),
    Pages(pages::Pages),
    Pool(pool::Pool),
}

/// Evaluates an expression for the source, whichever it is.
macro_rules! with {
    ($any:expr, $source:ident => $do:expr) => {
        match $any {
            AnySource::Slab($source) => $do,
            AnySource::Pages($source) => $do,
            AnySource::Pool($source) => $do,
        }
    };
}

/// Memory of an allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableUsage {
    /// Number of tables in use.
    pub tables: usize,
    /// Bytes of tables in use.
    pub live_bytes: usize,
    /// Bytes taken from the system, in use or kept for later.
    pub held_bytes: usize,
}

/// Allocator of tables of one size from one zone.
///
/// Allocating sleeps as its flags say; freeing does not. Both may be called in any context, from
/// several CPUs at a time. Creating and dropping an allocator sleeps.
///
/// # Invariants
///
/// `source` was made for tables of `size` bytes, a power of two, in `zone`.
pub struct TableAllocator {
    source: AnySource,
    size: usize,
    zone: Zone,
}

/// Size and zone of tables.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of a table.
    size: usize,
    zone: Zone,
}

impl Shape {
    /// Checks size and zone; the error says what is wrong.
    fn check(self) -> core::result::Result<(), BadArgs> {
        if !self.size.is_power_of_two() {
            return Err(BadArgs::bytes("size is not a power of two", self.size));
        }
        if self.size < TableAllocator::MIN_SIZE || self.size > TableAllocator::MAX_SIZE {
            return Err(BadArgs::bytes(
                "size is not from 64 bytes to 4 MiB",
                self.size,
            ));
        }
        self.zone.slab_flags().check()
    }

    /// Returns the zone bits for the page allocator.
    fn gfp(self) -> bindings::gfp_t {
        match self.zone {
            Zone::Normal => 0,
            Zone::Dma => 1 << bindings::___GFP_DMA_BIT,
            Zone::Dma32 => 1 << bindings::___GFP_DMA32_BIT,
        }
    }
}

/// Reasons why no source could be made.
enum Failure {
    /// The request is invalid.
    Invalid(BadArgs),
    /// The allocation failed.
    Other(Error),
}

impl From<BadArgs> for Failure {
    fn from(bad: BadArgs) -> Self {
        Self::Invalid(bad)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<AllocError> for Failure {
    fn from(error: AllocError) -> Self {
        Self::Other(error.into())
    }
}

impl TableAllocator {
    /// Smallest size of a table in bytes.
    pub const MIN_SIZE: usize = 64;

    /// Largest size of a table in bytes.
    pub const MAX_SIZE: usize = SZ_4M;

    /// Creates an allocator for tables of `size` bytes in `zone`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log that says why: no such size, a zone that the kernel
    ///   lacks, or a size that the source cannot serve (see its file);
    /// - [`ENOMEM`]: out of memory.
    pub fn new(source: TableSource, size: usize, zone: Zone) -> Result<Self> {
        let shape = Shape { size, zone };
        let made = shape.check().map_err(Failure::from).and_then(|()| {
            Ok(match source {
                TableSource::Slab => AnySource::Slab(slab::Slab::new(shape)?),
                TableSource::Pool if size < PAGE_SIZE => AnySource::Pool(pool::Pool::new(shape)?),
                TableSource::Pool => AnySource::Pages(pages::Pages::new(shape)?),
            })
        });
        match made {
            // INVARIANT: The source was made from this shape, and nothing of it is in use.
            Ok(source) => Ok(Self { source, size, zone }),
            Err(Failure::Invalid(bad)) => {
                report(fmt!(
                    "no tables of {size} bytes in zone {zone} from {}: {bad}",
                    source.name()
                ));
                Err(EINVAL)
            }
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// Creates an allocator of the objects of a static cache, which other allocators may share.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log: size or alignment of its objects are not those of a
    ///   table;
    /// - [`ENODEV`]: the cache has not been created.
    pub fn of_cache<C: StaticCache>() -> Result<Self> {
        let size = C::ARGS.object_size();
        let zone = Zone::of(C::ARGS.slab_flags());
        let aligned = C::ARGS.object_align() >= size;
        let shape = Shape { size, zone };
        if shape.check().is_err() || !aligned {
            report(fmt!("objects of cache '{}' are no tables", C::NAME));
            return Err(EINVAL);
        }
        let cache = slab::Slab::of_cache::<C>().ok_or(ENODEV)?;
        // INVARIANT: Size and zone were just checked, and nothing is in use.
        Ok(Self {
            source: AnySource::Slab(cache),
            size,
            zone,
        })
    }

    /// Allocates a table. `__GFP_NOFAIL` is ignored.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log, which is rate-limited: zone bits or unknown bits in
    ///   `gfp`;
    /// - [`ENOMEM`]: out of memory.
    #[inline]
    #[track_caller]
    pub fn alloc(&self, gfp: Gfp) -> Result<Table<'_>> {
        let gfp = gfp.may_fail().zeroed().allowed()?;
        let ptr = with!(&self.source, source => source.alloc(gfp)).ok_or(ENOMEM)?;
        // SAFETY: The table was just allocated from the source of this allocator.
        Ok(unsafe { Table::new(ptr, self) })
    }

    /// Returns the size of a table in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the zone of the tables.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// Returns the number of tables in use.
    pub fn live_tables(&self) -> usize {
        with!(&self.source, source => source.live())
    }

    /// Returns the memory in use, and that held from the system. May sleep.
    ///
    /// If several allocators share a slab cache, each counts all slabs of the cache.
    ///
    /// # Errors
    ///
    /// Errors of reading the counts of a cache.
    pub fn usage(&self) -> Result<TableUsage> {
        let tables = self.live_tables();
        Ok(TableUsage {
            tables,
            live_bytes: tables * self.size,
            held_bytes: with!(&self.source, source => source.held_bytes())?,
        })
    }
}

impl Drop for TableAllocator {
    fn drop(&mut self) {
        let live = self.live_tables();
        if live > 0 {
            pr_err!(
                "{} tables of {} bytes leaked: their memory stays behind\n",
                live,
                self.size
            );
        }
    }
}

/// An owned table; dropping it frees it.
///
/// A table that is leaked ([`core::mem::forget`], or [`Table::into_raw`] alone) stays valid for
/// ever.
///
/// # Invariants
///
/// `ptr` is a table of `allocator`, and nothing else owns it.
pub struct Table<'a> {
    ptr: NonNull<u8>,
    allocator: &'a TableAllocator,
    _owned: PhantomData<[u8]>,
}

// SAFETY: A table is memory, and `Source::free` may be called from any context.
unsafe impl Send for Table<'_> {}

// SAFETY: A shared table gives out shared references to its bytes.
unsafe impl Sync for Table<'_> {}

impl<'a> Table<'a> {
    /// # Safety
    ///
    /// The arguments satisfy the type invariants.
    #[inline]
    unsafe fn new(ptr: NonNull<u8>, allocator: &'a TableAllocator) -> Self {
        // INVARIANT: The caller promises all of the type invariants.
        Self {
            ptr,
            allocator,
            _owned: PhantomData,
        }
    }

    /// Returns the address of the table.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Returns the physical address of the table.
    ///
    /// A walker takes this address only if no IOMMU or bus translates its accesses to tables.
    #[inline]
    pub fn phys(&self) -> u64 {
        // SAFETY: Tables lie in the linear map, as `Source` requires.
        unsafe { virt_to_phys(self.ptr.as_ptr().cast()) }
    }

    /// Returns the physical address of a table below 4 GiB, where all tables of [`Zone::Dma32`]
    /// lie.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] if the table lies elsewhere.
    #[inline]
    pub fn phys32(&self) -> Result<Phys32> {
        Phys32::new(self.phys(), self.allocator.size)
    }

    /// Returns the allocator that the table came from.
    #[inline]
    pub fn allocator(&self) -> &'a TableAllocator {
        self.allocator
    }

    /// Returns the contents of the table, as long as no walker has it.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariants `self` owns a table of this size, which was zeroed when it
        // was allocated.
        unsafe { core::slice::from_raw_parts(self.ptr.as_ptr(), self.allocator.size) }
    }

    /// Returns the contents of the table, to be changed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariants `self`, which is borrowed exclusively, owns a table of
        // this size, which was zeroed when it was allocated.
        unsafe { core::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.allocator.size) }
    }

    /// Gives up ownership without freeing, to an entry that refers to the table by its physical
    /// address. kmemleak cannot follow such a reference, and is told to ignore the table.
    #[inline]
    pub fn into_raw(self) -> NonNull<u8> {
        let table = ManuallyDrop::new(self);
        if cfg!(CONFIG_DEBUG_KMEMLEAK) {
            table.hide();
        }
        table.ptr
    }

    /// Tells kmemleak to ignore the table, if it tracks it.
    fn hide(&self) {
        if with!(&self.allocator.source, source => is_in_kmemleak(source)) {
            // SAFETY: By the type invariants the table is allocated.
            unsafe { bindings::kmemleak_ignore(self.ptr.as_ptr().cast()) };
        }
    }

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`Table::into_raw`] on a table of `allocator`, and no other call took it
    /// back since.
    #[inline]
    pub unsafe fn from_raw(allocator: &'a TableAllocator, ptr: NonNull<u8>) -> Self {
        // SAFETY: `ptr` is a table of `allocator` that no other value owns (function requirement).
        unsafe { Self::new(ptr, allocator) }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is a table of this source that `self` owns.
        with!(&self.allocator.source, source => unsafe { source.free(self.ptr) });
    }
}
