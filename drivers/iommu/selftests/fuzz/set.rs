// SPDX-License-Identifier: GPL-2.0

//! A table set, called as a driver calls it. Result, callbacks and entries in memory are checked
//! after each call.

use core::{
    cell::Cell,
    ptr::{
        self,
        NonNull, //
    }, //
};

use kernel::{
    bindings,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    },
    sync::Arc,
    types::Opaque, //
};

use io_pgtable_arm_v7s_rust::{
    alloc_io_pgtable_arm_v7s_rust_ops,
    free_io_pgtable_arm_v7s_rust_ops, //
};

use crate::{
    memory::entries_at,
    model::{
        Leaf,
        Mib,
        Model, //
    }, //
    rules::{
        Callbacks,
        Device,
        Request,
        Rules,
        Served, //
        MTK_EXT,
    },
};

/// A call of `map_pages`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) iova: usize,
    pub(crate) paddr: u64,
    pub(crate) pgsize: usize,
    pub(crate) pgcount: usize,
    pub(crate) flags: u32,
    pub(crate) gfp: bindings::gfp_t,
}

/// A call of `unmap_pages`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unmap {
    pub(crate) iova: usize,
    pub(crate) pgsize: usize,
    pub(crate) pgcount: usize,
    /// The `iommu_iotlb_gather`, if there is one: true if it is queued.
    pub(crate) gather: Option<bool>,
}

/// The function that frees a set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Name,
    Kernel,
}

/// The arguments of the callbacks of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Flushed {
    /// The first byte and the one behind the last.
    range: Option<(u64, u64)>,
    /// Bytes of leaves and of tables.
    bytes: u64,
    all: usize,
}

/// The data to which the cookie of a set points.
#[derive(Default)]
struct Cookie(Cell<Flushed>);

impl Cookie {
    fn add(&self, iova: usize, size: usize) {
        let (start, end) = (iova as u64, iova as u64 + size as u64);
        let before = self.0.get();
        let (first, last) = before.range.unwrap_or((start, end));
        self.0.set(Flushed {
            range: Some((first.min(start), last.max(end))),
            bytes: before.bytes + size as u64,
            ..before
        });
    }
}

/// Returns the cookie that a callback was called with.
///
/// # Safety
///
/// `cookie` is the cookie of a live [`Set`].
unsafe fn cookie_of<'a>(cookie: *mut c_void) -> &'a Cookie {
    // SAFETY: The caller passes a live `Cookie` as `cookie`.
    unsafe { &*cookie.cast::<Cookie>() }
}

extern "C" fn flush_all(cookie: *mut c_void) {
    // SAFETY: A set passes its cookie, which lives as long as the set.
    let Cookie(flushed) = unsafe { cookie_of(cookie) };
    let before = flushed.get();
    flushed.set(Flushed {
        all: before.all + 1,
        ..before
    });
}

extern "C" fn flush_walk(iova: usize, size: usize, _granule: usize, cookie: *mut c_void) {
    // SAFETY: The set passes its cookie, which lives as long as the set.
    unsafe { cookie_of(cookie) }.add(iova, size);
}

extern "C" fn add_page(
    _gather: *mut bindings::iommu_iotlb_gather,
    iova: usize,
    granule: usize,
    cookie: *mut c_void,
) {
    // SAFETY: The set passes its cookie, which lives as long as the set.
    unsafe { cookie_of(cookie) }.add(iova, granule);
}

static CALLBACKS: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_all: Some(flush_all),
    tlb_flush_walk: Some(flush_walk),
    tlb_add_page: Some(add_page),
};

static NO_WALK: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
    tlb_flush_walk: None,
    ..CALLBACKS
};

extern "C" fn never_alloc(_: *mut c_void, _: usize, _: bindings::gfp_t) -> *mut c_void {
    pr_err!("a custom allocator was called\n");
    ptr::null_mut()
}

extern "C" fn never_free(_: *mut c_void, _: *mut c_void, _: usize) {
    pr_err!("a custom allocator was called\n");
}

/// Bits that a register does not have before a set is made.
const UNTOUCHED: u32 = 0x5a5a_5a5a;

/// A table set.
///
/// # Invariants
///
/// `ops` is that of a live set which belongs to this value.
pub(crate) struct Set {
    ops: NonNull<bindings::io_pgtable_ops>,
    cookie: Arc<Cookie>,
    l1: NonNull<u32>,
    pub(crate) request: Request,
    pub(crate) model: Model,
    /// The function that frees it.
    by: By,
}

/// Returns the error for a wrong result, which was logged.
fn wrong() -> Error {
    EIO
}

