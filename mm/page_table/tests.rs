// SPDX-License-Identifier: GPL-2.0

//! Requirements of every source of tables, for each size and zone; and properties of each source.
//!
//! Allocations fail on request only if the kernel was told so: see [`fault`].

use super::*;
use crate::{
    cpu::nr_cpu_ids,
    sizes::{
        SZ_16K,
        SZ_1K,
        SZ_1M,
        SZ_2M,
        SZ_32K,
        SZ_64K,
        SZ_8M, //
    },
    slab::{
        tests::fault,
        SlabFlags, //
    },
    static_cache,
    sync::atomic::{
        Acquire,
        Release, //
    }, //
};

/// Part of a page, a page, several.
const SIZES: [usize; 6] = [64, SZ_1K, PAGE_SIZE / 2, PAGE_SIZE, SZ_32K, SZ_4M];

/// Returns whether a source has tables of a size.
fn serves(source: TableSource, size: usize) -> bool {
    match source {
        TableSource::Slab => size <= bindings::KMALLOC_MAX_SIZE as usize / 4,
        _ => true,
    }
}

/// Returns the number of tables for a test.
fn count(size: usize) -> usize {
    (SZ_64K / size).clamp(2, 100)
}

/// Calls `test` with an allocator of each kind; says which one it was not content with.
fn each(test: impl Fn(&TableAllocator) -> Result<bool>) -> Result<bool> {
    for source in TableSource::ALL {
        for size in SIZES {
            for zone in Zone::ALL.into_iter().filter(|zone| zone.exists()) {
                if !serves(source, size) {
                    continue;
                }
                let tables = TableAllocator::new(source, size, zone)?;
                let fine = test(&tables);
                if !matches!(fine, Ok(true)) || tables.live_tables() != 0 {
                    let name = source.name();
                    pr_err!("tables of {size} bytes in zone {zone} from {name}\n");
                    return fine.and(Ok(false));
                }
            }
        }
    }
    Ok(true)
}

fn fill(tables: &TableAllocator, count: usize) -> Result<KVec<Table<'_>>> {
    let mut all = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        all.push(tables.alloc(Gfp::KERNEL)?, GFP_KERNEL)?;
    }
    Ok(all)
}

/// Returns whether a table is aligned, and in its zone.
fn is_placed(table: &Table<'_>) -> bool {
    let tables = table.allocator();
    let aligned = table.phys() & (tables.size() as u64 - 1) == 0
        && table.as_ptr().as_ptr() as usize % tables.size() == 0;
    // Zone DMA is below 4 GiB, too, on the machines that this is tested on.
    aligned && (tables.zone() == Zone::Normal || table.phys32().is_ok())
}

/// Writes a number all over a table.
fn mark(table: &mut Table<'_>, number: usize) {
    for (i, word) in table.bytes_mut().chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&(!number as u64 ^ (i as u64) << 32).to_ne_bytes());
    }
}

/// Returns whether the number is still there.
fn is_marked(table: &Table<'_>, number: usize) -> bool {
    table
        .bytes()
        .chunks_exact(8)
        .enumerate()
        .all(|(i, word)| word == (!number as u64 ^ (i as u64) << 32).to_ne_bytes())
}

fn is_zero(table: &Table<'_>) -> bool {
    table.bytes().iter().all(|byte| *byte == 0)
}

/// A sequence of numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % limit
    }

    /// Frees tables until `left` are left.
    fn thin<T>(&mut self, all: &mut KVec<T>, left: usize) {
        while all.len() > left {
            let (at, last) = (self.below(all.len()), all.len() - 1);
            all.swap(at, last);
            drop(all.pop());
        }
    }
}

/// The pages that tables are on, in bytes.
fn pages_of(all: &[Table<'_>]) -> Result<usize> {
    let mut pages = KVec::<usize>::new();
    for table in all {
        let page = table.as_ptr().as_ptr() as usize & !(PAGE_SIZE - 1);
        if !pages.contains(&page) {
            pages.push(page, GFP_KERNEL)?;
        }
    }
    Ok(pages.len() * PAGE_SIZE)
}

fn held(tables: &TableAllocator) -> Result<usize> {
    Ok(tables.usage()?.held_bytes)
}

static_cache! {
    struct Tables for [u64; 32] {
        name: c"test_tables",
        flags: SlabFlags::LOW,
        align: 256,
    }
}

static_cache! {
    struct Unaligned for [u64; 32] {
        name: c"test_no_tables",
    }
}

/// An allocator that two CPUs share.
struct Shared<'a> {
    tables: &'a TableAllocator,
    wrong: Atomic<usize>,
    done: Atomic<usize>,
}

