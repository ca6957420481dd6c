// SPDX-License-Identifier: GPL-2.0

//! The list of live table sets.

use core::ptr::NonNull;

use kernel::{
    prelude::*,
    sync::global_lock, //
};

use crate::table_set::IoPgtableArmV7s;

/// A live set. Its memory is freed only after [`remove`].
struct Live {
    number: u64,
    set: NonNull<IoPgtableArmV7s>,
}

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Live {}

/// All live sets, in the order in which they were made.
struct Sets {
    live: KVec<Live>,
    /// Number of sets made so far.
    made: u64,
}

global_lock! {
    // SAFETY: `init` initializes it before any set can be made.
    unsafe(uninit) static SETS: Mutex<Sets> = Sets {
        live: KVec::new(),
        made: 0,
    };
}

/// Initializes the list.
///
/// # Safety
///
/// To be called once, before any set is made.
pub(crate) unsafe fn init() {
    // SAFETY: The caller calls this once, and nothing has used the lock before.
    unsafe { SETS.init() };
}

/// Adds a set; may sleep. Returns [`ENOMEM`] if there is no room for it.
///
/// # Safety
///
/// `set` is valid until it is given to [`remove`].
pub(crate) unsafe fn add(set: NonNull<IoPgtableArmV7s>) -> Result {
    let mut sets = SETS.lock();
    let number = sets.made;
    sets.live.push(Live { number, set }, GFP_KERNEL)?;
    sets.made += 1;
    Ok(())
}

/// Removes a set, after the last reader has left it; may sleep.
pub(crate) fn remove(set: NonNull<IoPgtableArmV7s>) {
    let mut sets = SETS.lock();
    if let Some(at) = sets.live.iter().position(|live| live.set == set) {
        let _ = sets.live.remove(at);
    }
    if sets.live.is_empty() {
        // Freed here because statics are not dropped when the module is unloaded.
        sets.live = KVec::new();
    }
}

/// Calls `look` for each set whose number is `first` or higher, in order, until it returns
/// something; may sleep. The set stays until `look` returns.
pub(crate) fn find_from<R>(
    first: u64,
    mut look: impl FnMut(u64, &IoPgtableArmV7s) -> Option<R>,
) -> Option<R> {
    let sets = SETS.lock();
    sets.live
        .iter()
        .filter(|live| live.number >= first)
        // SAFETY: Listed sets are valid, and stay listed while the lock is held.
        .find_map(|live| look(live.number, unsafe { live.set.as_ref() }))
}
