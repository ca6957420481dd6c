// SPDX-License-Identifier: GPL-2.0

//! The arguments of a driver's TLB callbacks, and the cases without calls.

use super::*;

/// An address in the middle of the space.
const BASE: usize = 4 * SZ_16M;
const PADDR: u64 = 0x4000_0000;

/// A call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    /// `tlb_flush_all`.
    All,
    /// `tlb_flush_walk`.
    Walk {
        iova: usize,
        size: usize,
        granule: usize,
    },
    /// `tlb_add_page`.
    Page { iova: usize, granule: usize },
}

/// The record of callbacks; their cookie.
struct Recorder {
    calls: KVec<Call>,
    /// The arguments of the calls, and the expected ones.
    gather: *mut bindings::iommu_iotlb_gather,
    /// The set, for translations during a callback.
    ops: *mut bindings::io_pgtable_ops,
    /// Number of calls with wrong arguments, before their entries were invalid, or that did not
    /// fit.
    wrong: u32,
}

impl Recorder {
    fn new() -> Result<KBox<Self>> {
        let calls = KVec::with_capacity(1024, GFP_KERNEL)?;
        Ok(KBox::new(
            Self {
                calls,
                gather: null_mut(),
                ops: null_mut(),
                wrong: 0,
            },
            GFP_KERNEL,
        )?)
    }
}

/// Records a call for `size` bytes from `iova` on.
///
/// # Safety
///
/// `cookie` is the cookie of a [`Tested`], whose set is live if `size` is not zero.
unsafe fn record(cookie: *mut c_void, call: Call, iova: usize, size: usize) {
    // SAFETY: The caller passes a live `Recorder` as `cookie`; only callbacks use it while they
    // run, one at a time.
    let recorder = unsafe { &mut *cookie.cast::<Recorder>() };
    let mapped = (0..size).step_by(SZ_4K).any(|at| {
        let (ops, iova) = (recorder.ops, iova + at);
        // SAFETY: The caller passes the ops of a live set.
        let phys = unsafe {
            (*ops)
                .iova_to_phys
                .map(|iova_to_phys| iova_to_phys(ops, iova))
        };
        phys != Some(0)
    });
    let recorded = recorder.calls.push_within_capacity(call).is_ok();
    recorder.wrong += u32::from(mapped || !recorded);
}

/// # Safety
///
/// Called by the set of a [`Tested`], with its cookie.
unsafe extern "C" fn flush_all(cookie: *mut c_void) {
    // SAFETY: The cookie is the set's.
    unsafe { record(cookie, Call::All, 0, 0) };
}

/// # Safety
///
/// Called by the set of a [`Tested`], with its cookie.
unsafe extern "C" fn flush_walk(iova: usize, size: usize, granule: usize, cookie: *mut c_void) {
    let call = Call::Walk {
        iova,
        size,
        granule,
    };
    // SAFETY: The cookie is the set's, which is live.
    unsafe { record(cookie, call, iova, size) };
}

/// # Safety
///
/// Called by the set of a [`Tested`], with its cookie.
unsafe extern "C" fn add_page(
    gather: *mut bindings::iommu_iotlb_gather,
    iova: usize,
    granule: usize,
    cookie: *mut c_void,
) {
    // SAFETY: The cookie is the set's, which is live.
    unsafe {
        record(cookie, Call::Page { iova, granule }, iova, granule);
        let recorder = cookie.cast::<Recorder>();
        (*recorder).wrong += u32::from(gather != (*recorder).gather);
    }
}

/// Returns the chosen callbacks.
const fn callbacks(all: bool, walk: bool, page: bool) -> bindings::iommu_flush_ops {
    bindings::iommu_flush_ops {
        tlb_flush_all: if all { Some(flush_all) } else { None },
        tlb_flush_walk: if walk { Some(flush_walk) } else { None },
        tlb_add_page: if page { Some(add_page) } else { None },
    }
}

static ALL: bindings::iommu_flush_ops = callbacks(true, true, true);
static NO_ALL: bindings::iommu_flush_ops = callbacks(false, true, true);
static NO_WALK: bindings::iommu_flush_ops = callbacks(true, false, true);
static NO_PAGE: bindings::iommu_flush_ops = callbacks(true, true, false);
static EMPTY: bindings::iommu_flush_ops = callbacks(false, false, false);

/// A set whose callbacks are recorded. The recorder is freed after it.
struct Tested {
    set: Set,
    recorder: NonNull<Recorder>,
}

