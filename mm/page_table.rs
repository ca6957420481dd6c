// SPDX-License-Identifier: GPL-2.0

//! Memory for page tables: zeroed, naturally aligned, in the zone that the walker can reach.
//!
//! C headers: [`include/linux/gfp.h`](srctree/include/linux/gfp.h),
//! [`include/linux/slab.h`](srctree/include/linux/slab.h)
//!
//! A [`TableAllocator`] gives out tables of one size from one zone: part of a page, a page, or
//! several, any power of two from [`MIN_SIZE`] to [`MAX_SIZE`]. Where the memory comes from is its
//! [`TableSource`]; there is one file for each. Whoever makes an allocator owns it; to share it is
//! to lend it. A [`Table`] borrows its allocator: it goes back there and nowhere else, and does
//! not outlive it.
//!
//! Documentation/mm/page_table_memory.rst says which source is for what.
//!
//! # Examples
//!
//! ```ignore
//! let tables = TableAllocator::new(TableSource::Pool, 1024, Zone::Dma32)?;
//! let table = tables.alloc(Gfp::KERNEL)?;
//! let entry = table.phys32()?.get() | TABLE;
//!
//! // The entry owns the table from here on.
//! let raw = table.into_raw();
//! // SAFETY: It is one of these tables, and no entry refers to it any more.
//! drop(unsafe { Table::from_raw(&tables, raw) });
//!
//! // To measure: all sources, and what each holds.
//! for source in TableSource::ALL {
//!     let tables = TableAllocator::new(source, 1024, Zone::Dma32)?;
//!     let table = tables.alloc(Gfp::KERNEL);
//!     let usage = tables.usage()?;
//!     pr_info!("{}: {} of {}\n", source.name(), usage.live_bytes, usage.held_bytes);
//! }
//! ```
//!
//! [`MIN_SIZE`]: TableAllocator::MIN_SIZE
//! [`MAX_SIZE`]: TableAllocator::MAX_SIZE

#[cfg(MODULE)]
mod genalloc;
#[cfg(MODULE)]
mod kmalloc;
mod page;
#[cfg(MODULE)]
mod page_frag;
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
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sizes::SZ_4M,
    slab::{
        dma32::{
            virt_to_phys,
            Above4G,
            Phys32, //
        },
        flags::{
            Refusal,
            Zone, //
        },
        gfp::{
            Gfp,
            NOFAIL, //
        },
        report::report,
        static_cache::StaticCache, //
    },
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Where table memory comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableSource {
    /// A slab cache.
    Slab,
    /// A region that is set aside when the allocator is made, with room for so many tables.
    #[cfg(MODULE)]
    Genalloc {
        /// At least so many; a region is made of whole pages.
        tables: usize,
    },
    /// Fragments of a chunk of pages, which is used again when all of them are free.
    #[cfg(MODULE)]
    PageFrag,
    /// `kmalloc()`, which does not know zone DMA32.
    #[cfg(MODULE)]
    Kmalloc,
    /// Pages of its own for each table.
    Page,
    /// Fragments of pages, each of which is used again; pages for tables of that size.
    Pool,
}

impl TableSource {
    /// As many tables as a first level of 4096 entries can refer to.
    #[cfg(MODULE)]
    pub const REGION: usize = 4096;

    #[cfg(MODULE)]
    const COUNT: usize = 6;
    #[cfg(not(MODULE))]
    const COUNT: usize = 3;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Slab,
        #[cfg(MODULE)]
        Self::Genalloc {
            tables: Self::REGION,
        },
        #[cfg(MODULE)]
        Self::PageFrag,
        #[cfg(MODULE)]
        Self::Kmalloc,
        Self::Page,
        Self::Pool,
    ];

    /// The name in logs, debugfs and measurements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slab => "slab",
            #[cfg(MODULE)]
            Self::Genalloc { .. } => "genalloc",
            #[cfg(MODULE)]
            Self::PageFrag => "page_frag",
            #[cfg(MODULE)]
            Self::Kmalloc => "kmalloc",
            Self::Page => "page",
            Self::Pool => "pool",
        }
    }
}

