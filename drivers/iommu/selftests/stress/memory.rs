// SPDX-License-Identifier: GPL-2.0

//! Memory as the walker reads it: the CPU's if it snoops, otherwise what was written back.
//!
//! An emulated machine has no caches, so that missing cache maintenance has no effect there.
//! [`Kept`] therefore models the memory of a walker that does not snoop: an ftrace handler on entry
//! to `dma_map_phys()` and `__dma_sync_single_for_device()` copies the data that they write back.
//! The KUnit suite `v7s_sync` has such a model for one thread; this one is for many.

use core::ptr::NonNull;

use kernel::{
    bindings,
    error::to_result,
    ffi::c_ulong,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

use crate::physical::entries_at;

// In helpers.c. `ftrace_regs` is opaque, which the lint minds.
#[allow(improper_ctypes)]
extern "C" {
    fn v7s_stress_ftrace_argument(fregs: *mut bindings::ftrace_regs, n: c_uint) -> c_ulong;
}

/// Returns the CPU's data at `phys`, a multiple of 4; zero where there is no memory.
pub(crate) fn read(phys: u64) -> u32 {
    entries_at(phys).map_or(0, |entry| {
        // SAFETY: There is memory, and an aligned word of it can be read whatever it is.
        unsafe { entry.read_volatile() }
    })
}

/// Bytes that are found together: a second-level table, or a part of the first-level one.
const BLOCK: u64 = 1024;
/// Number of blocks. Few are needed, because the memory of freed tables is used again.
const BLOCKS: usize = 1 << 14;

/// The golden ratio, which spreads consecutive numbers evenly.
const GOLDEN: u32 = 0x9e37_79b9;

/// A copy of a block.
struct Block {
    /// Number of the block: its physical address in blocks; zero if unused.
    number: Atomic<u32>,
    entries: [Atomic<u32>; BLOCK as usize / 4],
}

/// Data that was written back for one device.
#[repr(C)]
pub(crate) struct Kept {
    // The first field, so that the pointer that ftrace passes to its handler points to the whole.
    ops: Opaque<bindings::ftrace_ops>,
    dev: *mut bindings::device,
    /// A hash table from which nothing is removed.
    blocks: KVVec<Block>,
    /// Number of blocks that did not fit.
    lost: Atomic<u32>,
    /// Number of calls of the handler.
    calls: Atomic<u32>,
}

// SAFETY: `ops` is used by ftrace only, `dev` is compared, and the rest may be shared.
unsafe impl Send for Kept {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for Kept {}

impl Kept {
    fn new(dev: *mut bindings::device) -> Result<KBox<Self>> {
        let mut blocks = KVVec::with_capacity(BLOCKS, GFP_KERNEL)?;
        for _ in 0..BLOCKS {
            let block = Block {
                number: Atomic::new(0),
                entries: [const { Atomic::new(0) }; BLOCK as usize / 4],
            };
            blocks.push(block, GFP_KERNEL)?;
        }
        // SAFETY: Zeroes are what C initialises the structure with.
        let mut ops: bindings::ftrace_ops = unsafe { core::mem::zeroed() };
        ops.func = Some(on_write_back);
        let this = Self {
            ops: Opaque::new(ops),
            dev,
            blocks,
            lost: Atomic::new(0),
            calls: Atomic::new(0),
        };
        Ok(KBox::new(this, GFP_KERNEL)?)
    }

    /// Returns the copy of the block at `phys`; makes it if there is none and `make` is true.
    fn block(&self, phys: u64, make: bool) -> Option<&Block> {
        let number = (phys / BLOCK) as u32;
        let start = number.wrapping_mul(GOLDEN) as usize;
        let places = (0..BLOCKS).map(|i| &self.blocks[(start + i) % BLOCKS]);
        for block in places {
            let found = match block.number.load(Relaxed) {
                0 if make => match block.number.cmpxchg(0, number, Relaxed) {
                    Ok(_) => number,
                    Err(other) => other,
                },
                found => found,
            };
            match found {
                0 => return None,
                found if found == number => return Some(block),
                _ => (),
            }
        }
        None
    }

    fn write_back(&self, phys: u64, size: usize) {
        // Delays the write to the model, so that a caller is detected that relies on the write-back
        // of another one before it has ended.
        let turns = match self.calls.fetch_add(1, Relaxed) {
            calls if calls % 4 == 0 => calls.wrapping_mul(GOLDEN) >> 22,
            _ => 0,
        };
        for _ in 0..turns {
            core::hint::spin_loop();
        }
        for phys in (phys..phys + size as u64).step_by(4) {
            match self.block(phys, true) {
                Some(block) => {
                    block.entries[(phys % BLOCK) as usize / 4].store(read(phys), Relaxed)
                }
                None => {
                    self.lost.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Returns the walker's data at `phys`: zero where nothing was ever written back.
    pub(crate) fn read(&self, phys: u64) -> u32 {
        self.block(phys, false).map_or(0, |block| {
            block.entries[(phys % BLOCK) as usize / 4].load(Relaxed)
        })
    }

    /// Returns true if all blocks fitted.
    pub(crate) fn is_complete(&self) -> bool {
        self.lost.load(Relaxed) == 0
    }
}

/// # Safety
///
/// Called by ftrace on entry to functions whose first arguments are a device, an address and a
/// size; `ops` is that of a live [`Kept`].
unsafe extern "C" fn on_write_back(
    _ip: c_ulong,
    _parent: c_ulong,
    ops: *mut bindings::ftrace_ops,
    fregs: *mut bindings::ftrace_regs,
) {
    // SAFETY: The caller passes a live `Kept` as `ops`; a `Kept` begins with its `ops`.
    let kept = unsafe { &*ops.cast::<Kept>() };
    // SAFETY: `fregs` is valid.
    let argument = |n| unsafe { v7s_stress_ftrace_argument(fregs, n) };
    if argument(0) == kept.dev as usize {
        kept.write_back(argument(1) as u64, argument(2));
    }
}

/// A [`Kept`] whose handler is registered until this is dropped.
///
/// # Invariants
///
/// The pointer came from a box, which is ours, and its `ops` are registered.
pub(crate) struct Watch(NonNull<Kept>);

// SAFETY: A `Kept` may be shared and sent.
unsafe impl Send for Watch {}
// SAFETY: It may be used from several threads at a time.
unsafe impl Sync for Watch {}

impl Watch {
    /// Registers a handler that records write-backs for `dev`, which is compared only.
    pub(crate) fn new(dev: *mut bindings::device) -> Result<Self> {
        let kept = NonNull::from(KBox::leak(Kept::new(dev)?));
        // SAFETY: Not registered yet; names are only read.
        let result = unsafe {
            [c"dma_map_phys", c"__dma_sync_single_for_device"]
                .iter()
                .try_for_each(|name| {
                    let name = name.to_bytes();
                    to_result(bindings::ftrace_set_filter(
                        kept.cast().as_ptr(),
                        name.as_ptr().cast_mut().cast(),
                        name.len() as c_int,
                        0,
                    ))
                })
                .and_then(|()| to_result(bindings::register_ftrace_function(kept.cast().as_ptr())))
        };
        match result {
            // INVARIANT: Just made and registered.
            Ok(()) => Ok(Self(kept)),
            Err(e) => {
                pr_err!("ftrace does not show what is written back\n");
                // SAFETY: Not registered, so that no handler uses it.
                unsafe {
                    bindings::ftrace_free_filter(kept.cast().as_ptr());
                    drop(KBox::from_raw(kept.as_ptr()));
                }
                Err(e)
            }
        }
    }
}

impl core::ops::Deref for Watch {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        // SAFETY: Valid until dropped (invariant).
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: Registered (invariant). No CPU is in the handler after that.
        unsafe {
            bindings::unregister_ftrace_function(self.0.cast().as_ptr());
            bindings::ftrace_free_filter(self.0.cast().as_ptr());
            drop(KBox::from_raw(self.0.as_ptr()));
        }
    }
}