impl Tested {
    fn new(
        mut cfg: bindings::io_pgtable_cfg,
        tlb: *const bindings::iommu_flush_ops,
    ) -> Result<Self> {
        cfg.tlb = tlb;
        let recorder = NonNull::from(KBox::leak(Recorder::new()?));
        // SAFETY: The recorder lives longer than the set: it is freed by `free` alone.
        let set = unsafe { Set::with_cookie(cfg, recorder.as_ptr().cast()) };
        match set {
            Ok(set) => {
                // SAFETY: The recorder belongs to `self`, and no callback is running.
                unsafe { (*recorder.as_ptr()).ops = set.ops.as_ptr() };
                Ok(Self { set, recorder })
            }
            Err(e) => {
                // SAFETY: Leaked above, and there is no set that uses it.
                drop(unsafe { KBox::from_raw(recorder.as_ptr()) });
                Err(e)
            }
        }
    }

    fn with(tlb: *const bindings::iommu_flush_ops) -> Result<Self> {
        Self::new(request(0, 32, 32), tlb)
    }

    /// Unmaps with a gather structure that is queued or not.
    fn unmap_gather(&self, queued: bool, iova: usize, pgsize: usize, pgcount: usize) -> usize {
        let mut gather = bindings::iommu_iotlb_gather {
            queued,
            ..Default::default()
        };
        let recorder = self.recorder.as_ptr();
        // SAFETY: The recorder belongs to `self`, and `gather` is valid for the call.
        unsafe {
            (*recorder).gather = &mut gather;
            let unmapped = self.set.unmap_gather(iova, pgsize, pgcount, &mut gather);
            (*recorder).gather = null_mut();
            unmapped
        }
    }

    /// Returns true if these were the calls since the last time, and all of them right.
    fn saw(&self, calls: impl IntoIterator<Item = Call>) -> bool {
        // SAFETY: The recorder belongs to `self`, and no callback is running.
        let recorder = unsafe { &mut *self.recorder.as_ptr() };
        let ok = were(recorder, calls);
        recorder.calls.clear();
        ok
    }

    /// Frees the set. Returns true if it made exactly these calls.
    fn free(self, calls: impl IntoIterator<Item = Call>) -> bool {
        drop(self.set);
        // SAFETY: Leaked in `new`, and the set that used it is gone.
        let recorder = unsafe { KBox::from_raw(self.recorder.as_ptr()) };
        were(&recorder, calls)
    }
}

/// Returns true if exactly these calls were recorded, and nothing was wrong with one.
fn were(recorder: &Recorder, calls: impl IntoIterator<Item = Call>) -> bool {
    let mut expected = calls.into_iter();
    let found = &recorder.calls;
    let equal = found
        .iter()
        .enumerate()
        .all(|(i, call)| same!(Some(*call), expected.next(), "call {i}"));
    equal
        && same!(None, expected.next(), "call {}", found.len())
        && same!(recorder.wrong, 0, "calls that were wrong")
}

/// Returns the bytes per entry of a page of `size` bytes.
fn granule(size: usize) -> usize {
    if size < SZ_1M {
        SZ_4K
    } else {
        SZ_1M
    }
}

/// `tlb_add_page` for each of `count` entries.
fn pages(iova: usize, granule: usize, count: usize) -> impl Iterator<Item = Call> {
    (0..count).map(move |i| Call::Page {
        iova: iova + i * granule,
        granule,
    })
}

/// `tlb_flush_walk` for a table.
fn walk(iova: usize) -> Call {
    Call::Walk {
        iova,
        size: SZ_1M,
        granule: SZ_4K,
    }
}

#[kunit_tests(v7s_flush)]
mod suite {
    use super::*;

    /// A call per entry, not per page: sixteen for a large page or a supersection.
    #[test]
    fn add_page_per_entry() -> Result {
        for size in SIZES {
            let tested = Tested::with(&ALL)?;
            let granule = granule(size);
            for count in [1, 2, 17, 40] {
                assert!(tested.set.maps(BASE, PADDR, size, count));
                assert!(tested.saw([]));
                assert_eq!(tested.set.unmap(BASE, size, count), count * size);
                assert!(tested.saw(pages(BASE, granule, count * size / granule)));
            }
            assert!(tested.free([Call::All]));
        }
        Ok(())
    }

