// SPDX-License-Identifier: GPL-2.0

//! A model of MediaTek's IOMMU (M4U) in software, for the kernel's own driver.
//!
//! `mtk_iommu` writes the address of its page tables to registers, which are plain memory. This
//! module maps the same registers and acts as the hardware: it translates with these tables, moves
//! data for devices, acknowledges invalidations, and raises the interrupt of a fault. It shares no
//! code with the modules that write the tables.
//!
//! A cached item is removed only when the driver invalidates it or its place is needed. Hardware
//! would use stale items silently; this model looks them up again and logs an error.
//!
//! - [`registers`]: the register windows;
//! - [`bus`]: access to memory by physical address;
//! - [`decode`]: the bits of entries;
//! - [`cache`]: cached translations and walks; [`engine`]: translation with them;
//! - [`dma`]: functions for drivers of devices;
//! - [`fault`]: registers and interrupt of faults;
//! - [`thread`]: polls the registers; [`counts`]: the counters in debugfs.
//!
//! See Documentation/iommu/soft_m4u.rst.

mod bus;
mod cache;
#[path = "../../../../mm/slab/module/compat.rs"]
mod compat;
mod counts;
mod decode;
mod dma;
mod engine;
mod fault;
mod registers;
mod thread;

pub use dma::{
    check,
    copy,
    fill,
    read,
    translate, //
};

use kernel::{
    debugfs,
    fmt,
    prelude::*, //
};

use compat::parameter;
use engine::Engine;

module! {
    type: SoftM4u,
    name: "soft_m4u",
    authors: ["v7s-rs developers"],
    description: "Sample: plays MediaTek's IOMMU for the kernel's driver",
    license: "GPL",
    params: {
        ignore_every: u32 {
            default: 0,
            description: "N: acknowledge every Nth invalidation, but do not do it",
        },
    },
}

/// State of the loaded module.
#[pin_data]
struct SoftM4u {
    // Drop order: thread and file use the engine.
    _thread: thread::Thread,
    #[pin]
    _state: debugfs::File<()>,
    _engine: Installed,
}

/// Removes the engine when dropped.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        // Dropped outside of the lock: unmapping the registers may sleep.
        let engine = engine::locked(Option::take);
        drop(engine);
    }
}

impl kernel::InPlaceModule for SoftM4u {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"soft_m4u");
        pin_init::pin_init_scope(move || {
            // SAFETY: This is the module's only init.
            unsafe { engine::init() };
            let engine = Engine::new(parameter(&module_parameters::ignore_every))?;
            engine::locked(|installed| *installed = Some(engine));
            let installed = Installed;
            Ok(try_pin_init!(Self {
                _thread: thread::Thread::start()?,
                _state <- dir.read_callback_file(c"state", (), &|(), f| show(f)),
                _engine: installed,
            }? Error))
        })
    }
}

/// The text of the file.
fn show(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    engine::locked(|engine| match engine {
        Some(engine) => engine.show(f),
        None => Ok(()),
    })
}
