// SPDX-License-Identifier: GPL-2.0

//! v7s_users: drivers with ARM_V7S tables, of any provider.
//!
//! Makes `sets` table sets when it is loaded, in turn for two devices, and frees them when it is
//! unloaded; meanwhile `threads` threads make, use and free one set after the other. Each set maps
//! a page of each size, which is checked again before the set is freed. `v7s_users/counts` in
//! debugfs has the number of sets of each provider, and of errors, which are in the log.

#[path = "../lib/device.rs"]
mod device;
mod set;
mod thread;

use core::mem::take;

use kernel::{
    bindings,
    debugfs,
    fmt,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_64K, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use slab_rust::compat::parameter;

use device::PlatformDevice;
use set::{
    Mapped,
    Set, //
};
use thread::{
    Thread,
    Work, //
};

module! {
    type: Users,
    name: "v7s_users",
    authors: ["v7s-rs developers"],
    description: "Test: callers of alloc_io_pgtable_ops(ARM_V7S)",
    license: "GPL",
    params: {
        sets: u32 {
            default: 0,
            description: "sets that are there as long as the module",
        },
        threads: u32 {
            default: 0,
            description: "threads whose sets come and go",
        },
    },
}

/// The page sizes, and an input address for each, all in different sections.
const PAGES: [(usize, usize); 4] = [
    (SZ_4K, 0x0012_3000),
    (SZ_64K, 0x0345_0000),
    (SZ_1M, 0x0670_0000),
    (SZ_16M, 0x0900_0000),
];

/// DMA mask of the devices: tables lie at addresses of 32 bits.
const MASK: u64 = u32::MAX as u64;

/// Data that all threads share.
struct Shared {
    // Sets are dropped before them: threads first, then those that stayed.
    devices: [PlatformDevice; 2],
    c: Atomic<u64>,
    rust: Atomic<u64>,
    wrong: Atomic<u64>,
    next: Atomic<u64>,
}

impl Shared {
    fn new() -> Result<Self> {
        Ok(Self {
            devices: [
                PlatformDevice::new(c"v7s_users_a", MASK)?,
                PlatformDevice::new(c"v7s_users_b", MASK)?,
            ],
            c: Atomic::new(0),
            rust: Atomic::new(0),
            wrong: Atomic::new(0),
            next: Atomic::new(1),
        })
    }

    /// Counts and logs an error.
    fn wrong(&self, what: &str, number: u64) {
        self.wrong.fetch_add(1, Relaxed);
        pr_err!("wrong: {what} set {number}\n");
    }

    /// Makes the next set and maps its pages.
    fn make(&self) -> Result<User> {
        let number = self.next.fetch_add(1, Relaxed);
        let device = &self.devices[(number % 2) as usize];
        let mut cfg = bindings::io_pgtable_cfg {
            pgsize_bitmap: PAGES.iter().map(|(size, _)| size).sum(),
            ias: 32,
            oas: 32,
            coherent_walk: number % 4 < 2,
            iommu_dev: device.as_device(),
            ..Default::default()
        };
        // SAFETY: The devices are unregistered after all sets are gone.
        let set = unsafe { Set::new(&mut cfg) }?;
        let served = if is_c(&set) { &self.c } else { &self.rust };
        served.fetch_add(1, Relaxed);
        let user = User { set, number };
        if !user.map() {
            self.wrong("mapping in", number);
        }
        Ok(user)
    }

    /// Checks a set, and frees it.
    fn give_back(&self, user: User) {
        if !user.translates() {
            self.wrong("translation by", user.number);
        }
        if !user.unmap() {
            self.wrong("unmapping in", user.number);
        }
    }
}

/// Returns true if a set is of C: its code is near `alloc_io_pgtable_ops()`.
fn is_c(set: &Set) -> bool {
    let hands_out = bindings::alloc_io_pgtable_ops as *const () as usize;
    let serves = set
        .calls
        .map_pages
        .map_or(0, |map_pages| map_pages as usize);
    serves.abs_diff(hands_out) < SZ_1M
}

/// A set and its number.
struct User {
    set: Set,
    number: u64,
}

impl User {
    /// Returns the output address of a page: another one for each set, and never zero.
    fn paddr(&self, size: usize) -> u64 {
        (SZ_16M as u64).max(self.number % 200 * size as u64)
    }

    fn map(&self) -> bool {
        PAGES.iter().all(|&(size, iova)| {
            let paddr = self.paddr(size);
            let done = Mapped {
                error: 0,
                bytes: size,
            };
            // SAFETY: Only this thread has the set.
            unsafe { self.set.map(iova, paddr, size, 1, bindings::GFP_KERNEL) == done }
        })
    }

    fn translates(&self) -> bool {
        PAGES.iter().all(|&(size, iova)| {
            let last = size - 1;
            // SAFETY: The addresses belong to this thread.
            unsafe { self.set.translate(iova + last) == self.paddr(size) + last as u64 }
        })
    }

    /// Unmaps the pages of every second set; the others are freed with their mappings.
    fn unmap(&self) -> bool {
        self.number % 2 == 0
            || PAGES.iter().all(|&(size, iova)| {
                // SAFETY: The addresses belong to this thread.
                unsafe { self.set.unmap(iova, size, 1) == size }
            })
    }
}

impl Work for Shared {
    fn turn(this: &Arc<Self>, me: usize) {
        match this.make() {
            Ok(user) => this.give_back(user),
            Err(_) => this.wrong("no", this.next.load(Relaxed)),
        }
        // Leaves times without any set, so that the module can be unloaded.
        fsleep(Delta::from_micros(1000 + 370 * me as i64));
    }
}

/// The text in debugfs.
struct Counts(Arc<Shared>);

impl debugfs::Writer for Counts {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "c {}", self.0.c.load(Relaxed))?;
        writeln!(f, "rust {}", self.0.rust.load(Relaxed))?;
        writeln!(f, "wrong {}", self.0.wrong.load(Relaxed))
    }
}

#[pin_data(PinnedDrop)]
struct Users {
    // Dropped in this order.
    threads: KVec<Thread<Shared>>,
    sets: KVec<User>,
    #[pin]
    _counts: debugfs::File<Counts>,
    shared: Arc<Shared>,
}

impl kernel::InPlaceModule for Users {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"v7s_users");
        pin_init::pin_init_scope(move || {
            let shared = Arc::new(Shared::new()?, GFP_KERNEL)?;
            let mut sets = KVec::new();
            for _ in 0..parameter(&module_parameters::sets) {
                sets.push(shared.make()?, GFP_KERNEL)?;
            }
            let threads =
                Thread::start_all(&shared, parameter(&module_parameters::threads) as usize)?;
            Ok(try_pin_init!(Self {
                threads,
                sets,
                _counts <- dir.read_only_file(c"counts", Counts(shared.clone())),
                shared,
            }? Error))
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Users {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        drop(take(this.threads));
        for user in take(this.sets) {
            this.shared.give_back(user);
        }
    }
}