    /// In the order of addresses, over the ends of tables, once each.
    #[test]
    fn add_page_across_tables() -> Result {
        let tested = Tested::with(&ALL)?;
        let start = BASE + 0xfe000;
        assert!(tested.set.maps(start, PADDR, SZ_4K, 600));
        assert_eq!(tested.set.unmap(start, SZ_4K, 600), 600 * SZ_4K);
        assert!(tested.saw(pages(start, SZ_4K, 600)));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// Small pages that go 64 KiB at once, and sections 16 MiB at once.
    #[test]
    fn add_page_for_smaller_ones() -> Result {
        let tested = Tested::with(&ALL)?;
        assert!(tested.set.maps(BASE, PADDR, SZ_4K, 32));
        assert_eq!(tested.set.unmap(BASE, SZ_64K, 2), 2 * SZ_64K);
        assert!(tested.saw(pages(BASE, SZ_4K, 32)));
        assert!(tested.set.maps(BASE + SZ_16M, PADDR, SZ_1M, 32));
        assert_eq!(tested.set.unmap(BASE + SZ_16M, SZ_16M, 2), 2 * SZ_16M);
        assert!(tested.saw(pages(BASE + SZ_16M, SZ_1M, 32)));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// At the last address of the space.
    #[test]
    fn add_page_at_the_end() -> Result {
        let tested = Tested::new(request(MTK, IAS, 35), &ALL)?;
        for size in SIZES {
            let granule = granule(size);
            let last = last(IAS) & !(size - 1);
            assert!(tested.set.maps(last, PADDR, size, 1));
            assert_eq!(tested.set.unmap(last, size, 1), size);
            assert!(tested.saw(pages(last, granule, size / granule)));
            // The table of the small page stayed; unmapping its MiB has a call for it.
            if size < SZ_1M {
                let section = last & !(SZ_1M - 1);
                assert_eq!(tested.set.unmap(section, SZ_1M, 1), SZ_1M);
                assert!(tested.saw([walk(section)]));
            }
        }
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// Removing a table calls `tlb_flush_walk`, and no callback for its pages.
    #[test]
    fn flush_walk_for_a_table() -> Result {
        let tested = Tested::with(&ALL)?;
        for count in [1, 256] {
            assert!(tested.set.maps(BASE, PADDR, SZ_4K, count));
            assert_eq!(tested.set.unmap(BASE, SZ_1M, 1), SZ_1M);
            assert!(tested.saw([walk(BASE)]));
        }
        // An empty table that stays has no callback.
        assert!(tested.set.maps(BASE, PADDR, SZ_4K, 256));
        assert_eq!(tested.set.unmap(BASE, SZ_4K, 256), SZ_1M);
        assert!(tested.saw(pages(BASE, SZ_4K, 256)));
        assert!(tested.set.has_table(BASE));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// Tables and sections in the order of addresses.
    #[test]
    fn tables_and_sections_in_order() -> Result {
        let tested = Tested::with(&ALL)?;
        let set = &tested.set;
        let at = |i: usize| BASE + i * SZ_1M;
        for size in [SZ_1M, SZ_16M] {
            assert!(set.maps(at(0), PADDR, SZ_1M, 3));
            assert!(set.maps(at(3), PADDR, SZ_4K, 512));
            assert!(set.maps(at(5), PADDR, SZ_1M, 27));
            assert_eq!(set.unmap(BASE, size, 32 * SZ_1M / size), 32 * SZ_1M);
            let calls = Iterator::chain(pages(at(0), SZ_1M, 3), [walk(at(3)), walk(at(4))]);
            assert!(tested.saw(Iterator::chain(calls, pages(at(5), SZ_1M, 27))));
        }
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// A section that replaces an empty table.
    #[test]
    fn flush_walk_when_mapping() -> Result {
        for size in [SZ_1M, SZ_16M] {
            let tested = Tested::with(&ALL)?;
            let set = &tested.set;
            let tables = [BASE + 2 * SZ_1M, BASE + 5 * SZ_1M];
            for table in tables {
                assert!(set.maps(table, PADDR, SZ_4K, 1));
                assert_eq!(set.unmap(table, SZ_4K, 1), SZ_4K);
                assert!(tested.saw(pages(table, SZ_4K, 1)));
            }
            assert!(set.maps(BASE, PADDR, size, SZ_16M / size));
            assert!(tested.saw(tables.map(walk)));
            assert!(tested.free([Call::All]));
        }
        Ok(())
    }

    /// Only what was unmapped.
    #[test]
    fn prefix() -> Result {
        let tested = Tested::with(&ALL)?;
        let set = &tested.set;
        assert!(set.maps(BASE, PADDR, SZ_4K, 300));
        assert_eq!(set.unmap(BASE, SZ_4K, 400), 300 * SZ_4K);
        assert!(tested.saw(pages(BASE, SZ_4K, 300)));
        assert!(set.maps(BASE + SZ_16M, PADDR, SZ_1M, 20));
        assert_eq!(set.unmap(BASE + SZ_16M, SZ_1M, 30), 20 * SZ_1M);
        assert!(tested.saw(pages(BASE + SZ_16M, SZ_1M, 20)));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    #[test]
    fn nothing_for_refused_calls() -> Result {
        let tested = Tested::with(&ALL)?;
        let set = &tested.set;
        assert!(set.maps(BASE, PADDR, SZ_64K, 1));
        assert!(set.maps(BASE + SZ_16M, PADDR, SZ_16M, 1));
        assert_eq!(set.unmap(BASE, SZ_4K, 1), 0);
        assert_eq!(set.unmap(BASE, SZ_4K, 0), 0);
        assert_eq!(set.unmap(BASE + SZ_16M, SZ_1M, 16), 0);
        assert_eq!(set.unmap(BASE + 2 * SZ_16M, SZ_4K, 1), 0);
        assert_eq!(set.unmap(usize::MAX - 0xfff, SZ_4K, 1), 0);
        assert_eq!(set.map(BASE, PADDR, SZ_1M, 1).0, errno(EEXIST));
        assert_eq!(set.map(BASE, PADDR, SZ_16M, 1).0, errno(EEXIST));
        assert!(tested.saw([]));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// Callbacks get the driver's gather structure.
    #[test]
    fn gather_is_handed_on() -> Result {
        let tested = Tested::with(&ALL)?;
        assert!(tested.set.maps(BASE, PADDR, SZ_4K, 20));
        assert_eq!(tested.unmap_gather(false, BASE, SZ_4K, 20), 20 * SZ_4K);
        assert!(tested.saw(pages(BASE, SZ_4K, 20)));
        assert!(tested.set.maps(BASE + SZ_1M, PADDR, SZ_1M, 20));
        assert_eq!(
            tested.unmap_gather(false, BASE + SZ_1M, SZ_1M, 20),
            20 * SZ_1M
        );
        assert!(tested.saw(pages(BASE + SZ_1M, SZ_1M, 20)));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// With a queued gather only tables have callbacks: leaves are flushed later, all at once.
    #[test]
    fn queued() -> Result {
        let tested = Tested::with(&ALL)?;
        for (size, count) in [
            (SZ_4K, 1),
            (SZ_4K, 300),
            (SZ_64K, 20),
            (SZ_1M, 20),
            (SZ_16M, 2),
        ] {
            let start = BASE + size.trailing_zeros() as usize * SZ_16M;
            assert!(tested.set.maps(start, PADDR, size, count));
            assert_eq!(tested.unmap_gather(true, start, size, count), count * size);
            assert!(tested.set.is_gap(start, count * size));
            assert!(tested.saw([]));
        }
        let other = BASE - SZ_1M;
        assert!(tested.set.maps(other, PADDR, SZ_4K, 1));
        assert_eq!(tested.unmap_gather(true, other, SZ_1M, 1), SZ_1M);
        assert!(tested.saw([walk(other)]));
        assert!(tested.free([Call::All]));
        Ok(())
    }

    /// Each callback is optional.
    #[test]
    fn callbacks_that_are_absent() -> Result {
        for (tlb, all, table, page) in [
            (&raw const ALL, true, true, true),
            (&raw const NO_ALL, false, true, true),
            (&raw const NO_WALK, true, false, true),
            (&raw const NO_PAGE, true, true, false),
            (&raw const EMPTY, false, false, false),
            (core::ptr::null(), false, false, false),
        ] {
            let tested = Tested::with(tlb)?;
            let set = &tested.set;
            for (i, size) in SIZES.into_iter().enumerate() {
                let iova = BASE + 2 * i * SZ_16M;
                let count = if page { size / granule(size) } else { 0 };
                assert!(set.maps(iova, PADDR, size, 2));
                assert_eq!(set.unmap(iova, size, 1), size);
                assert!(tested.saw(pages(iova, granule(size), count)));
                assert_eq!(set.unmap(iova + size, size, 1), size);
                assert!(tested.saw(pages(iova + size, granule(size), count)));
            }
            assert!(set.maps(BASE, PADDR, SZ_4K, 2));
            assert_eq!(set.unmap(BASE, SZ_1M, 1), SZ_1M);
            assert!(tested.saw(table.then_some(walk(BASE))));
            assert!(tested.free(all.then_some(Call::All)));
        }
        Ok(())
    }

    /// Freeing a set with mappings calls `tlb_flush_all` once.
    #[test]
    fn flush_all_on_free() -> Result {
        let tested = Tested::with(&ALL)?;
        assert!(tested.set.maps(BASE, PADDR, SZ_4K, 300));
        assert!(tested.set.maps(BASE + SZ_16M, PADDR, SZ_1M, 20));
        assert!(tested.saw([]));
        assert!(tested.free([Call::All]));
        Ok(())
    }
}