impl Shared<'_> {
    /// Allocates and frees, with up to `N` tables in use.
    fn churn<const N: usize>(&self, seed: u64) {
        let mut random = Random(seed);
        let mut mine = [const { None::<Table<'_>> }; N];
        for _ in 0..400 {
            let at = random.below(N);
            match mine[at].take() {
                Some(table) if is_marked(&table, seed as usize + at) => drop(table),
                Some(_) => self.wrong.add(1, Relaxed),
                None => {
                    let Ok(mut table) = self.tables.alloc(fault::GFP) else {
                        continue;
                    };
                    if !is_zero(&table) || !is_placed(&table) {
                        self.wrong.add(1, Relaxed);
                    }
                    mark(&mut table, seed as usize + at);
                    mine[at] = Some(table);
                }
            }
        }
    }
}

/// # Safety
///
/// `shared` is a [`Shared`] that lives until `done` is set.
unsafe extern "C" fn churn_here(shared: *mut c_void) {
    as_in_a_driver();
    // SAFETY: `shared` is alive, by the safety requirements.
    let shared = unsafe { &*shared.cast::<Shared<'_>>() };
    shared.churn::<8>(0x7000_0000);
    shared.done.store(1, Release);
}

/// # Safety
///
/// `table` is an `Option<Table>` that the caller waits with.
unsafe extern "C" fn free_here(table: *mut c_void) {
    as_in_a_driver();
    // SAFETY: The caller waits with `table`, by the safety requirements.
    drop(unsafe { (*table.cast::<Option<Table<'_>>>()).take() });
}

/// Tells lockdep that this interrupt stands for one that a driver handles, which is done in a
/// thread on PREEMPT_RT, where tables are not used in hard interrupts.
fn as_in_a_driver() {
    #[cfg(CONFIG_TRACE_IRQFLAGS)]
    // SAFETY: It is about the interrupt that is being handled, and for those that handle it.
    unsafe {
        (*crate::current!().as_ptr()).hardirq_threaded = 1;
    }
}

/// Calls `f` on the last CPU, in its interrupt handler.
///
/// # Safety
///
/// `f` may be called with `data` there, and `data` lives until it has been, or if `wait`.
#[allow(clippy::useless_conversion)] // The last argument is an int before Linux 7.3.
unsafe fn elsewhere(f: unsafe extern "C" fn(*mut c_void), data: *mut c_void, wait: bool) -> Result {
    let cpu = nr_cpu_ids() as c_int - 1;
    // SAFETY: `f` may be called with `data`, which lives long enough, by the safety requirements.
    crate::error::to_result(unsafe { bindings::smp_call_function_single(cpu, Some(f), data, wait) })
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(table_memory)]
mod suite {
    use super::*;

    #[test]
    fn tables_are_as_asked_for() -> Result {
        assert!(each(|tables| {
            let n = count(tables.size());
            // The next owner of a table does not see its old content.
            for round in 0..2 {
                let mut all = fill(tables, n)?;
                if !all.iter().all(|table| is_placed(table) && is_zero(table)) {
                    return Ok(false);
                }
                for (i, table) in all.iter_mut().enumerate() {
                    mark(table, round * n + i);
                }
                // None lies over another.
                let mut marked = all.iter().enumerate();
                if !marked.all(|(i, table)| is_marked(table, round * n + i)) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?);
        Ok(())
    }

    #[test]
    fn usage_is_told() -> Result {
        assert!(each(|tables| {
            let (n, size) = (count(tables.size()), tables.size());
            let all = fill(tables, n)?;
            let usage = tables.usage()?;
            drop(all);
            let empty = tables.usage()?;
            Ok(usage.tables == n
                && usage.live_bytes == n * size
                && usage.held_bytes >= n * size
                && empty.tables == 0
                && empty.live_bytes == 0)
        })?);
        Ok(())
    }

    #[test]
    fn held_is_what_was_taken() -> Result {
        for size in SIZES {
            let n = count(size);
            let tables = TableAllocator::new(TableSource::Pool, size, Zone::LOW)?;
            let per_page = (PAGE_SIZE / size).max(1);
            let all = fill(&tables, n)?;
            assert_eq!(held(&tables)?, n.div_ceil(per_page) * size.max(PAGE_SIZE));
            drop(all);
            assert_eq!(held(&tables)?, 0);
        }
        Ok(())
    }

    #[test]
    fn freed_tables_are_used_again() -> Result {
        assert!(each(|tables| {
            let n = count(tables.size());
            let mut all = fill(tables, n)?;
            let before = held(tables)?;
            Random(1).thin(&mut all, n / 2);
            let more = fill(tables, n - all.len())?;
            // All but objects that KASAN keeps in quarantine.
            let not_yet = matches!(tables.source, AnySource::Slab(_)) && cfg!(CONFIG_KASAN_GENERIC);
            Ok(held(tables)? <= before || not_yet && !more.is_empty())
        })?);
        Ok(())
    }

    #[test]
    fn owners_are_apart() -> Result {
        for source in TableSource::ALL {
            for size in SIZES.into_iter().filter(|size| serves(source, *size)) {
                let (a, b) = (
                    TableAllocator::new(source, size, Zone::Normal)?,
                    TableAllocator::new(source, size, Zone::Normal)?,
                );
                let n = count(size);
                let (mut of_a, mut of_b) = (fill(&a, n)?, fill(&b, n)?);
                assert_eq!((a.live_tables(), b.live_tables()), (n, n));
                Iterator::chain(of_a.iter_mut(), &mut of_b)
                    .enumerate()
                    .for_each(|(i, table)| mark(table, i));
                let pages = |of: &[Table<'_>]| pages_of(of);
                let together = pages(&of_a)? + pages(&of_b)?;
                for table in of_b.drain_all() {
                    of_a.push(table, GFP_KERNEL)?;
                }
                assert_eq!(pages(&of_a)?, together);
                assert!(of_a
                    .iter()
                    .enumerate()
                    .all(|(i, table)| is_marked(table, i)));
                // Each goes back to its own.
                of_a.truncate(n);
                assert_eq!((a.live_tables(), b.live_tables()), (n, 0));
                assert!(of_a
                    .iter()
                    .enumerate()
                    .all(|(i, table)| is_marked(table, i)));
            }
        }
        Ok(())
    }

    #[test]
    fn raw_tables_are_taken_back() -> Result {
        assert!(each(|tables| {
            let mut table = tables.alloc(Gfp::KERNEL)?;
            mark(&mut table, 5);
            let phys = table.phys();
            let raw = table.into_raw();
            let live = tables.live_tables();
            // SAFETY: From `into_raw` on a table of this allocator.
            let table = unsafe { Table::from_raw(tables, raw) };
            Ok(live == 1 && table.phys() == phys && is_marked(&table, 5))
        })?);
        Ok(())
    }

    #[test]
    fn a_static_cache_is_shared() -> Result {
        // A test can be run again; the cache stays.
        if Tables::cache().is_none() {
            assert!(TableAllocator::of_cache::<Tables>().err() == Some(ENODEV));
            Tables::create()?;
        }
        let (a, b) = (
            TableAllocator::of_cache::<Tables>()?,
            TableAllocator::of_cache::<Tables>()?,
        );
        assert_eq!((a.size(), a.zone()), (256, Zone::LOW));
        let (of_a, of_b) = (fill(&a, 3)?, fill(&b, 5)?);
        assert!(Iterator::chain(of_a.iter(), &of_b).all(is_placed));
        assert_eq!((a.live_tables(), b.live_tables()), (3, 5));
        assert_eq!(held(&a)?, held(&b)?);
        // Aligned to eight bytes.
        assert!(TableAllocator::of_cache::<Unaligned>().err() == Some(EINVAL));
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_refused() -> Result {
        let refused =
            |source, size| TableAllocator::new(source, size, Zone::LOW).err() == Some(EINVAL);
        for source in TableSource::ALL {
            for size in [
                0,
                1,
                32,
                96,
                SZ_1K + 64,
                SZ_8M,
                usize::MAX / 2 + 1,
                usize::MAX,
            ] {
                assert!(refused(source, size));
            }
            for size in Iterator::chain(SIZES.into_iter(), [SZ_64K, SZ_1M, SZ_2M]) {
                let made = TableAllocator::new(source, size, Zone::LOW);
                assert_eq!(made.is_ok(), serves(source, size));
                assert!(made.is_ok() || made.err() == Some(EINVAL));
            }
        }
        Ok(())
    }

    #[test]
    fn zones_in_allocation_flags_are_refused() -> Result {
        assert!(each(|tables| {
            let zones = [
                bindings::___GFP_DMA_BIT,
                bindings::___GFP_DMA32_BIT,
                bindings::___GFP_HIGHMEM_BIT,
            ];
            Ok(zones.into_iter().all(|zone| {
                let gfp = Gfp::from_raw(bindings::GFP_KERNEL | 1 << zone);
                tables.alloc(gfp).err() == Some(EINVAL)
            }))
        })?);
        Ok(())
    }

    // The kernel warns of no flags that are served, and each table is zeroed, after dirty ones.
    #[test]
    fn all_bits_and_pairs() -> Result {
        fn bits() -> impl Iterator<Item = bindings::gfp_t> {
            (0..bindings::gfp_t::BITS).map(|bit| 1 << bit)
        }

        for (source, size) in [
            (TableSource::Slab, SZ_1K),
            (TableSource::Pool, SZ_1K),
            (TableSource::Pool, PAGE_SIZE),
        ] {
            let tables = TableAllocator::new(source, size, Zone::LOW)?;
            for gfp in bits().flat_map(|one| bits().map(move |other| one | other)) {
                let gfp = Gfp::from_raw(gfp).no_warn();
                let refused = gfp.may_fail().why_refused().is_some();
                match tables.alloc(gfp) {
                    Ok(mut table) => {
                        assert!(!refused && is_zero(&table));
                        table.bytes_mut().fill(0xff);
                    }
                    Err(e) => assert!(e == if refused { EINVAL } else { ENOMEM }),
                }
            }
        }
        Ok(())
    }

    // Everything that may fail does, for a while.
    #[test]
    fn no_memory() -> Result {
        if fault::skip_unless_set_up() {
            return Ok(());
        }
        assert!(each(|tables| {
            let before = tables.usage()?;
            // Room for what a page or a slab may have left.
            let mut all = KVec::with_capacity(SZ_1K, GFP_KERNEL)?;
            for gfp in [fault::GFP, fault::WAITING] {
                let error = fault::all(|| loop {
                    match tables.alloc(gfp) {
                        Err(error) => break error,
                        Ok(table) => {
                            if all.push_within_capacity(table).is_err() {
                                break EINVAL;
                            }
                        }
                    }
                });
                let used = tables.usage()?;
                if error != ENOMEM || used.tables != all.len() {
                    return Ok(false);
                }
                // Slabs are not given back at once.
                let at_once = matches!(tables.source, AnySource::Pool(_) | AnySource::Pages(_));
                if at_once && used.held_bytes != before.held_bytes {
                    return Ok(false);
                }
                all.clear();
                // And then there is some.
                if !is_zero(&tables.alloc(gfp)?) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?);
        Ok(())
    }

    // Each allocation of an allocator fails in turn. (That of a slab cache is among the tests of
    // caches: the kernel dumps the stack.)
    #[test]
    fn no_memory_for_an_allocator() -> Result {
        if fault::skip_unless_set_up() {
            return Ok(());
        }
        let make = || TableAllocator::new(TableSource::Pool, SZ_1K, Zone::LOW);
        let mut failures = 0;
        for n in 1..=99 {
            let (made, failed) = fault::nth(n, make);
            let error = made.err();
            assert!(error.is_none() || failed && error == Some(ENOMEM));
            failures += u32::from(error.is_some());
            if !failed {
                break;
            }
        }
        assert!(failures >= 1);
        drop(make()?.alloc(Gfp::KERNEL)?);
        Ok(())
    }

    // `__GFP_NOFAIL` is ignored, in any context.
    #[test]
    fn nofail_may_fail() -> Result {
        if fault::skip_unless_set_up() {
            return Ok(());
        }
        assert!(each(|tables| {
            let mut all = KVec::with_capacity(SZ_1K, GFP_KERNEL)?;
            let nofail = Gfp::from_raw(fault::GFP.as_raw() | 1 << bindings::___GFP_NOFAIL_BIT);
            Ok(fault::all(|| loop {
                match tables.alloc(nofail) {
                    Err(error) => break error == ENOMEM,
                    Ok(table) => {
                        if all.push_within_capacity(table).is_err() {
                            break false;
                        }
                    }
                }
            }))
        })?);
        Ok(())
    }

    #[test]
    fn tables_are_freed_anywhere() -> Result {
        assert!(each(|tables| {
            let all = fill(tables, count(tables.size()))?;
            for table in all {
                let mut table = Some(table);
                // SAFETY: It takes the table, and is waited for.
                unsafe { elsewhere(free_here, (&raw mut table).cast(), true)? };
                if table.is_some() {
                    return Ok(false);
                }
            }
            Ok(true)
        })?);
        Ok(())
    }

    #[test]
    fn two_cpus_share_an_allocator() -> Result {
        for source in TableSource::ALL {
            for size in [64, SZ_1K, PAGE_SIZE / 2, SZ_16K] {
                let tables = TableAllocator::new(source, size, Zone::LOW)?;
                let shared = Shared {
                    tables: &tables,
                    wrong: Atomic::new(0),
                    done: Atomic::new(0),
                };
                // SAFETY: `shared` lives until it is done, which is waited for.
                unsafe { elsewhere(churn_here, (&raw const shared).cast_mut().cast(), false)? };
                shared.churn::<8>(0x100);
                while shared.done.load(Acquire) == 0 {
                    core::hint::spin_loop();
                }
                assert_eq!(shared.wrong.load(Relaxed), 0);
                assert_eq!(tables.live_tables(), 0);
                let mut all = fill(&tables, count(size))?;
                all.iter_mut()
                    .enumerate()
                    .for_each(|(i, table)| mark(table, i));
                assert!(all.iter().enumerate().all(|(i, table)| is_marked(table, i)));
            }
        }
        Ok(())
    }

    // No more than 1.05 times the tables if it is full, and what they lie on if it is not: for four
    // tables a page and one in ten left, (1 - 0.9^4) / 0.1 times the tables.
    #[test]
    fn a_pool_holds_what_tables_need() -> Result {
        for size in SIZES.into_iter().filter(|size| *size < PAGE_SIZE) {
            let tables = TableAllocator::new(TableSource::Pool, size, Zone::LOW)?;
            let n = if size < SZ_1K { SZ_64K / size } else { 2000 };
            let mut all = fill(&tables, n)?;
            assert!(held(&tables)? * 100 <= n * size * 105);
            let mut random = Random(size as u64);
            for left in [n / 2, n / 10, n / 100] {
                random.thin(&mut all, left);
                assert_eq!(held(&tables)?, pages_of(&all)?);
            }
            for table in fill(&tables, n - all.len())? {
                all.push(table, GFP_KERNEL)?;
            }
            assert!(held(&tables)? * 100 <= n * size * 105);
            drop(all);
            assert_eq!(held(&tables)?, 0);
        }
        Ok(())
    }

    // A table that loses its neighbours keeps its page; others come to it.
    #[test]
    fn a_pool_fills_pages_that_were_full_first() -> Result {
        let tables = TableAllocator::new(TableSource::Pool, PAGE_SIZE / 4, Zone::LOW)?;
        let mut all = fill(&tables, 12)?;
        // Two of the pages lose two tables, then one of them one.
        for at in [6, 5, 2, 1, 5] {
            drop(all.remove(at));
        }
        let page = |table: &Table<'_>| table.phys() / PAGE_SIZE as u64;
        let three = page(all.last().ok_or(EINVAL)?);
        assert_eq!(page(&tables.alloc(Gfp::KERNEL)?), three);
        Ok(())
    }

    #[test]
    fn a_pool_has_a_page_to_spare_if_it_needs_one() -> Result {
        let tables = TableAllocator::new(TableSource::Pool, PAGE_SIZE / 2, Zone::LOW)?;
        let once = || tables.alloc(Gfp::KERNEL).map(drop);
        once()?;
        assert_eq!(held(&tables)?, 0);
        // It asked for a page just after it gave one back.
        once()?;
        assert_eq!(held(&tables)?, PAGE_SIZE);
        once()?;
        assert_eq!(held(&tables)?, PAGE_SIZE);
        // One, not two.
        let all = fill(&tables, 2)?;
        let other = tables.alloc(Gfp::KERNEL)?;
        assert_eq!(held(&tables)?, 2 * PAGE_SIZE);
        drop(all);
        drop(other);
        // It grew by more.
        assert_eq!(held(&tables)?, 0);
        Ok(())
    }

    // A walker that comes late reads invalid entries.
    #[test]
    fn a_free_table_of_a_pool_is_invalid() -> Result {
        for size in SIZES.into_iter().filter(|size| *size < PAGE_SIZE) {
            let tables = TableAllocator::new(TableSource::Pool, size, Zone::LOW)?;
            let kept = tables.alloc(Gfp::KERNEL)?;
            let mut all = fill(&tables, PAGE_SIZE / size - 1)?;
            all.iter_mut().for_each(|table| mark(table, 7));
            // In another order than they were cut in.
            Random(3).thin(&mut all, 0);
            let page = kept.as_ptr().as_ptr() as usize & !(PAGE_SIZE - 1);
            for word in (page..page + PAGE_SIZE).step_by(4) {
                // SAFETY: The table that is kept keeps its page.
                let entry = unsafe { (word as *const u32).read_volatile() };
                assert_eq!(entry & 3, 0);
            }
        }
        Ok(())
    }
}