macro_rules! expect {
    ($fine:expr, $($what:tt)+) => {
        if !$fine {
            pr_err!($($what)+);
            return Err(wrong());
        }
    };
}

impl Set {
    /// Makes a set; none if the request was refused, which must leave `cfg` unchanged.
    ///
    /// # Safety
    ///
    /// `dev` is the device that `request` names, and lives as long as the set.
    pub(crate) unsafe fn new(
        request: &Request,
        dev: *mut bindings::device,
    ) -> Result<Option<Self>> {
        let cookie = Arc::new(Cookie::default(), GFP_KERNEL)?;
        let mut cfg = bindings::io_pgtable_cfg {
            quirks: request.quirks,
            pgsize_bitmap: request.page_sizes,
            ias: request.ias,
            oas: request.oas,
            coherent_walk: request.coherent,
            tlb: match request.callbacks {
                Callbacks::None => ptr::null(),
                Callbacks::NoWalk => &NO_WALK,
                Callbacks::All => &CALLBACKS,
            },
            iommu_dev: dev,
            alloc: request.custom_alloc.then_some(never_alloc),
            free: request.custom_free.then_some(never_free),
            ..Default::default()
        };
        cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr = UNTOUCHED;
        // SAFETY: `cfg` is valid, callbacks are static, the cookie lives as long as the set, and so
        // does the device.
        let ops = unsafe {
            alloc_io_pgtable_arm_v7s_rust_ops(&mut cfg, Arc::as_ptr(&cookie).cast_mut().cast())
        };
        // SAFETY: All bit patterns are valid.
        let ttbr = unsafe { cfg.__bindgen_anon_1.arm_v7s_cfg.ttbr };
        expect!(
            cfg.quirks == request.quirks && cfg.ias == request.ias && cfg.oas == request.oas,
            "{request:#x?}: changed\n"
        );
        let fits = match request.served() {
            Served::Yes => !ops.is_null(),
            Served::No => ops.is_null(),
            Served::Perhaps => true,
        };
        expect!(fits, "{request:#x?}: {ops:?}\n");
        let Some(ops) = NonNull::new(ops) else {
            expect!(
                ttbr == UNTOUCHED && cfg.pgsize_bitmap == request.page_sizes,
                "{request:#x?}: refused and changed: ttbr {ttbr:#x}\n"
            );
            return Ok(None);
        };
        let rules = request.rules();
        expect!(
            cfg.pgsize_bitmap == rules.page_sizes,
            "{request:#x?}: page sizes {:#x}\n",
            cfg.pgsize_bitmap
        );
        let l1 = Self::find_l1(request, &rules, ttbr)?;
        // INVARIANT: Just made.
        Ok(Some(Self {
            ops,
            cookie,
            l1,
            request: *request,
            model: Model::new(rules)?,
            by: By::Name,
        }))
    }

    /// Returns the first-level table that the register refers to.
    fn find_l1(request: &Request, rules: &Rules, ttbr: u32) -> Result<NonNull<u32>> {
        // Tables take whole pages; attributes and MediaTek's high bits are below.
        let low = u64::from(ttbr & !(SZ_4K as u32 - 1));
        let phys = if request.quirks & MTK_EXT != 0 {
            low | u64::from(ttbr & 7) << 32
        } else {
            low
        };
        let size = 4 * rules.entries() as u64;
        let memory = entries_at(phys);
        let fits = phys % size == 0
            && if rules.ttbr_ext {
                phys + size <= 1 << rules.oas
            } else {
                phys + size <= 1 << 32
            };
        expect!(
            fits && memory.is_some(),
            "{request:#x?}: first-level table at {phys:#x}\n"
        );
        memory.ok_or(EFAULT)
    }

    /// Frees the set, by either function.
    pub(crate) fn free(mut self, by: By) -> Result {
        self.check_all()?;
        self.by = by;
        let all = usize::from(self.request.callbacks != Callbacks::None);
        let cookie = self.cookie.clone();
        cookie.0.set(Flushed::default());
        drop(self);
        let flushed = cookie.0.get();
        expect!(
            flushed.all == all && flushed.bytes == 0,
            "freed: {flushed:#x?}\n"
        );
        Ok(())
    }

    fn ops(&self) -> &bindings::io_pgtable_ops {
        // SAFETY: The set is live (invariant).
        unsafe { self.ops.as_ref() }
    }

