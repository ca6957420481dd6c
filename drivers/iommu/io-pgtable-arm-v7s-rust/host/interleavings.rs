// SPDX-License-Identifier: GPL-2.0

//! Concurrent CPUs and walkers of one table set, in all interleavings with at most [`PREEMPTIONS`]
//! preemptions of a thread (loom).

use kernel::{
    bindings,
    prelude::*,
    shared,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};
use loom::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};

use super::{
    init,
    manual::manual_l2,
    request,
    DEVICE,
    RW,
    TOLD, //
};
use crate::{
    config::quirk,
    format::slots::Slot,
    slab::Gfp,
    table_set::IoPgtableArmV7s,
    tlb::Gather, //
};

/// Maximum number of preemptions.
const PREEMPTIONS: usize = 3;

/// Tries all interleavings of the threads that `run` starts.
fn all_interleavings(run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.max_branches = 200_000;
    model.check(run);
}

/// A set that threads share.
#[derive(Clone)]
struct Set(Arc<KBox<IoPgtableArmV7s>>);

impl Set {
    /// Makes a set of 2 MiB, for a walker that snoops or not and a driver that can be told to flush
    /// walks or not.
    fn new(coherent: bool, told: bool) -> Self {
        init();
        let mut cfg = request(quirk::NO_WARN, 21, 32);
        cfg.coherent_walk = coherent;
        cfg.iommu_dev = (&raw const DEVICE).cast_mut();
        let set = IoPgtableArmV7s::new(&mut cfg, bindings::io_pgtable_ops).unwrap();
        if told {
            // SAFETY: The set is not shared yet.
            unsafe { (*set.iop()).cfg.tlb = &TOLD };
        }
        Self(Arc::new(set))
    }

    /// Maps a page.
    fn map(&self, iova: usize, paddr: u64) {
        let mut mapped = 0;
        // SAFETY: Each thread has pages of its own.
        let result = unsafe {
            self.0
                .map_pages(iova, paddr, SZ_4K, 1, RW, Gfp::KERNEL, &mut mapped)
        };
        assert_eq!((result, mapped), (Ok(()), SZ_4K));
    }

    /// Unmaps a MiB.
    fn unmap(&self, iova: usize) {
        // SAFETY: The MiB is this thread's.
        let unmapped = unsafe {
            let gather = Gather::new(core::ptr::null_mut());
            self.0.unmap_pages(iova, SZ_1M, 1, gather)
        };
        assert_eq!(unmapped, SZ_1M);
    }

    fn phys(&self, iova: usize) -> u64 {
        // SAFETY: The thread's own page.
        unsafe { self.0.iova_to_phys(iova) }
    }

    /// Walks the tables, reading entries with `read`.
    fn walk(&self, iova: usize, read: fn(&Slot) -> u32) -> u64 {
        let first = read(&self.0.l1()[iova / SZ_1M]);
        if first & 3 != 1 {
            assert_eq!(first, 0);
            return 0;
        }
        // SAFETY: A table of the set; loom reports an access after it was freed.
        let l2 = unsafe { self.0.l2(first) };
        let entry = read(&l2[iova / SZ_4K % 256]);
        manual_l2(entry, false).map_or(0, |(paddr, _)| paddr)
    }

    /// The walker of the set: through the caches of CPUs, or memory.
    fn walked(&self, iova: usize) -> u64 {
        if self.0.cfg().walker().is_coherent() {
            self.walk(iova, Slot::load)
        } else {
            // SAFETY: A slot is a number of one place.
            self.walk(iova, |slot| unsafe {
                shared::read_memory((&raw const *slot).cast())
            })
        }
    }
}

/// Two CPUs map in a MiB without a table: one of them installs its own, and no mapping is lost.
fn two_cpus_install(coherent: bool) {
    all_interleavings(move || {
        let set = Set::new(coherent, false);
        let other = {
            let set = set.clone();
            thread::spawn(move || {
                set.map(0, 0x1000);
                assert_eq!(set.phys(0), 0x1000);
            })
        };
        set.map(SZ_4K, 0x2000);
        assert_eq!(set.phys(SZ_4K), 0x2000);
        other.join().unwrap();
        assert_eq!((set.walked(0), set.walked(SZ_4K)), (0x1000, 0x2000));
    });
}

#[test]
fn two_cpus_install_for_a_coherent_walker() {
    two_cpus_install(true);
}

#[test]
fn two_cpus_install_for_a_noncoherent_walker() {
    two_cpus_install(false);
}

