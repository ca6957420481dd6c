// SPDX-License-Identifier: GPL-2.0

//! Mistakes that Rust code can make, in spite of all, and that the kernel's checks must find.
//!
//! Loading makes the mistake of the parameter's number; `plant_c.c` has mistakes that Rust has no
//! words for.

use core::{
    borrow::Borrow,
    hint::black_box, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

module! {
    type: Plant,
    name: "plant_rust",
    authors: ["v7s-rs developers"],
    description: "Makes mistakes on purpose, in Rust",
    license: "GPL",
    params: {
        mistake: u8 {
            default: 0,
            description: "1 behind the end, 2 after the end of life, 3 overflow, 4 sleep, 5 leak",
        },
    },
}

struct Plant;

impl kernel::Module for Plant {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // A reference in Linux 7.2, a value since.
        match *Borrow::<u8>::borrow(&module_parameters::mistake.value()) {
            1 => behind_the_end()?,
            2 => after_its_life()?,
            3 => overflow(),
            4 => sleep_under_a_spinlock()?,
            5 => leak()?,
            other => {
                pr_err!("there is no mistake {}\n", other);
                return Err(EINVAL);
            }
        }
        Ok(Plant)
    }
}

fn behind_the_end() -> Result {
    let buffer = KBox::new([0u8; 61], GFP_KERNEL)?;
    // SAFETY: None: the byte is not the buffer's. That is the mistake.
    black_box(unsafe { buffer.as_ptr().add(black_box(61)).read() });
    Ok(())
}

fn after_its_life() -> Result {
    let number = KBox::into_raw(KBox::new(1u64, GFP_KERNEL)?);
    // SAFETY: Just made from a box.
    drop(unsafe { KBox::from_raw(number) });
    // SAFETY: None: the number has been freed. That is the mistake.
    black_box(unsafe { number.read() });
    Ok(())
}

fn overflow() {
    black_box(black_box(u32::MAX) + 1);
}

fn sleep_under_a_spinlock() -> Result {
    let lock: Arc<SpinLock<u32>> = Arc::pin_init(new_spinlock!(0), GFP_KERNEL)?;
    let guard = lock.lock();
    KBox::new(1u64, GFP_KERNEL)?;
    drop(guard);
    Ok(())
}

fn leak() -> Result {
    core::mem::forget(KBox::new([0u8; 61], GFP_KERNEL)?);
    Ok(())
}
