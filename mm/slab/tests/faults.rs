// SPDX-License-Identifier: GPL-2.0

//! Each allocation of each operation fails once: of making caches and table allocators, and of
//! allocating from them.
//!
//! If an allocation fails, the operation either fails without any effect or succeeds completely,
//! and works the next time.

use core::convert::Infallible;

use crate::{
    page_table::{
        TableAllocator,
        TableSource, //
    },
    prelude::*,
    slab::{
        args::UserWindow,
        constructed::{
            Construct,
            ConstructedCache, //
        },
        sysfs,
        tests::fault::{
            is_set_up,
            nth,
            skip_unless_set_up,
            GFP,
            WAITING, //
        },
        Gfp,
        KmemCache,
        RcuCache,
        SlabFlags,
        Zone, //
    },
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

const NAME: &CStr = c"test_faults";

/// More allocations than any operation here makes.
const MANY: u32 = 1000;

struct Ready {
    number: Atomic<u64>,
}

impl Construct for Ready {
    fn construct() -> impl PinInit<Self, Infallible> {
        init!(Self {
            number: Atomic::new(7),
        })
    }
}

/// Does `operation` with each of its allocations failing in turn, up to the first time that none
/// has failed. Each time `is_right` looks at what came of it, and whether an allocation failed.
/// Says how often the operation did.
fn in_turn<R>(
    mut operation: impl FnMut() -> Result<R>,
    mut is_right: impl FnMut(Option<R>, bool) -> Result<bool>,
) -> Result<u32> {
    let mut failures = 0;
    for n in 1..MANY {
        let (result, failed) = nth(n, &mut operation);
        let result = match result {
            Err(e) if failed && e == ENOMEM => {
                failures += 1;
                None
            }
            Err(e) => {
                pr_err!("allocation {n}: {e:?}\n");
                return Err(e);
            }
            Ok(made) => Some(made),
        };
        if !is_right(result, failed)? {
            pr_err!("allocation {n}: something is left, or missing\n");
            return Err(EINVAL);
        }
        if !failed {
            return Ok(failures);
        }
    }
    Err(EOVERFLOW)
}

/// Does so for `make`, which creates a cache of that name.
fn cache_in_turn<C>(make: impl Fn() -> Result<C>, works: impl Fn(&C) -> bool) -> Result<u32> {
    in_turn(&make, |cache, failed| {
        let right = match cache {
            // The kernel makes do without its directory.
            Some(cache) => works(&cache) && (failed || sysfs::exists(NAME)),
            None => !sysfs::exists(NAME) && works(&make()?),
        };
        Ok(right && !sysfs::exists(NAME))
    })
}

#[cfg(CONFIG_RUST_SLAB_KUNIT_TEST)]
#[kunit_tests(slab_faults)]
mod suite {
    use super::*;

    #[test]
    fn making_a_cache() -> Result {
        if skip_unless_set_up() {
            return Ok(());
        }
        let works = |cache: &KmemCache<[u64; 8]>| cache.alloc([1; 8], Gfp::KERNEL).is_ok();
        let window = UserWindow {
            offset: 8,
            size: 24,
        };
        let build = || KmemCache::builder(NAME).flags(SlabFlags::LOW).build();
        assert!(cache_in_turn(build, works)? > 0);
        let build = || KmemCache::builder(NAME).user_window(window).build();
        assert!(cache_in_turn(build, works)? > 0);
        Ok(())
    }

    #[test]
    fn making_a_cache_with_a_constructor() -> Result {
        if skip_unless_set_up() {
            return Ok(());
        }
        let build = || ConstructedCache::<Ready>::builder(NAME).build();
        let works = |cache: &ConstructedCache<Ready>| {
            let object = cache.alloc(Gfp::KERNEL);
            object.is_ok_and(|object| object.number.load(Relaxed) == 7)
        };
        assert!(cache_in_turn(build, works)? > 0);

        let build = || RcuCache::<Ready>::builder(NAME).build();
        let works = |cache: &RcuCache<Ready>| {
            let object = cache.alloc(Gfp::KERNEL);
            object.is_ok_and(|object| object.number.load(Relaxed) == 7)
        };
        assert!(cache_in_turn(build, works)? > 0);
        Ok(())
    }

    /// Single objects, zeroed ones, batches, and where a page has to be had first.
    #[test]
    fn allocating() -> Result {
        let cache = KmemCache::<[u64; 8]>::builder(NAME)
            .flags(SlabFlags::LOW)
            .build()?;
        let kept = cache.alloc([5; 8], Gfp::KERNEL)?;
        let in_use = || {
            cache.shrink();
            sysfs::attribute(NAME, c"objects")
        };
        let is_unchanged = || -> Result<bool> { Ok(in_use()? == 1 && *kept == [5; 8]) };
        let sleeps = is_set_up();
        for gfp in [GFP, Gfp::KERNEL] {
            if gfp == Gfp::KERNEL && !sleeps {
                continue;
            }
            let one = in_turn(
                || cache.alloc([1; 8], gfp),
                |object, _| {
                    let right = object.is_none_or(|object| *object == [1; 8]);
                    Ok(right && is_unchanged()?)
                },
            );
            assert!(one? >= 1);
            let zeroed = in_turn(
                || cache.alloc_zeroed(gfp),
                |object, _| {
                    let right = object.is_none_or(|object| *object == [0; 8]);
                    Ok(right && is_unchanged()?)
                },
            );
            assert!(zeroed? >= 1);
            // More than a slab, if it is debugged.
            let batch = in_turn(
                || cache.alloc_bulk::<20>(|i| [i as u64; 8], gfp),
                |batch, _| {
                    let right = batch.is_none_or(|batch| {
                        let mut objects = batch.iter().zip(0..);
                        objects.all(|(object, i)| *object == [i; 8])
                    });
                    Ok(right && is_unchanged()?)
                },
            );
            assert!(batch? >= 1);
        }
        Ok(())
    }

    /// Tables of each source: of part of a page, of a page, and of several.
    #[test]
    fn tables() -> Result {
        if skip_unless_set_up() {
            return Ok(());
        }
        for source in TableSource::ALL {
            for size in [1024, 4096, 16384] {
                let zone = Zone::LOW;
                let Ok(tables) = TableAllocator::new(source, size, zone) else {
                    continue;
                };
                drop(tables);
                // An allocator of a cache is created like other caches, in a test above.
                if source != TableSource::Slab {
                    in_turn(
                        || TableAllocator::new(source, size, zone),
                        |tables, _| match tables {
                            Some(tables) => Ok(tables.alloc(Gfp::KERNEL).is_ok()),
                            None => Ok(TableAllocator::new(source, size, zone).is_ok()),
                        },
                    )?;
                }
                allocate_tables(|| TableAllocator::new(source, size, zone))?;
            }
        }
        Ok(())
    }
}

/// Allocates the first tables of an allocator, with each allocation failing in turn.
fn allocate_tables(make: impl Fn() -> Result<TableAllocator>) -> Result {
    for gfp in [GFP, WAITING] {
        for n in 1..MANY {
            let tables = make()?;
            let (first, failed) = nth(n, || [(); 3].map(|()| tables.alloc(gfp)));
            let errors = first.iter().filter_map(|table| table.as_ref().err());
            let right = errors.clone().all(|e| failed && *e == ENOMEM)
                && tables.usage()?.tables == first.len() - errors.count();
            drop(first);
            if !right || tables.usage()?.tables != 0 || tables.alloc(gfp).is_err() {
                pr_err!("allocation {n}: something is left, or missing\n");
                return Err(EINVAL);
            }
            if !failed {
                break;
            }
        }
    }
    Ok(())
}