/// A walk while a table is installed finds nothing or the mapping, and no table before its content.
#[test]
fn a_walker_looks_while_a_table_is_installed() {
    all_interleavings(|| {
        let set = Set::new(true, false);
        let walker = {
            let set = set.clone();
            thread::spawn(move || assert!([0, 0x1000].contains(&set.walked(0))))
        };
        set.map(0, 0x1000);
        walker.join().unwrap();
    });
}

/// A device finds a page in a table that another CPU installs at the same time, once the page was
/// mapped: in a set without tables, or in one whose table was unmapped before.
fn told_of_a_page(coherent: bool, again: bool) {
    all_interleavings(move || {
        let set = Set::new(coherent, false);
        if again {
            set.map(0, 0x5000);
            set.unmap(0);
        }
        let doorbell = Arc::new(AtomicBool::new(false));
        let other = {
            let set = set.clone();
            thread::spawn(move || set.map(0, 0x1000))
        };
        let device = {
            let (set, doorbell) = (set.clone(), doorbell.clone());
            thread::spawn(move || {
                if doorbell.load(Ordering::Acquire) {
                    assert_eq!(
                        set.walked(SZ_4K),
                        0x2000,
                        "the device does not find its page"
                    );
                }
            })
        };
        set.map(SZ_4K, 0x2000);
        doorbell.store(true, Ordering::Relaxed);
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_coherent_device_is_told_of_a_page() {
    told_of_a_page(true, false);
}

#[test]
fn a_noncoherent_device_is_told_of_a_page() {
    told_of_a_page(false, false);
}

#[test]
fn a_noncoherent_device_is_told_of_a_page_in_a_table_taken_again() {
    told_of_a_page(false, true);
}

/// Returns the translation that a reader finds, as in debugfs and for a fault report.
fn read(set: &Set, iova: usize) -> u64 {
    let mut ptes = [0; 4];
    match set.0.walk(iova, &mut ptes) {
        Ok(()) => manual_l2(ptes[2] as u32, false).unwrap().0,
        Err(error) => {
            assert_eq!(error, EINVAL);
            0
        }
    }
}

/// A table is freed under a reader, which delays that.
#[test]
fn a_table_is_freed_under_a_reader() {
    all_interleavings(|| {
        let set = Set::new(true, true);
        set.map(0, 0x1000);
        let reader = {
            let set = set.clone();
            thread::spawn(move || assert!([0, 0x1000].contains(&read(&set, 0))))
        };
        set.unmap(0);
        reader.join().unwrap();
    });
}

/// A table is retired and taken for another MiB under a reader, which finds the old mapping or
/// none.
#[test]
fn a_table_is_taken_again_under_a_reader() {
    all_interleavings(|| {
        let set = Set::new(true, false);
        set.map(SZ_4K, 0x1000);
        let reader = {
            let set = set.clone();
            thread::spawn(move || assert!([0, 0x1000].contains(&read(&set, SZ_4K))))
        };
        set.unmap(0);
        set.map(SZ_1M, 0x2000);
        // No former mapping of the table.
        assert_eq!(set.phys(SZ_1M + SZ_4K), 0);
        reader.join().unwrap();
    });
}

/// A walker with the address of a retired table finds the old mapping, nothing, or a new mapping of
/// the set; the table is not freed.
#[test]
fn a_walker_remembers_a_retired_table() {
    all_interleavings(|| {
        let set = Set::new(true, false);
        set.map(0, 0x1000);
        let table = set.0.l1()[0].load();
        let walker = {
            let set = set.clone();
            thread::spawn(move || {
                // SAFETY: loom reports an access after the table was freed.
                let entry = unsafe { set.0.l2(table) }[0].load();
                let found = manual_l2(entry, false).map_or(0, |(paddr, _)| paddr);
                assert!([0, 0x1000, 0x2000].contains(&found));
            })
        };
        set.unmap(0);
        set.map(SZ_1M, 0x2000);
        walker.join().unwrap();
    });
}

/// Two CPUs need a table, and one is retired: one of them takes it.
#[test]
fn two_cpus_take_a_retired_table() {
    all_interleavings(|| {
        let set = Set::new(true, false);
        set.map(0, 0x1000);
        set.unmap(0);
        let other = {
            let set = set.clone();
            thread::spawn(move || set.map(0, 0x2000))
        };
        set.map(SZ_1M, 0x3000);
        other.join().unwrap();
        assert_eq!((set.phys(0), set.phys(SZ_1M)), (0x2000, 0x3000));
        assert_eq!(set.0.readers().retired(), 0);
    });
}