    /// Calls `map_pages`. Returns true if all was mapped; an error if a result was wrong.
    pub(crate) fn map(&mut self, call: &Map) -> Result<bool> {
        const BEFORE: usize = 0x5a5a;
        let map_pages = self.ops().map_pages.ok_or(EINVAL)?;
        let mut mapped = BEFORE;
        self.cookie.0.set(Flushed::default());
        // SAFETY: A live set (invariant), used by one thread.
        let ret = unsafe {
            map_pages(
                self.ops.as_ptr(),
                call.iova,
                call.paddr as bindings::phys_addr_t,
                call.pgsize,
                call.pgcount,
                call.flags as c_int,
                call.gfp,
                &mut mapped,
            )
        };
        let mapped = mapped.wrapping_sub(BEFORE);
        expect!(
            self.model.map(call, ret, mapped)?,
            "returned {ret}, mapped {mapped:#x}\n"
        );
        // Tables that sections replaced, and nothing else.
        self.flushed_within(call.iova, mapped)?;
        self.check_around(call.iova, mapped)?;
        Ok(ret == 0)
    }

    /// Calls `unmap_pages`. Returns true if all was unmapped; an error if a result was wrong.
    pub(crate) fn unmap(&mut self, call: &Unmap) -> Result<bool> {
        let unmap_pages = self.ops().unmap_pages.ok_or(EINVAL)?;
        let gather = call.gather.map(|queued| {
            Opaque::new(bindings::iommu_iotlb_gather {
                queued,
                ..Default::default()
            })
        });
        let gather = gather.as_ref().map_or(ptr::null_mut(), Opaque::get);
        self.cookie.0.set(Flushed::default());
        // SAFETY: A live set (invariant), used by one thread; `gather` is null or valid.
        let unmapped = unsafe {
            unmap_pages(
                self.ops.as_ptr(),
                call.iova,
                call.pgsize,
                call.pgcount,
                gather,
            )
        };
        let expected = self.model.unmap(call);
        expect!(
            unmapped == expected,
            "unmapped {unmapped:#x}, expected {expected:#x}\n"
        );
        self.flushed_within(call.iova, unmapped)?;
        let flushed = self.cookie.0.get();
        expect!(
            call.gather == Some(true)
                || self.request.callbacks != Callbacks::All
                || flushed.bytes == unmapped as u64,
            "unmapped {unmapped:#x}: {flushed:#x?}\n"
        );
        self.check_around(call.iova, unmapped)?;
        Ok(unmapped != 0)
    }

    /// Calls `iova_to_phys`. Returns true if `iova` is mapped; an error if the result was wrong.
    pub(crate) fn translate(&self, iova: usize) -> Result<bool> {
        let iova_to_phys = self.ops().iova_to_phys.ok_or(EINVAL)?;
        // SAFETY: A live set (invariant), used by one thread.
        let phys = unsafe { iova_to_phys(self.ops.as_ptr(), iova) };
        let expected = self.model.phys(iova);
        expect!(
            phys == expected,
            "translates to {phys:#x}, expected {expected:#x}\n"
        );
        Ok(phys != 0)
    }

    /// Calls `pgtable_walk`. Returns true if `iova` is mapped; an error if the result was wrong.
    pub(crate) fn walk(&self, iova: usize) -> Result<bool> {
        const UNTOUCHED: u64 = 0x5a5a_5a5a_5a5a_5a5a;
        let pgtable_walk = self.ops().pgtable_walk.ok_or(EINVAL)?;
        let mut data = bindings::arm_lpae_io_pgtable_walk_data {
            ptes: [UNTOUCHED; 4],
        };
        // SAFETY: A live set (invariant), used by one thread, and valid data to fill in.
        let ret = unsafe { pgtable_walk(self.ops.as_ptr(), iova, (&raw mut data).cast()) };
        let leaf = self.model.leaf(iova);
        let rules = &self.model.rules;
        let entry = leaf.map_or(0, |leaf| rules.entry(leaf.paddr, leaf.size, leaf.flags));
        let [zero, first, second, third] = data.ptes;
        let fits = match self.model.mibs.get(iova / SZ_1M) {
            None => first == UNTOUCHED && second == UNTOUCHED,
            Some(Mib::Table(_)) => {
                u32::try_from(first).is_ok_and(|first| rules.table(first).is_some())
                    && second == entry.into()
            }
            Some(_) => first == entry.into() && second == UNTOUCHED,
        };
        let expected = if leaf.is_some() { 0 } else { EINVAL.to_errno() };
        expect!(
            fits && zero == UNTOUCHED && third == UNTOUCHED && ret == expected,
            "walked: {ret} {:#x?}, expected {expected} {leaf:#x?}\n",
            data.ptes
        );
        Ok(ret == 0)
    }

