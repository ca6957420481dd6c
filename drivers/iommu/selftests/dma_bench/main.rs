// SPDX-License-Identifier: GPL-2.0

//! v7s_dma_bench: what the DMA API costs a driver, from end to end.
//!
//! Each device that is bound has a file `costs` in a folder of its name in debugfs. Reading it maps
//! and unmaps buffers once, by each way of the DMA API, through the IOMMU driver of the device.
//! Each line is a JSON object with nanoseconds, or instructions where the guest's clock counts
//! those.
//!
//! `scripts/measure/v7s` reads by turns those of two devices, one of which has page tables in C and
//! the other in Rust: the memory allocator is in the same state for both. The least of several
//! readings counts.

#[path = "../../../../mm/slab/module/compat.rs"]
mod compat;
mod mapping;
#[allow(dead_code)] // Some of it only soft_m4u_client needs.
#[path = "../soft_m4u/client/memory.rs"]
mod memory;
#[allow(dead_code)] // Means are for v7s_bench.
#[path = "../../../../mm/selftests/lib/stopwatch.rs"]
mod stopwatch;

use kernel::{
    debugfs,
    device::{
        Bound,
        Core,
        Device, //
    },
    dma::{
        Device as _,
        DmaMask, //
    },
    fmt,
    new_mutex,
    of,
    page::PAGE_SIZE,
    platform,
    prelude::*,
    sizes::{
        SZ_16M,
        SZ_1M,
        SZ_4K,
        SZ_4M,
        SZ_64K,
        SZ_64M, //
    },
    sync::{
        aref::ARef,
        Mutex, //
    }, //
};

use mapping::Buffer;
use memory::Kind;
use stopwatch::Stopwatch;

kernel::module_platform_driver! {
    type: Bench,
    name: "v7s_dma_bench",
    authors: ["v7s-rs developers"],
    description: "Benchmark of the DMA API behind an IOMMU",
    license: "GPL",
}

crate::of_device_table!(
    OF_TABLE,
    MODULE_OF_TABLE,
    <Bench as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"v7s-rs,dma-bench"), ())]
);

/// The sizes of buffers.
const SIZES: [usize; 6] = [SZ_4K, SZ_64K, SZ_1M, SZ_4M, SZ_16M, SZ_64M];
/// The largest coherent buffer: of more bytes, nearly all is the work of the page allocator.
const MAX_COHERENT: usize = SZ_64K;
/// The ways to map them.
const KINDS: [(&str, Kind); 3] = [
    ("coherent", Kind::Coherent),
    ("single", Kind::Single),
    ("scattered", Kind::Scattered),
];

/// Maps and unmaps a buffer, and writes what that takes.
fn measure(
    f: &mut fmt::Formatter<'_>,
    dev: &Device<Bound>,
    watch: &Stopwatch,
    (name, kind): (&str, Kind),
    bytes: usize,
) -> Result {
    let mut buffer = Buffer::new(dev, kind, bytes)?;
    let map = buffer.map(dev, watch)?;
    let unmap = buffer.unmap(dev, watch);
    writeln!(
        f,
        "{{\"buffer\": \"{name}\", \"bytes\": {bytes}, \"map\": {map}, \"unmap\": {unmap}}}"
    )
    .map_err(|_| ENOSPC)
}

/// The data of a file: the device, until it is being unbound.
#[pin_data]
struct WhileBound {
    #[pin]
    dev: Mutex<Option<ARef<Device>>>,
}

/// Measures all buffers.
fn show(while_bound: &WhileBound, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let guard = while_bound.dev.lock();
    let Some(dev) = &*guard else {
        return Ok(());
    };
    // SAFETY: Unbinding waits for the lock, and leaves nothing behind it.
    let dev = unsafe { dev.as_bound() };
    let watch = Stopwatch::new();
    for kind in KINDS {
        let most = match kind.1 {
            Kind::Coherent => MAX_COHERENT,
            _ => usize::MAX,
        };
        let sizes = PAGE_SIZE..=most;
        for bytes in SIZES.into_iter().filter(|bytes| sizes.contains(bytes)) {
            if let Err(error) = measure(f, dev, &watch, kind, bytes) {
                pr_err!("{} of {bytes} bytes: {error:?}\n", kind.0);
                return Err(fmt::Error);
            }
        }
    }
    Ok(())
}

#[pin_data]
struct Bench {
    #[pin]
    costs: debugfs::File<WhileBound>,
}

impl platform::Driver for Bench {
    type IdInfo = ();
    type Data<'bound> = Self;
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        dev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            // SAFETY: Nothing is mapped yet, and no other thread maps for this device.
            unsafe { dev.dma_set_mask_and_coherent(DmaMask::new::<32>())? };
            let bound: &platform::Device<Bound> = dev;
            let dev: &Device<Bound> = bound.as_ref();
            let owned: ARef<Device> = dev.into();
            let dir = debugfs::Dir::new(dev.name());
            Ok(try_pin_init!(Self {
                costs <- dir.read_callback_file(
                    c"costs",
                    pin_init!(WhileBound {
                        dev <- new_mutex!(Some(owned)),
                    }),
                    &show,
                ),
            }))
        })
    }

    fn unbind<'bound>(_dev: &'bound platform::Device<Core<'_>>, this: Pin<&Self>) {
        *this.costs.dev.lock() = None;
    }
}
