// SPDX-License-Identifier: GPL-2.0

//! A soft M4U: MediaTek's IOMMU, played by software for the kernel's own driver.
//!
//! `mtk_iommu` writes the address of its page tables to registers that are nothing but memory. This
//! module has the same registers mapped, and does what the hardware would do: it translates with
//! these tables, moves data for devices behind it, acknowledges invalidations, and raises the
//! interrupt of a fault. Nothing here is shared with the code that writes the tables.
//!
//! An entry leaves its caches only when the driver invalidates it or its place is needed.
//! Hardware would then quietly go by what is no longer so; we look it up again and complain.
//!
//! - [`registers`] are the register windows;
//! - [`bus`] is memory by its physical address;
//! - [`decode`] is what the bits of a table mean;
//! - [`cache`] keeps translations and walks, [`engine`] uses them and finds what is wrong;
//! - [`dma`] is what devices call;
//! - [`fault`] tells the driver of accesses to nothing;
//! - [`thread`] watches the registers; [`counts`] is what debugfs shows.
//!
//! Documentation/iommu/soft_m4u.rst says how to run it, and what it cannot prove.

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
    // Dropped in this order: the thread and the file use the engine.
    _thread: thread::Thread,
    #[pin]
    _state: debugfs::File<()>,
    _engine: Installed,
}

/// The engine is in its place.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        // Unmapping the registers may sleep.
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

/// The text about the engine.
fn show(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    engine::locked(|engine| match engine {
        Some(engine) => engine.show(f),
        None => Ok(()),
    })
}
