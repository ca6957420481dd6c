// SPDX-License-Identifier: GPL-2.0

//! Caches and table allocators of `slab_rust` with random names, sizes, alignments, flags and
//! windows, and allocations with random flags.
//!
//! The expected results follow from Documentation/mm/slab_rust.rst and from the checks of the
//! kernel's `mm/slab_common.c`; sizes that fit or not depending on debugging are left open.

use core::mem::MaybeUninit;

use kernel::{
    bindings,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4M, //
    }, //
};

use slab_rust::{
    page_table::{
        TableAllocator,
        TableSource, //
    },
    slab::{
        Gfp,
        KmemCache,
        Object,
        SlabFlags,
        UserWindow,
        Zone, //
    }, //
};

use crate::random::Random;

/// `__GFP_NOFAIL`.
const NOFAIL: bindings::gfp_t = 1 << bindings::___GFP_NOFAIL_BIT;

/// The largest object, `KMALLOC_MAX_SIZE`.
const LARGEST: usize = bindings::KMALLOC_MAX_SIZE as usize;

/// A request for a cache.
#[derive(Debug)]
struct Request {
    name: KVec<u8>,
    size: usize,
    align: usize,
    flags: u32,
    window: (usize, usize),
    gfp: bindings::gfp_t,
}

/// The expected result of a request.
#[derive(PartialEq, Eq, Debug)]
enum Served {
    Yes,
    /// This error.
    No(Error),
    /// Depends on the debugging data of an object.
    Perhaps,
}

/// Number of calls that succeeded, and that were refused.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) made: usize,
    pub(crate) refused: usize,
}

/// Makes `count` requests. The log has the first one with a wrong result.
pub(crate) fn run(seed: u64, count: u64, counts: &mut Counts) -> Result {
    for number in 0..count {
        let mut random = Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let made = if random.one_in(4) {
            let request = random.tables();
            request.make().inspect_err(|_| {
                pr_err!("seed {seed} tables {number}: {request:#x?}\n");
            })?
        } else {
            let request = random.cache()?;
            request.make().inspect_err(|_| {
                pr_err!("seed {seed} cache {number}: {request:#x?}\n");
            })?
        };
        if made {
            counts.made += 1;
        } else {
            counts.refused += 1;
        }
    }
    Ok(())
}

/// Bits about memory tags.
#[cfg(CONFIG_KASAN_HW_TAGS)]
const TAGS: [u32; 3] = [
    bindings::___GFP_ZEROTAGS_BIT,
    bindings::___GFP_SKIP_ZERO_BIT,
    bindings::___GFP_SKIP_KASAN_BIT,
];
#[cfg(not(CONFIG_KASAN_HW_TAGS))]
const TAGS: [u32; 1] = [bindings::___GFP_ZEROTAGS_BIT];

/// Returns true if an allocator accepts these flags: no zone, nothing about memory tags, no unknown
/// bits.
pub(crate) fn gfp_serves(gfp: bindings::gfp_t) -> bool {
    gfp & 0xf & !(1 << bindings::___GFP_RECLAIMABLE_BIT) == 0
        && TAGS.iter().all(|bit| gfp >> bit & 1 == 0)
        && gfp >> bindings::___GFP_LAST_BIT == 0
}

const _: () = assert!(
    bindings::___GFP_DMA_BIT < 4
        && bindings::___GFP_HIGHMEM_BIT < 4
        && bindings::___GFP_DMA32_BIT < 4
        && bindings::___GFP_MOVABLE_BIT < 4
);

/// Logs a wrong result.
macro_rules! expect {
    ($fine:expr, $($what:tt)+) => {
        if !$fine {
            pr_err!($($what)+);
            return Err(EIO);
        }
    };
}

/// Returns the flags that a cache may have.
fn permitted() -> u32 {
    use bindings::*;

    let mut bits = 0;
    for bit in [
        _slab_flag_bits__SLAB_CONSISTENCY_CHECKS,
        _slab_flag_bits__SLAB_RED_ZONE,
        _slab_flag_bits__SLAB_POISON,
        _slab_flag_bits__SLAB_STORE_USER,
        _slab_flag_bits__SLAB_HWCACHE_ALIGN,
        _slab_flag_bits__SLAB_CACHE_DMA,
        _slab_flag_bits__SLAB_CACHE_DMA32,
        _slab_flag_bits__SLAB_RECLAIM_ACCOUNT,
        _slab_flag_bits__SLAB_NOLEAKTRACE,
        _slab_flag_bits__SLAB_NO_USER_FLAGS,
        _slab_flag_bits__SLAB_NO_MERGE,
        #[cfg(CONFIG_MEMCG)]
        _slab_flag_bits__SLAB_ACCOUNT,
        #[cfg(CONFIG_DEBUG_OBJECTS)]
        _slab_flag_bits__SLAB_DEBUG_OBJECTS,
    ] {
        bits |= 1 << bit;
    }
    bits
}