/// What a source has to do.
///
/// # Safety
///
/// `alloc` gives out memory of the kernel's linear map that holds a table: as large as the tables
/// it was made for, aligned to that size, all zeroes, and nobody else's until it is freed, even
/// if the source is dropped before.
unsafe trait Source {
    /// Whether kmemleak knows the tables.
    const IN_KMEMLEAK: bool = false;

    /// Whether tables may lie above 4 GiB whatever the zone.
    #[cfg(MODULE)]
    const MISSES_DMA32: bool = false;

    /// Allocates a table, in any context that `gfp` is for. `gfp` asks for zeroes and has no zone.
    fn alloc(&self, gfp: bindings::gfp_t) -> Option<NonNull<u8>>;

    /// Takes a table back, in any context.
    ///
    /// # Safety
    ///
    /// `table` came from [`alloc`](Self::alloc) of this source, and nobody uses it any more.
    unsafe fn free(&self, table: NonNull<u8>);

    /// Tables in use.
    fn live(&self) -> usize;

    /// Bytes held from the system. May sleep.
    fn held_bytes(&self) -> Result<usize>;
}

/// The tables in use of a source that knows no better.
struct Live(Atomic<usize>);

impl Live {
    fn new() -> Self {
        Self(Atomic::new(0))
    }

    #[inline]
    fn one_more(&self) {
        self.0.add(1, Relaxed);
    }

    fn one_less(&self) {
        self.0.add(1usize.wrapping_neg(), Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn is_in_kmemleak<S: Source>(_: &S) -> bool {
    S::IN_KMEMLEAK
}

/// Whether tables lie in the zone that was asked for.
#[cfg(MODULE)]
fn is_sure<S: Source>(_: &S) -> bool {
    !S::MISSES_DMA32
}

/// The sources, to be chosen from at run time.
enum AnySource {
    Slab(slab::Slab),
    #[cfg(MODULE)]
    Genalloc(genalloc::Region),
    #[cfg(MODULE)]
    PageFrag(page_frag::PageFrag),
    #[cfg(MODULE)]
    Kmalloc(kmalloc::Kmalloc),
    Page(page::Pages),
    Pool(pool::Pool),
}

/// Does the same with whatever source it is.
macro_rules! with {
    ($any:expr, $source:ident => $do:expr) => {
        match $any {
            AnySource::Slab($source) => $do,
            #[cfg(MODULE)]
            AnySource::Genalloc($source) => $do,
            #[cfg(MODULE)]
            AnySource::PageFrag($source) => $do,
            #[cfg(MODULE)]
            AnySource::Kmalloc($source) => $do,
            AnySource::Page($source) => $do,
            AnySource::Pool($source) => $do,
        }
    };
}

/// What an allocator has given out and holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableUsage {
    /// Tables in use.
    pub tables: usize,
    /// Their bytes.
    pub live_bytes: usize,
    /// Bytes taken from the system for them, whether in use or kept for later.
    pub held_bytes: usize,
}

/// Gives out tables of one size from one zone.
///
/// Allocating sleeps as its flags say; freeing does not, and both may be done in any context and
/// from several at a time. Making and dropping an allocator sleeps.
///
/// # Invariants
///
/// `source` was made for tables of `size` bytes, a power of two, in `zone`.
pub struct TableAllocator {
    source: AnySource,
    size: usize,
    zone: Zone,
}

/// What a source is made from; checked.
#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of a table.
    size: usize,
    zone: Zone,
}

impl Shape {
    /// Says why there can be no such tables.
    fn check(self) -> core::result::Result<(), Refusal> {
        if !self.size.is_power_of_two() {
            return Err(Refusal::bytes("size is not a power of two", self.size));
        }
        if self.size < TableAllocator::MIN_SIZE || self.size > TableAllocator::MAX_SIZE {
            return Err(Refusal::bytes(
                "size is not from 64 bytes to 4 MiB",
                self.size,
            ));
        }
        self.zone.slab_flags().check()
    }

