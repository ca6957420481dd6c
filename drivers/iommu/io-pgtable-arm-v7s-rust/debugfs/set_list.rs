// SPDX-License-Identifier: GPL-2.0

//! The table sets there are, for people to look at: `io_pgtable_arm_v7s_rust/tables` in debugfs has
//! a line for each, and `io_pgtable_arm_v7s_rust/sets` a folder.

use core::ptr::NonNull;

use kernel::{
    fmt,
    prelude::*,
    sync::global_lock, //
};

use crate::{
    debugfs::{
        line_file::{
            Folder,
            Lines, //
        },
        set_files::{
            walker_name,
            Tables,
            View, //
        }, //
    },
    table_set::IoPgtableArmV7s, //
};

/// A live set. Its memory is freed only after [`remove`].
struct Live {
    id: u64,
    set: NonNull<IoPgtableArmV7s>,
    _view: Option<View>,
}

// SAFETY: Table sets may be used from any thread.
unsafe impl Send for Live {}

/// All of them, in the order in which they were made.
struct Sets {
    live: KVec<Live>,
    /// How many there have been.
    made: u64,
    /// Where their folders are. It goes with the one above it when the module does, and with it
    /// goes this.
    folder: Option<Folder>,
}

global_lock! {
    // SAFETY: `init` is called when the module is loaded, before any set can be made.
    unsafe(uninit) static SETS: Mutex<Sets> = Sets {
        live: KVec::new(),
        made: 0,
        folder: None,
    };
}

/// Gets ready for sets, and makes in `debugfs` what shows them.
///
/// # Safety
///
/// To be called once, when the module is loaded. `debugfs` is dropped only when it is unloaded.
pub(crate) unsafe fn init(debugfs: &Folder) {
    // SAFETY: By the function's requirements.
    unsafe {
        SETS.init();
        debugfs.file::<List>(c"tables", &());
    }
    SETS.lock().folder = Some(Folder::new(c"sets", Some(debugfs)));
}

/// Lists a set; may sleep. [`ENOMEM`] if there is no room for it.
///
/// # Safety
///
/// `set` is valid until it is given to [`remove`].
pub(crate) unsafe fn add(set: NonNull<IoPgtableArmV7s>) -> Result {
    let mut sets = SETS.lock();
    sets.live.reserve(1, GFP_KERNEL)?;
    let id = sets.made;
    sets.made += 1;
    // SAFETY: By the function's requirements; `remove` drops the view.
    let view = |folder| unsafe { View::new(id, folder, set.as_ref()) };
    let _view = sets.folder.as_ref().and_then(view);
    sets.live.push(Live { id, set, _view }, GFP_KERNEL)?;
    Ok(())
}

/// Takes a set off the list and waits for those who look at it; may sleep.
pub(crate) fn remove(set: NonNull<IoPgtableArmV7s>) {
    let mut sets = SETS.lock();
    let at = sets.live.iter().position(|live| live.set == set);
    let live = at.and_then(|at| sets.live.remove(at).ok());
    if sets.live.is_empty() {
        // The module may go, and nobody drops a static then.
        sets.live = KVec::new();
    }
    // Others need not wait.
    drop(sets);
    drop(live);
}

/// `tables`: a line for each set, its number being the position: the configuration as the driver
/// asked for it, where the tables are, and the bytes that they take.
#[derive(Zeroable)]
struct List {
    ias: u32,
    oas: u32,
    quirks: usize,
    page_sizes: usize,
    coherent: bool,
    l1: u64,
    tables: Tables,
    bytes: usize,
}

impl Lines for List {
    type Of = ();

    const HEADER: &'static str =
        "ias oas quirks page_sizes walker l1 l2_tables l2_lowest l2_highest bytes\n";

    fn find(&mut self, _of: &(), position: u64) -> Option<u64> {
        let sets = SETS.lock();
        let live = sets.live.iter().find(|live| live.id >= position)?;
        // SAFETY: Listed sets are valid, and stay listed while the lock is held.
        let set = unsafe { live.set.as_ref() };
        let cfg = set.cfg();
        let tables = Tables::of(set);
        *self = Self {
            ias: cfg.ias(),
            oas: cfg.oas(),
            quirks: cfg.quirks(),
            page_sizes: cfg.page_sizes(),
            coherent: cfg.walker().is_coherent(),
            l1: set.l1_phys(),
            bytes: set.l1_bytes() + tables.bytes(set),
            tables,
        };
        Some(live.id + 1)
    }

    fn show(&self, _of: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ias,
            oas,
            quirks,
            page_sizes,
            coherent,
            l1,
            tables,
            bytes,
        } = self;
        let walker = walker_name(*coherent);
        write!(
            f,
            "{ias} {oas} {quirks:#x} {page_sizes:#x} {walker} {l1:#x} {} ",
            tables.count
        )?;
        match tables.count {
            0 => f.write_str("- -")?,
            _ => write!(f, "{:#x} {:#x}", tables.lowest, tables.highest)?,
        }
        writeln!(f, " {bytes}")
    }
}
