// SPDX-License-Identifier: GPL-2.0

//! A table set: one first-level table, the second-level tables it refers to, and the way from an
//! input address through them.

use core::ptr::NonNull;

use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

use crate::{
    config::Config,
    format::{
        barrier,
        entry::{
            self,
            Leaf,
            NoTable,
            Section,
            SmallPage,
            Vacant,
            INVALID,
            L2_ENTRIES, //
        },
        mark::Mark,
        slots::{
            all,
            clear_table,
            L2Slots,
            Slot, //
        }, //
    },
    memory::{
        readers::Readers,
        source::L2Tables,
        table::{
            L1,
            L2, //
        }, //
    },
    registers,
    slab::Gfp, //
};

// In helpers.c: `phys_to_virt()`.
extern "C" {
    fn v7s_linear_distance(phys: u64) -> usize;
}

/// ARMv7 short-descriptor page tables behind a `struct io_pgtable`.
///
/// All methods may be called at the same time from several threads and contexts, as long as no two
/// calls that change something concern the same input addresses; that is the io-pgtable contract.
///
/// # Invariants
///
/// - Every table entry in `l1` was written by [`grow`](Self::grow) and refers to a second-level
///   table from `tables` that is exclusively its own. So are the retired tables.
/// - The kernel's linear map keeps one distance between virtual and physical addresses of tables,
///   `linear`.
#[repr(C)]
pub(crate) struct IoPgtableArmV7s {
    // The first field, so that a pointer to it points to the table set. The io-pgtable core writes
    // to it after the set was made.
    iop: Opaque<bindings::io_pgtable>,
    l1: L1,
    linear: usize,
    cfg: Config,
    tables: L2Tables,
    readers: Readers,
}

// SAFETY: The tables and the device behind the pointers may be used from any thread.
unsafe impl Send for IoPgtableArmV7s {}
// SAFETY: Slots and marks allow shared mutation. `iop` is written before the set is shared.
unsafe impl Sync for IoPgtableArmV7s {}

/// Returns the C half of a new set. The io-pgtable core fills in the rest.
#[inline(never)] // For a stack frame of its own.
fn new_iop(ops: bindings::io_pgtable_ops) -> Opaque<bindings::io_pgtable> {
    Opaque::new(bindings::io_pgtable {
        ops,
        ..Default::default()
    })
}