    /// The zone, for the page allocator.
    fn gfp(self) -> bindings::gfp_t {
        match self.zone {
            Zone::Normal => 0,
            Zone::Dma => 1 << bindings::___GFP_DMA_BIT,
            Zone::Dma32 => 1 << bindings::___GFP_DMA32_BIT,
        }
    }
}

/// Why there is no source.
enum Failure {
    /// There cannot be one.
    Refused(Refusal),
    /// There could be one.
    Other(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<crate::alloc::AllocError> for Failure {
    fn from(error: crate::alloc::AllocError) -> Self {
        Self::Other(error.into())
    }
}

impl TableAllocator {
    /// The smallest size of a table in bytes.
    pub const MIN_SIZE: usize = 64;

    /// The largest size of a table in bytes.
    pub const MAX_SIZE: usize = SZ_4M;

    /// Makes an allocator for tables of `size` bytes in `zone`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log that says why: no such size, a zone that the kernel
    ///   lacks, or a size that the source cannot serve (see there);
    /// - [`ENOMEM`]: out of memory.
    pub fn new(source: TableSource, size: usize, zone: Zone) -> Result<Self> {
        let shape = Shape { size, zone };
        let made = shape.check().map_err(Failure::from).and_then(|()| {
            Ok(match source {
                TableSource::Slab => AnySource::Slab(slab::Slab::new(shape)?),
                #[cfg(MODULE)]
                TableSource::Genalloc { tables } => {
                    AnySource::Genalloc(genalloc::Region::new(shape, tables)?)
                }
                #[cfg(MODULE)]
                TableSource::PageFrag => AnySource::PageFrag(page_frag::PageFrag::new(shape)?),
                #[cfg(MODULE)]
                TableSource::Kmalloc => AnySource::Kmalloc(kmalloc::Kmalloc::new(shape)?),
                TableSource::Page => AnySource::Page(page::Pages::new(shape)?),
                TableSource::Pool if size >= PAGE_SIZE => AnySource::Page(page::Pages::new(shape)?),
                TableSource::Pool => AnySource::Pool(pool::Pool::new(shape)?),
            })
        });
        match made {
            // INVARIANT: Made from this shape, and nothing is in use.
            Ok(source) => Ok(Self { source, size, zone }),
            Err(Failure::Refused(refusal)) => {
                report(fmt!(
                    "no tables of {size} bytes in zone {zone} from {}: {refusal}",
                    source.name()
                ));
                Err(EINVAL)
            }
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// Makes an allocator of the objects of a static cache, which other allocators may share.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log: its objects are no tables, by size or alignment;
    /// - [`ENODEV`]: the cache has not been made.
    pub fn of_cache<C: StaticCache>() -> Result<Self> {
        let size = C::REQUEST.object_size();
        let zone = Zone::of(C::REQUEST.slab_flags());
        let aligned = C::REQUEST.object_align() >= size;
        let shape = Shape { size, zone };
        if shape.check().is_err() || !aligned {
            report(fmt!("objects of cache '{}' are no tables", C::NAME));
            return Err(EINVAL);
        }
        let cache = slab::Slab::of_cache::<C>().ok_or(ENODEV)?;
        // INVARIANT: Just checked, and nothing is in use.
        Ok(Self {
            source: AnySource::Slab(cache),
            size,
            zone,
        })
    }

    /// Allocates a table.
    ///
    /// `__GFP_NOFAIL` is no flag for tables, and not heeded.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and a line in the log: zone bits or unknown bits in `gfp`;
    /// - [`ENOMEM`]: out of memory, or beyond the region that was set aside;
    /// - [`ERANGE`] and a line in the log: the source does not know [`Zone::Dma32`], and what it
    ///   gave, and got back, lies above 4 GiB.
    ///
    /// Lines in the log are rate-limited; that of a region which is in use is left out with
    /// `__GFP_NOWARN`.
    // Inlined for those that are meant for use; the others are a call away.
    #[inline]
    pub fn alloc(&self, gfp: Gfp) -> Result<Table<'_>> {
        let gfp = gfp.zeroed().allowed()? & !NOFAIL;
        let ptr = match &self.source {
            AnySource::Slab(slab) => slab.alloc(gfp),
            AnySource::Pool(pool) => pool.alloc(gfp),
            _ => return self.alloc_other(gfp),
        };
        // SAFETY: Just allocated.
        Ok(unsafe { Table::new(ptr.ok_or(ENOMEM)?, self) })
    }

    /// The same for any source.
    fn alloc_other(&self, gfp: bindings::gfp_t) -> Result<Table<'_>> {
        let ptr = with!(&self.source, source => source.alloc(gfp)).ok_or(ENOMEM)?;
        // SAFETY: Just allocated.
        let table = unsafe { Table::new(ptr, self) };
        #[cfg(MODULE)]
        let table = self.check(table)?;
        Ok(table)
    }

    /// Gives a table back if it lies where it must not.
    #[cfg(MODULE)]
    fn check<'a>(&'a self, table: Table<'a>) -> Result<Table<'a>> {
        let sure = with!(&self.source, source => is_sure(source));
        if sure || self.zone != Zone::Dma32 || table.phys32().is_ok() {
            return Ok(table);
        }
        report(fmt!(
            "table at {:#x} refused: not below 4 GiB, as kmalloc knows no zone dma32",
            table.phys()
        ));
        Err(ERANGE)
    }

    /// Bytes of a table.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where tables lie.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// Tables in use.
    pub fn live_tables(&self) -> usize {
        with!(&self.source, source => source.live())
    }

    /// What is in use, and what is held for it. May sleep.
    ///
    /// Sources that share what they take with others cannot tell what they hold: a cache that is
    /// shared counts whole; of `kmalloc()` only what is in use is known.
    ///
    /// # Errors
    ///
    /// Those of reading a cache's figures in sysfs.
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

// SAFETY: A table is memory, and allocators take tables back from any context.
unsafe impl Send for Table<'_> {}

// SAFETY: A shared table is bytes to be read.
unsafe impl Sync for Table<'_> {}

impl<'a> Table<'a> {
    /// # Safety
    ///
    /// The arguments satisfy the type invariants.
    #[inline]
    unsafe fn new(ptr: NonNull<u8>, allocator: &'a TableAllocator) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            ptr,
            allocator,
            _owned: PhantomData,
        }
    }

    /// Where the table is.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Its physical address.
    #[inline]
    pub fn phys(&self) -> u64 {
        // SAFETY: Tables lie in the linear map.
        unsafe { virt_to_phys(self.ptr.as_ptr().cast()) }
    }

    /// Its physical address, known to be below 4 GiB as those of [`Zone::Dma32`] all are.
    #[inline]
    pub fn phys32(&self) -> core::result::Result<Phys32, Above4G> {
        Phys32::new(self.phys(), self.allocator.size)
    }

    /// Where it came from.
    #[inline]
    pub fn allocator(&self) -> &'a TableAllocator {
        self.allocator
    }

    /// What the table holds, as long as no walker has it.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariants so many bytes are ours, initialized to zero at first.
        unsafe { core::slice::from_raw_parts(self.ptr.as_ptr(), self.allocator.size) }
    }

    /// What the table holds, to be changed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: As above, and borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.allocator.size) }
    }

    /// Gives up ownership without freeing: to an entry that refers to the table by its physical
    /// address, which kmemleak cannot see and is told not to look for.
    #[inline]
    pub fn into_raw(self) -> NonNull<u8> {
        let table = ManuallyDrop::new(self);
        if cfg!(CONFIG_DEBUG_KMEMLEAK) {
            table.hide();
        }
        table.ptr
    }

    /// Tells kmemleak that there are no references to the table, if it knows it.
    fn hide(&self) {
        if with!(&self.allocator.source, source => is_in_kmemleak(source)) {
            // SAFETY: A live object that kmemleak knows.
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
        // SAFETY: The requirements are the same.
        unsafe { Self::new(ptr, allocator) }
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is a table of this source, and ours.
        with!(&self.allocator.source, source => unsafe { source.free(self.ptr) });
    }
}