impl Request {
    fn has(&self, bit: u32) -> bool {
        self.flags >> bit & 1 != 0
    }

    /// Returns true if an object may be allocated with these flags; the allocation may fail.
    fn gfp_serves(&self) -> bool {
        gfp_serves(self.gfp) && self.gfp & NOFAIL == 0
    }

    fn served(&self) -> Served {
        let name = &self.name[..self.name.len() - 1];
        let name_serves = !name.is_empty()
            && name.len() <= 255
            && name != b"."
            && name != b".."
            && name[0] != b':'
            && name
                .iter()
                .all(|byte| *byte > b' ' && !b"/\x7f".contains(byte));
        let (offset, size) = self.window;
        let window_serves = match size {
            0 => offset == 0,
            _ => offset as u128 + size as u128 <= self.size as u128,
        };
        let zones = self.has(bindings::_slab_flag_bits__SLAB_CACHE_DMA)
            && self.has(bindings::_slab_flag_bits__SLAB_CACHE_DMA32);
        // The type's own alignment is one.
        let align = self.align;
        if !name_serves
            || !window_serves
            || self.flags & !permitted() != 0
            || zones
            || !(8..=LARGEST).contains(&self.size)
            || align.count_ones() != 1
            || align > LARGEST
            || self.size as u128 + align as u128 > LARGEST as u128
        {
            return Served::No(EINVAL);
        }
        if name.starts_with(b"kmalloc-") {
            return Served::No(EEXIST);
        }
        if self.size > SZ_1M || align > SZ_1M {
            Served::Perhaps
        } else {
            Served::Yes
        }
    }

    /// Makes the cache. Returns true if it was made; an error if the result was wrong.
    fn make(&self) -> Result<bool> {
        match self.size {
            8 => self.make_of::<8>(),
            64 => self.make_of::<64>(),
            408 => self.make_of::<408>(),
            1024 => self.make_of::<1024>(),
            8193 => self.make_of::<8193>(),
            _ => self.make_of::<SZ_1M>(),
        }
    }

    fn make_of<const N: usize>(&self) -> Result<bool> {
        let name = CStr::from_bytes_with_nul(&self.name).map_err(|_| EINVAL)?;
        let (offset, size) = self.window;
        let cache = KmemCache::<[u8; N]>::builder(name)
            .flags(SlabFlags::from_raw(self.flags))
            .align(self.align)
            .user_window(UserWindow { offset, size })
            .build();
        let served = self.served();
        let cache = match cache {
            Err(e) => {
                let fits = served == Served::No(e) || served == Served::Perhaps && e == EINVAL;
                expect!(fits, "refused: {e:?}, expected {served:?}\n");
                return Ok(false);
            }
            Ok(cache) => cache,
        };
        expect!(
            !matches!(served, Served::No(_)),
            "made, expected {served:?}\n"
        );
        expect!(
            cache.object_size() >= N,
            "objects of {:#x} bytes\n",
            cache.object_size()
        );
        self.allocate(&cache)?;
        Ok(true)
    }

    fn allocate<const N: usize>(&self, cache: &KmemCache<[u8; N]>) -> Result {
        let object = match cache.alloc_uninit(Gfp::from_raw(self.gfp)) {
            Err(e) if e == EINVAL => {
                expect!(!self.gfp_serves(), "gfp refused\n");
                return Ok(());
            }
            // Allocations of large objects may fail, above all without waiting.
            Err(e) if e == ENOMEM => return Ok(()),
            Err(e) => return Err(e),
            Ok(object) => object,
        };
        expect!(self.gfp_serves(), "gfp not refused\n");
        let ptr: *mut MaybeUninit<[u8; N]> = Object::as_ptr(&object);
        expect!(ptr as usize % self.align == 0, "object at {ptr:?}\n");
        if self.has(bindings::_slab_flag_bits__SLAB_CACHE_DMA32) {
            let end = Object::phys(&object) + N as u64;
            expect!(end <= 1 << 32, "object ends at {end:#x}\n");
        }
        Ok(())
    }
}

/// A request for a table allocator.
#[derive(Debug)]
struct Tables {
    source: TableSource,
    size: usize,
    zone: Zone,
    gfp: bindings::gfp_t,
}

