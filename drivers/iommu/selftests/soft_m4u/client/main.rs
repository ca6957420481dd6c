// SPDX-License-Identifier: GPL-2.0

//! A driver of a device behind the soft M4U, which checks copies by the device.
//!
//! Takes commands in `soft_m4u_client/run` of debugfs; writing one fails if the check fails, and
//! the log has the reason. Reading the file returns the last report.
//!
//! | command | does | |---|---| | `coherent BYTES` | the device copies a buffer of
//! `dma_alloc_coherent()` to another | | `single BYTES` | copies with `dma_map_single()` | | `sg
//! BYTES` | copies with `dma_map_sgtable()` of memory from `vmalloc()` | | `scattered BYTES` |
//! copies with `dma_map_sgtable()` of pages that are not consecutive | | `threads COUNT ROUNDS` |
//! `COUNT` threads make `ROUNDS` copies each, of all kinds | | `hold KIND BYTES` | maps a buffer
//! that stays until the driver is unbound | | `late KIND BYTES` | the device writes to an unmapped
//! buffer: has to fail with `EFAULT` |

mod buffer;
#[path = "../../../../../mm/slab/module/compat.rs"]
mod compat;
mod exercise;
mod memory;
mod worker;

use kernel::{
    debugfs,
    device::Core,
    dma::{
        Device as _,
        DmaMask, //
    },
    fmt,
    new_mutex,
    of,
    platform,
    prelude::*,
    sizes::SZ_1M,
    sync::{
        aref::ARef,
        Mutex, //
    },
    uaccess::UserSliceReader, //
};

use buffer::{
    Access,
    Buffer, //
};
use exercise::{
    check_gone,
    round_trip,
    Report, //
};
use memory::Kind;

kernel::module_platform_driver! {
    type: Client,
    name: "soft_m4u_client",
    authors: ["v7s-rs developers"],
    description: "Sample: a driver whose device is behind the soft M4U",
    license: "GPL",
}

crate::of_device_table!(
    OF_TABLE,
    MODULE_OF_TABLE,
    <Client as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"v7s-rs,soft-m4u-client"), ())]
);

/// Data of the first of the buffers.
const SEED: u64 = 0x5eed;

/// State of the device while it is bound.
struct State {
    held: KVec<Buffer>,
    report: Option<Report>,
}

/// The data of the file.
#[pin_data]
struct Control {
    dev: ARef<platform::Device>,
    /// `None` once the driver is being unbound. One command at a time.
    #[pin]
    while_bound: Mutex<Option<State>>,
}

impl Control {
    fn new(dev: &platform::Device) -> impl PinInit<Self, Error> + '_ {
        try_pin_init!(Self {
            dev: dev.into(),
            while_bound <- new_mutex!(Some(State {
                held: KVec::new(),
                report: None,
            })),
        })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.while_bound.lock() {
            Some(State {
                report: Some(report),
                ..
            }) => report.show(f),
            _ => Ok(()),
        }
    }

    fn run(&self, reader: &mut UserSliceReader) -> Result {
        let mut text = [0; 64];
        let text = text.get_mut(..reader.len()).ok_or(EINVAL)?;
        reader.read_slice(text)?;
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let mut words = text.split_ascii_whitespace();
        let command = words.next().ok_or(EINVAL)?;
        let (first, second) = (words.next().ok_or(EINVAL)?, words.next());

        let mut while_bound = self.while_bound.lock();
        let state = (*while_bound).as_mut().ok_or(ENODEV)?;
        state.report = None;
        // SAFETY: The lock is held; unbinding takes it before the device goes.
        let dev = unsafe { self.dev.as_ref().as_bound() };
        match (command, second) {
            ("threads", Some(rounds)) => worker::in_threads(dev, number(first)?, number(rounds)?)?,
            ("hold", Some(bytes)) => {
                let (kind, bytes) = (kind(first)?, number(bytes)?);
                let buffer = Buffer::new(dev, kind, bytes, Access::Write, |_| {})?;
                state.held.push(buffer, GFP_KERNEL)?;
            }
            ("late", Some(bytes)) => {
                let (_, segments) = round_trip(dev, kind(first)?, number(bytes)?, SEED)?;
                let (iova, _) = *segments.first().ok_or(EIO)?;
                soft_m4u::fill(iova, 0xff, 1)?;
            }
            (_, None) => {
                let (report, gone) = round_trip(dev, kind(command)?, number(first)?, SEED)?;
                check_gone(&gone)?;
                state.report = Some(report);
            }
            _ => return Err(EINVAL),
        }
        // Commands exclude each other, and have waited for their threads.
        match soft_m4u::check()? {
            0 => Ok(()),
            _ => Err(EIO),
        }
    }
}

fn number(word: &str) -> Result<usize> {
    word.parse().map_err(|_| EINVAL)
}

fn kind(word: &str) -> Result<Kind> {
    let known = Kind::ALL.iter().find(|(name, _)| *name == word);
    known.map(|(_, kind)| *kind).ok_or(EINVAL)
}

#[pin_data]
struct Client {
    #[pin]
    control: debugfs::File<Control>,
}

impl platform::Driver for Client {
    type IdInfo = ();
    type Data<'bound> = Self;
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        dev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            // SAFETY: Nothing is mapped yet, and no other thread maps for this device.
            unsafe {
                dev.dma_set_mask_and_coherent(DmaMask::new::<32>())?;
                dev.dma_set_max_seg_size(SZ_1M as u32);
            }
            let dir = debugfs::Dir::new(c"soft_m4u_client");
            Ok(try_pin_init!(Self {
                control <- dir.read_write_callback_file(
                    c"run",
                    Control::new(dev),
                    &|control: &Control, f| control.show(f),
                    &|control: &Control, reader| control.run(reader),
                ),
            }))
        })
    }

    fn unbind<'bound>(dev: &'bound platform::Device<Core<'_>>, this: Pin<&Self>) {
        let state = this.control.while_bound.lock().take();
        let held = state.map_or(KVec::new(), |state| state.held);
        if !held.is_empty() {
            let bytes: usize = held.iter().map(|buffer| buffer.memory.bytes()).sum();
            dev_warn!(
                dev,
                "{} buffers of {} bytes were still mapped: unmapped\n",
                held.len(),
                bytes
            );
        }
    }
}