impl IoPgtableArmV7s {
    /// Makes an empty table set for `cfg`, and completes `cfg` as the interface asks: page sizes
    /// narrowed to what can be had, register values filled in.
    ///
    /// May sleep. [`EINVAL`] for a configuration that cannot be served, [`ENOMEM`], [`ERANGE`] if
    /// the first-level table does not fit, [`EIO`] if the device cannot reach it.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(
        cfg: &mut bindings::io_pgtable_cfg,
        ops: bindings::io_pgtable_ops,
    ) -> Result<KBox<Self>> {
        let config = Config::new(cfg)?;
        let tables = L2Tables::new(&config)?;
        let readers = Readers::new()?;
        let l1 = L1::new(&config)?;
        let phys = l1.phys();
        // SAFETY: The first-level table is in the linear map.
        let linear = unsafe { v7s_linear_distance(phys.as_u64()) };
        // INVARIANT: The first-level table is empty, and in the linear map like all of them.
        let this = KBox::new(
            Self {
                iop: new_iop(ops),
                l1,
                linear,
                cfg: config,
                tables,
                readers,
            },
            GFP_KERNEL,
        )?;
        // Orders the empty table before the register that points to it.
        barrier::publish();
        cfg.pgsize_bitmap = config.page_sizes();
        cfg.__bindgen_anon_1.arm_v7s_cfg = this.registers();
        Ok(this)
    }

    /// Returns the C half of the table set.
    #[inline(always)]
    pub(crate) fn iop(&self) -> *mut bindings::io_pgtable {
        self.iop.get()
    }

    /// Returns the configuration of the set.
    #[inline(always)]
    pub(crate) fn cfg(&self) -> &Config {
        &self.cfg
    }

    /// Returns all first-level slots, one for each MiB of input addresses.
    #[inline(always)]
    pub(crate) fn l1(&self) -> &[Slot] {
        &self.l1
    }

    /// Returns the physical address of the first-level table.
    pub(crate) fn l1_phys(&self) -> u64 {
        self.l1.phys().as_u64()
    }

    /// Returns the bytes that the first-level table takes.
    pub(crate) fn l1_bytes(&self) -> usize {
        self.l1.bytes()
    }

    /// Returns the bytes that `tables` second-level tables take.
    pub(crate) fn l2_bytes(&self, tables: usize) -> usize {
        self.tables.bytes(tables)
    }

    /// Returns the lock that debugfs readers take, with the retired tables.
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Returns the values for the registers of the walker.
    pub(crate) fn registers(&self) -> registers::Registers {
        registers::of(&self.cfg, self.l1.phys())
    }

    /// Returns a pointer to the second-level table that a first-level entry refers to.
    #[inline(always)]
    fn l2_ptr(&self, table_entry: u32) -> *mut L2Slots {
        let phys = entry::table_paddr(table_entry, self.cfg.mtk_ttbr_ext());
        self.linear.wrapping_add(phys as usize) as *mut L2Slots
    }

    /// Returns the slots of the second-level table that a first-level entry refers to.
    ///
    /// # Safety
    ///
    /// `table_entry` was read from this set and is a table entry, and no caller removes the table
    /// while the result is in use: the caller has part of its 1 MiB of addresses to itself, or
    /// looks at a mapping that is its own.
    #[inline(always)]
    pub(crate) unsafe fn l2(&self, table_entry: u32) -> &[Slot; L2_ENTRIES] {
        // SAFETY: Table entries refer to live tables (type invariant) as long as no caller removes
        // them (function requirement). A new table's content was ordered before its entry, the read
        // of which this address depends on.
        unsafe { &(*self.l2_ptr(table_entry)).0 }
    }

    /// Returns the first-level slot for `iova` and its mark, unless `iova` is out of range.
    #[inline(always)]
    pub(crate) fn slot(&self, iova: usize) -> Option<(&Slot, &Mark)> {
        self.l1.slot(iova >> Section::SHIFT)
    }

    /// Returns the slots from `iova` on, with their marks.
    #[inline(always)]
    pub(crate) fn slots_from(&self, iova: usize) -> (&[Slot], &[Mark]) {
        let mib = iova >> Section::SHIFT;
        (
            self.l1.get(mib..).unwrap_or_default(),
            self.l1.marks().get(mib..).unwrap_or_default(),
        )
    }

    /// Returns the second-level table for a first-level slot, made if the slot is empty. Returns
    /// [`EEXIST`] if a section is mapped there, [`ENOMEM`] if there is no memory, [`EINVAL`] for
    /// `gfp` with zone bits.
    ///
    /// # Safety
    ///
    /// The caller has part of the slot's 1 MiB of input addresses to itself while it uses the
    /// result.
    #[inline(always)]
    pub(crate) unsafe fn l2_or_grow(
        &self,
        (slot, mark): (&Slot, &Mark),
        gfp: Gfp,
    ) -> Result<&[Slot; L2_ENTRIES]> {
        let mut raw = slot.load();
        if !entry::is_table(raw) {
            if raw != INVALID {
                return Err(EEXIST);
            }
            raw = self.grow(slot, gfp)?;
        }
        // The caller that installed the table may still be on its way here.
        if !self.cfg.walker().is_coherent() && !mark.is_seen() {
            self.show(slot, mark);
        }
        // SAFETY: It is a table entry of this set; part of the slot's addresses is the caller's.
        Ok(unsafe { self.l2(raw) })
    }

    /// Makes a first-level entry visible to a walker that does not snoop.
    #[cold]
    fn show(&self, slot: &Slot, mark: &Mark) {
        self.cfg.walker().sync_one(slot);
        mark.set_seen();
    }

    /// Installs an empty second-level table in an empty slot and returns its entry, or the entry of
    /// another CPU that was first.
    #[cold]
    fn grow(&self, slot: &Slot, gfp: Gfp) -> Result<u32> {
        // Validate gfp first, so that the result does not depend on the retired tables.
        if let Some(why) = gfp.why_refused() {
            if !self.cfg.no_warn() {
                self.cfg.subject().report(fmt!(
                    "no second-level table for gfp {:#x}: {why}",
                    gfp.as_raw()
                ));
            }
            return Err(EINVAL);
        }
        let kept = self.take_retired();
        let raw = match kept {
            Some(raw) => raw,
            None => self.new_l2(gfp)?,
        };
        // INVARIANT: If it succeeds, the slot's entry owns the table.
        let Err(other) = slot.install(raw) else {
            return Ok(raw);
        };
        // SAFETY: The table is of this set, and no entry refers to it.
        unsafe {
            match kept {
                Some(raw) => self.keep(raw),
                None => drop(self.take_l2(raw)),
            }
        }
        if entry::is_table(other) {
            Ok(other)
        } else {
            Err(EEXIST)
        }
    }

    /// Allocates a second-level table and returns the entry for it.
    fn new_l2(&self, gfp: Gfp) -> Result<u32> {
        // Report an unreachable table as -ENOMEM, as C does.
        let (l2, phys) = L2::new(&self.cfg, &self.tables, gfp.no_warn()).map_err(|e| match e {
            EINVAL => EINVAL,
            e => {
                if e == ENOMEM {
                    self.cfg.subject().no_memory(gfp, "second-level");
                }
                ENOMEM
            }
        })?;
        l2.into_raw();
        Ok(entry::encode_table(phys, self.cfg.format()))
    }

    /// Takes the second-level table back that an entry referred to.
    ///
    /// # Safety
    ///
    /// `table_entry` is one of this set that no slot holds, or not any more, and its owner is the
    /// caller. The walker does not know the table, or has been told to forget it.
    pub(crate) unsafe fn take_l2(&self, table_entry: u32) -> L2<'_> {
        let phys = entry::table_paddr(table_entry, self.cfg.mtk_ttbr_ext());
        // SAFETY: The linear map holds no table at zero.
        let slots = unsafe { NonNull::new_unchecked(self.l2_ptr(table_entry)) };
        // SAFETY: It is a table of this set (type invariant), to which no entry refers any more;
        // the entry has its physical address.
        unsafe { L2::from_raw(slots, phys, &self.tables, self.cfg.walker()) }
    }

    /// Takes the second-level table for the section at `iova` out of use. Returns true if the
    /// driver has a callback to invalidate the walker's caches: the table is then to be given to
    /// [`free_tables`](Self::free_tables). It is a retired table otherwise.
    ///
    /// # Safety
    ///
    /// `table_entry` was a table entry of this set, has been overwritten since, and its owner is
    /// the caller.
    pub(crate) unsafe fn retire(&self, table_entry: u32, iova: usize) -> bool {
        if self.flush_walk(iova, Section::SIZE, SmallPage::SIZE) {
            return true;
        }
        // SAFETY: The caller owns the table, and no entry refers to it.
        unsafe { self.keep(table_entry) };
        false
    }

    /// Frees second-level tables, when no reader is left.
    ///
    /// # Safety
    ///
    /// [`retire`](Self::retire) returned true for each of the entries, and the caller still owns
    /// their tables.
    pub(crate) unsafe fn free_tables(&self, entries: impl Iterator<Item = u32>) {
        self.readers.wait();
        for table_entry in entries {
            // SAFETY: The caller owns the table. No entry refers to it, the walker was told to
            // forget it, and no reader is left.
            drop(unsafe { self.take_l2(table_entry) });
        }
    }

    /// Keeps a second-level table that an entry referred to as a retired one, with its content.
    ///
    /// # Safety
    ///
    /// `table_entry` was a table entry of this set, no slot holds it any more, and its owner is the
    /// caller.
    unsafe fn keep(&self, table_entry: u32) {
        // SAFETY: The table is the caller's, and of this set.
        let first = unsafe { &self.l2(table_entry)[0] };
        self.readers
            .with_retired(|retired| retired.push(table_entry, first));
    }

    /// Takes a retired table as it is and returns the entry for it, which the caller owns.
    fn pop(&self) -> Option<u32> {
        // Most sets never retire a table; this check avoids the lock.
        if self.readers.retired() == 0 {
            return None;
        }
        self.readers.with_retired(|retired| {
            // SAFETY: A retired table belongs to this set, and stays until it is taken, under this
            // lock.
            retired.pop(|table_entry| unsafe { &self.l2(table_entry)[0] })
        })
    }

    /// Takes a retired table, empties it and returns the entry for it, which the caller owns.
    fn take_retired(&self) -> Option<u32> {
        let table_entry = self.pop()?;
        // SAFETY: The table was just taken from the retired ones, so that no entry refers to it.
        unsafe { self.empty(table_entry) };
        Some(table_entry)
    }

    /// Returns true if a first-level entry maps nothing, or refers to a table that maps nothing.
    ///
    /// # Safety
    ///
    /// The entry was read from this set, and all of its input addresses are the caller's alone.
    pub(crate) unsafe fn is_gap(&self, raw: u32) -> bool {
        // SAFETY: Read from this set; the caller has all addresses, so that no other removes it.
        raw == INVALID || entry::is_table(raw) && all::<Vacant>(unsafe { self.l2(raw) })
    }

    /// Makes a first-level entry invalid that refers to a table, of which the caller has all input
    /// addresses to itself.
    pub(crate) fn disconnect(&self, slot: &Slot, mark: &Mark) {
        mark.clear();
        slot.store(INVALID);
        self.cfg.walker().sync_one(slot);
    }

    /// Makes all entries of a second-level table invalid.
    ///
    /// # Safety
    ///
    /// `table_entry` is a table entry of this set, and all addresses that its slots stand for are
    /// the caller's alone.
    pub(crate) unsafe fn empty(&self, table_entry: u32) {
        // SAFETY: The caller owns the table.
        let l2 = unsafe { self.l2(table_entry) };
        clear_table(l2);
        self.cfg.walker().sync(l2);
    }

    /// Logs that a call was refused, unless the driver wants no such lines
    /// (IO_PGTABLE_QUIRK_NO_WARN) or there have been many lately.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&self, call: &str, iova: usize, pgsize: usize, why: &str) {
        if !self.cfg.no_warn() {
            self.cfg.subject().refused(call, iova, pgsize, why);
        }
    }

    /// Writes the entries that a walk for `iova` meets to `ptes`, each at the number of its level:
    /// 1 and 2. [`EINVAL`] if nothing is mapped there; entries up to that point are written.
    ///
    /// May be called at any time, wherever a spin lock may be taken with interrupts off.
    pub(crate) fn walk(&self, iova: usize, ptes: &mut [u64; 4]) -> Result {
        let slot = self.l1().get(iova >> Section::SHIFT).ok_or(EINVAL)?;
        let look = || {
            let l1 = slot.load();
            let table = entry::is_table(l1);
            // SAFETY: Read from this set; a table is freed only after the lock was taken.
            let l2 = table.then(|| unsafe { self.l2(l1) }[l2_index(iova)].load());
            (l1, l2)
        };
        let (l1, l2) = self.readers().with(look);
        ptes[1] = l1.into();
        let mapping = match l2 {
            Some(l2) => {
                ptes[2] = l2.into();
                entry::decode_l2(l2, self.cfg.format().extended)
            }
            None => entry::decode_l1(l1, self.cfg.format().extended),
        };
        mapping.map(|_| ()).ok_or(EINVAL)
    }

    /// Translates an input address; zero, which is what the interface asks for, if it is not
    /// mapped.
    ///
    /// # Safety
    ///
    /// No other call changes the mapping of `iova` at the same time.
    #[inline(always)]
    pub(crate) unsafe fn iova_to_phys(&self, iova: usize) -> u64 {
        let Some(slot) = self.l1.get(iova >> Section::SHIFT) else {
            return 0;
        };
        let extended = self.cfg.format().extended;
        let raw = slot.load();
        let mapping = if entry::is_table(raw) {
            // SAFETY: Read from this set; no other call changes the mapping (function requirement).
            let l2 = unsafe { self.l2(raw) };
            let raw = l2[l2_index(iova)].load();
            entry::decode_l2(raw, extended)
        } else {
            entry::decode_l1(raw, extended)
        };
        mapping.map_or(0, |mapping| mapping.translate(iova))
    }
}

/// Returns the index of an address in its second-level table.
#[inline(always)]
pub(crate) fn l2_index(iova: usize) -> usize {
    iova >> SmallPage::SHIFT & (L2_ENTRIES - 1)
}

/// First-level slots that are looked at together for tables to free.
const DROP_CHUNK: usize = 128;

impl Drop for IoPgtableArmV7s {
    fn drop(&mut self) {
        for slots in self.l1.chunks(DROP_CHUNK) {
            if all::<NoTable>(slots) {
                continue;
            }
            for raw in slots
                .iter()
                .map(Slot::load)
                .filter(|raw| entry::is_table(*raw))
            {
                // SAFETY: The set owns the table, and is not used any more, by the walker or by
                // callers.
                drop(unsafe { self.take_l2(raw) });
            }
        }
        while let Some(raw) = self.pop() {
            // SAFETY: The set owns its retired tables, and the walker does not use it any more.
            drop(unsafe { self.take_l2(raw) });
        }
    }
}