    /// Returns true if the callbacks of a call name only bytes that it changed.
    fn flushed_within(&self, iova: usize, size: usize) -> Result {
        let flushed = self.cookie.0.get();
        let start = iova as u64;
        let within = flushed
            .range
            .is_none_or(|(first, end)| first >= start && end <= start + size as u64);
        expect!(
            within && flushed.all == 0 && flushed.bytes <= size as u64,
            "changed {size:#x}: {flushed:#x?}\n"
        );
        Ok(())
    }

    /// Checks the entries at the ends of a range, beside it, and at the same range with addresses
    /// truncated to 32 bits.
    fn check_around(&self, iova: usize, size: usize) -> Result {
        let last = iova.saturating_add(size) / SZ_1M;
        [iova / SZ_1M, last, iova as u32 as usize / SZ_1M]
            .iter()
            .flat_map(|mib| mib.saturating_sub(1)..=mib.saturating_add(1))
            .try_for_each(|mib| self.check_mib(mib))
    }

    /// Checks every entry of the set.
    pub(crate) fn check_all(&self) -> Result {
        (0..self.model.mibs.len()).try_for_each(|mib| self.check_mib(mib))
    }

    /// Checks a first-level entry, and the second-level table that it refers to.
    fn check_mib(&self, at: usize) -> Result {
        let Some(mib) = self.model.mibs.get(at) else {
            return Ok(());
        };
        // SAFETY: The table has an entry for each MiB, and is not written to meanwhile.
        let entry = unsafe { self.l1.add(at).read_volatile() };
        match mib {
            Mib::Empty => self.check_entry(at * SZ_1M, entry, None),
            Mib::Leaf(leaf) => self.check_entry(at * SZ_1M, entry, Some(*leaf)),
            Mib::Table(pages) => {
                let table = self.model.rules.table(entry).and_then(entries_at);
                let Some(table) = table else {
                    pr_err!("entry {entry:#x} for the table at {:#x}\n", at * SZ_1M);
                    return Err(wrong());
                };
                for (i, page) in pages.iter().enumerate() {
                    // SAFETY: `table` is the address of 256 entries in the linear map.
                    let entry = unsafe { table.add(i).read_volatile() };
                    self.check_entry(at * SZ_1M + i * SZ_4K, entry, *page)?;
                }
                Ok(())
            }
        }
    }

    fn check_entry(&self, iova: usize, entry: u32, leaf: Option<Leaf>) -> Result {
        let rules = &self.model.rules;
        let expected = leaf.map_or(0, |leaf| rules.entry(leaf.paddr, leaf.size, leaf.flags));
        expect!(
            entry == expected,
            "entry {entry:#x} for {iova:#x}, expected {expected:#x}: {leaf:#x?}\n"
        );
        Ok(())
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // SAFETY: The set belongs to `self` (invariant). The kernel's free takes Rust tables, too.
        unsafe {
            match self.by {
                By::Name => free_io_pgtable_arm_v7s_rust_ops(self.ops.as_ptr()),
                By::Kernel => bindings::free_io_pgtable_ops(self.ops.as_ptr()),
            }
        }
    }
}

impl Device {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Able, Self::Short, Self::Maskless];
}

/// Passes the operations of another format, made by the kernel, to the free of the module.
pub(crate) fn free_foreign(dev: *mut bindings::device) -> Result {
    let mut cfg = bindings::io_pgtable_cfg {
        pgsize_bitmap: SZ_4K,
        ias: 32,
        oas: 32,
        coherent_walk: true,
        iommu_dev: dev,
        ..Default::default()
    };
    let fmt = bindings::io_pgtable_fmt_ARM_32_LPAE_S1;
    // SAFETY: `cfg` is valid, and names no callbacks.
    let ops = unsafe { bindings::alloc_io_pgtable_ops(fmt, &mut cfg, ptr::null_mut()) };
    let ops = NonNull::new(ops).ok_or(ENOMEM)?;
    // SAFETY: Valid, and of another provider: refused, and then freed by the kernel.
    unsafe {
        free_io_pgtable_arm_v7s_rust_ops(ops.as_ptr());
        let alive = ops.as_ref().iova_to_phys.map(|f| f(ops.as_ptr(), 0)) == Some(0);
        bindings::free_io_pgtable_ops(ops.as_ptr());
        if alive {
            Ok(())
        } else {
            Err(wrong())
        }
    }
}

/// Passes NULL to both functions that free a set.
pub(crate) fn free_nothing() {
    // SAFETY: Both take null.
    unsafe {
        free_io_pgtable_arm_v7s_rust_ops(ptr::null_mut());
        bindings::free_io_pgtable_ops(ptr::null_mut());
    }
}
