// SPDX-License-Identifier: GPL-2.0

//! The table sets there are, for people to look at: `io_pgtable_arm_v7s_rust/tables` in debugfs.

use crate::{
    entry,
    pgtable::IoPgtableArmV7s, //
};
use core::ptr::NonNull;
use kernel::{
    fmt,
    prelude::*,
    sync::global_lock, //
};

/// A live set. Its memory is freed only after [`remove`].
struct Live(NonNull<IoPgtableArmV7s>);

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Live {}

global_lock! {
    // SAFETY: `init` is called when the module is loaded, before any set can be made.
    unsafe(uninit) static SETS: Mutex<KVec<Live>> = KVec::new();
}

/// # Safety
///
/// To be called once, when the module is loaded.
pub(crate) unsafe fn init() {
    // SAFETY: By the function's requirements.
    unsafe { SETS.init() };
}

/// Lists a set; may sleep. [`ENOMEM`] if there is no room for it.
///
/// # Safety
///
/// `set` is valid until it is given to [`remove`].
pub(crate) unsafe fn add(set: NonNull<IoPgtableArmV7s>) -> Result {
    Ok(SETS.lock().push(Live(set), GFP_KERNEL)?)
}

/// Takes a set off the list; may sleep.
pub(crate) fn remove(set: NonNull<IoPgtableArmV7s>) {
    let mut sets = SETS.lock();
    if let Some(at) = sets.iter().position(|live| live.0 == set) {
        // Cannot fail: it was just found.
        let _ = sets.remove(at);
    }
}

/// Writes a line about each set, below a line that names the columns.
pub(crate) fn show(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("ias oas quirks page_sizes walker l1 l2_tables l2_lowest l2_highest bytes\n")?;
    let sets = SETS.lock();
    for live in sets.iter() {
        // SAFETY: Listed sets are valid, and stay listed while the lock is held.
        show_set(unsafe { live.0.as_ref() }, f)?;
    }
    Ok(())
}

/// One line: the configuration as the driver asked for it, where the tables are, and the bytes that
/// they take.
fn show_set(set: &IoPgtableArmV7s, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let cfg = set.cfg();
    let walker = if cfg.walker().is_coherent() {
        "coherent"
    } else {
        "noncoherent"
    };
    // First-level slots only: second-level tables may go while we look.
    let (mut tables, mut lowest, mut highest) = (0, u64::MAX, 0);
    for raw in set.l1().iter().map(|slot| slot.load()) {
        if entry::is_table(raw) {
            let phys = entry::table_paddr(raw, cfg.mtk_ttbr_ext());
            (lowest, highest) = (phys.min(lowest), phys.max(highest));
            tables += 1;
        }
    }
    write!(
        f,
        "{} {} {:#x} {:#x} {} {:#x} {}",
        cfg.ias(),
        cfg.oas(),
        cfg.quirks(),
        cfg.page_sizes(),
        walker,
        set.l1_phys(),
        tables
    )?;
    if tables == 0 {
        f.write_str(" - -")?;
    } else {
        write!(f, " {lowest:#x} {highest:#x}")?;
    }
    writeln!(f, " {}", set.l1_bytes() + set.l2_bytes(tables))
}
