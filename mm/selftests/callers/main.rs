// SPDX-License-Identifier: GPL-2.0

//! slab_callers: safe code that uses slab caches in ways of which the kernel must not complain.
//!
//! - [`leak`]: objects of each kind of cache are leaked, and the caches are dropped. With
//!   `kfence.sample_interval=1` on the kernel's command line, KFENCE takes an object each
//!   millisecond, unless the cache has no KFENCE. A cache is leaked, too.
//! - [`device`]: `/dev/slab_callers` reads from a vector in a static cache, which hardened user
//!   copies check.
//!
//! `scripts/tests/stock/slab_callers.sh` loads the module.

mod device;
mod leak;

use kernel::{
    miscdevice::{
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

module! {
    type: SlabCallers,
    name: "slab_callers",
    authors: ["v7s-rs developers"],
    description: "Callers of slab caches, of which the kernel must not complain",
    license: "GPL",
}

#[pin_data]
struct SlabCallers {
    #[pin]
    _device: MiscDeviceRegistration<device::Reader>,
}

impl kernel::InPlaceModule for SlabCallers {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            device::Buffers::create()?;
            leak::all()?;
            leak::cache()?;
            Ok(try_pin_init!(Self {
                _device <- MiscDeviceRegistration::register(MiscDeviceOptions {
                    name: c"slab_callers",
                }),
            }? Error))
        })
    }
}