impl Tables {
    /// Makes the allocator. Returns true if it was made; an error if the result was wrong.
    fn make(&self) -> Result<bool> {
        let can_be = self.size.count_ones() == 1 && (64..=SZ_4M).contains(&self.size);
        let allocator = match TableAllocator::new(self.source, self.size, self.zone) {
            Err(_) => return Ok(false),
            Ok(allocator) => allocator,
        };
        expect!(can_be, "made\n");
        let table = match allocator.alloc(Gfp::from_raw(self.gfp)) {
            Err(e) => {
                let fits = e == ENOMEM || e == ERANGE || e == EINVAL && !gfp_serves(self.gfp);
                expect!(fits, "no table: {e:?}\n");
                return Ok(true);
            }
            Ok(table) => table,
        };
        expect!(gfp_serves(self.gfp), "gfp not refused\n");
        let phys = table.phys();
        expect!(phys % self.size as u64 == 0, "table at {phys:#x}\n");
        let low = phys + self.size as u64 <= 1 << 32;
        expect!(
            low == table.phys32().is_ok(),
            "table at {phys:#x} and below 4 GiB\n"
        );
        expect!(
            table.bytes().len() == self.size && table.bytes().iter().all(|byte| *byte == 0),
            "not zeroes\n"
        );
        Ok(true)
    }
}

impl Random {
    /// Returns a valid request, half of the time with an argument made invalid.
    fn cache(&mut self) -> Result<Request> {
        let mut request = Request {
            name: KVec::new(),
            size: self.pick(&[8, 64, 408, 1024, 8193, SZ_1M]),
            align: 1 << self.below(13),
            flags: self.next() as u32 & self.next() as u32 & permitted(),
            window: (0, 0),
            gfp: bindings::GFP_KERNEL,
        };
        for bit in [
            bindings::_slab_flag_bits__SLAB_CACHE_DMA,
            bindings::_slab_flag_bits__SLAB_NO_MERGE,
        ] {
            request.flags &= !(1 << bit);
        }
        let mut name: &[u8] = b"v7s_fuzz_cache";
        if self.chance(60) {
            for _ in 0..=self.below(2) {
                match self.below(6) {
                    0 | 1 => name = self.pick(&NAMES),
                    2 => request.align = self.arbitrary() as usize,
                    3 => match self.below(3) {
                        0 => request.flags = self.arbitrary() as u32,
                        1 => request.flags ^= 1 << self.below(32),
                        _ => request.flags |= self.next() as u32 & permitted(),
                    },
                    4 => request.window = self.window(request.size),
                    _ => request.gfp = self.allocation(),
                }
            }
        }
        request.name.extend_from_slice(name, GFP_KERNEL)?;
        if name == LONG {
            let more = self.pick(&[254, 255, 256, 5000]);
            request.name.resize(more, b'x', GFP_KERNEL)?;
        }
        request.name.push(0, GFP_KERNEL)?;
        Ok(request)
    }

    /// Returns a window inside or outside of an object.
    fn window(&mut self, size: usize) -> (usize, usize) {
        let (some, other) = (self.arbitrary() as usize, self.arbitrary() as usize);
        let near = self.near(size as u64) as usize;
        match self.below(6) {
            0 => (some, other),
            1 => (0, near),
            2 => (near, self.below(3)),
            3 => (8, size.wrapping_sub(8)),
            4 => (some, some.wrapping_neg()),
            _ => (8, near.wrapping_sub(8)),
        }
    }

    fn tables(&mut self) -> Tables {
        let size = match self.below(4) {
            0 => self.arbitrary() as usize,
            1 => self.power() as usize,
            _ => 64 << self.below(13),
        };
        Tables {
            source: self.pick(&TableSource::ALL),
            size,
            zone: self.pick(&[Zone::Normal, Zone::Dma, Zone::Dma32]),
            gfp: if self.chance(50) {
                bindings::GFP_KERNEL
            } else {
                self.allocation()
            },
        }
    }

    /// Returns random allocation flags; accepted ones have `__GFP_NOWARN`, since memory is short
    /// for the largest objects.
    fn allocation(&mut self) -> bindings::gfp_t {
        let quiet = bindings::__GFP_NOWARN | 1 << bindings::___GFP_NORETRY_BIT;
        let any = self.next() as u32 | quiet;
        match self.below(3) {
            0 => any,
            1 => any & ((1 << bindings::___GFP_LAST_BIT) - 1) & !0xf,
            _ => quiet | bindings::GFP_KERNEL | 1 << self.below(32),
        }
    }
}

/// A name that is replaced by a long one.
const LONG: &[u8] = b"long";

const NAMES: [&[u8]; 14] = [
    b"",
    b".",
    b"..",
    b"...",
    b"/",
    b"a/b",
    b"two words",
    b"line\n",
    b"\x7f",
    b"\xff\xfe",
    b":0000064",
    b"kmalloc-1k",
    b"%s%n%p",
    LONG,
];
