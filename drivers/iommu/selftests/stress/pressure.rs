// SPDX-License-Identifier: GPL-2.0

//! v7s_pressure: more tables than there is memory for.
//!
//! For a machine with memory below and above 4 GiB. Runs when loaded, and leaves its results as
//! KTAP in `v7s_pressure/results` of debugfs: as many sets and tables as the parameters say; then,
//! with all memory below 4 GiB taken but `spare` MiB, mappings until there is none left. Load
//! `io_pgtable_arm_v7s_rust` first. The test checks the log, and that all memory is given back when
//! this module is unloaded.

mod low_memory;
mod set;

use kernel::{
    bindings,
    debugfs,
    fmt,
    prelude::*,
    sizes::{
        SZ_1M,
        SZ_4K, //
    }, //
};

use slab_rust::compat::parameter;

use low_memory::{
    is_any_elsewhere,
    LowMemory, //
};
use set::{
    Mapped,
    Set, //
};

module! {
    type: Pressure,
    name: "v7s_pressure",
    authors: ["v7s-rs developers"],
    description: "Test: ARMv7 short-descriptor tables when memory runs out",
    license: "GPL",
    params: {
        sets: u32 {
            default: 1000,
            description: "table sets that are there at a time",
        },
        tables: u32 {
            default: 256,
            description: "second-level tables in each of them",
        },
        spare: u32 {
            default: 64,
            description: "MiB below 4 GiB that are left for tables when memory runs out",
        },
    },
}

// In helpers.c.
unsafe extern "C" {
    safe fn v7s_stress_ttbr_quirks() -> usize;
}

/// Sections of input addresses.
const SECTIONS: usize = 4096;
/// Pages in a section.
const PAGES: usize = SZ_1M / SZ_4K;
/// MiB that the tables of a full set take, first-level one aside.
const FULL: usize = SECTIONS * 1024 / SZ_1M;
/// The result of a call that failed for lack of memory, without effect.
const NO_MEMORY: Mapped = Mapped {
    error: -(bindings::ENOMEM as c_int),
    bytes: 0,
};

/// A set with small pages, whose tables lie below 4 GiB or anywhere.
fn new_set(anywhere: bool) -> Result<Set> {
    let mut cfg = bindings::io_pgtable_cfg {
        quirks: if anywhere {
            v7s_stress_ttbr_quirks()
        } else {
            0
        },
        pgsize_bitmap: SZ_4K,
        ias: 32,
        oas: if anywhere { 35 } else { 32 },
        coherent_walk: true,
        ..Default::default()
    };
    // SAFETY: The configuration names neither callbacks nor a device.
    unsafe { Set::new(&mut cfg) }
}

/// A set, with a page in each of its first sections.
struct Filling {
    set: Set,
    /// Number of the set, which determines its output addresses.
    number: usize,
    /// Number of sections that have a page, and a table for it.
    filled: usize,
}

impl Filling {
    fn new(number: usize, anywhere: bool) -> Result<Self> {
        Ok(Self {
            set: new_set(anywhere)?,
            number,
            filled: 0,
        })
    }

    /// The input address of the page in a section.
    fn iova(section: usize) -> usize {
        section * SZ_1M + section % PAGES * SZ_4K
    }

    /// Returns the output address of the page: never zero, and different from that of other sets.
    fn paddr(&self, section: usize) -> u64 {
        (((self.number * 7919 + section) % 0xf_ff00 + 1) * SZ_4K) as u64
    }

    /// Maps the page in the next section. Returns the result if it was not right.
    fn map_next(&mut self, gfp: bindings::gfp_t) -> core::result::Result<(), Mapped> {
        let (iova, paddr) = (Self::iova(self.filled), self.paddr(self.filled));
        // SAFETY: No other thread has the set.
        match unsafe { self.set.map(iova, paddr, SZ_4K, 1, gfp) } {
            Mapped {
                error: 0,
                bytes: SZ_4K,
            } => {
                self.filled += 1;
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Maps pages until `sections` sections have one.
    fn fill(&mut self, sections: usize, gfp: bindings::gfp_t) -> core::result::Result<(), Mapped> {
        while self.filled < sections {
            self.map_next(gfp)?;
        }
        Ok(())
    }

    /// Returns true if all pages translate right, and pages beside them and the next section not at
    /// all.
    fn is_intact(&self) -> bool {
        // SAFETY: No other thread has the set.
        let leads = |iova| unsafe { self.set.translate(iova) };
        (0..self.filled).all(|section| {
            let iova = Self::iova(section);
            leads(iova) == self.paddr(section) && leads(iova ^ SZ_4K) == 0
        }) && (self.filled == SECTIONS || leads(Self::iova(self.filled)) == 0)
    }

    /// Maps the last pages of a section that has a table, and the first ones of the next, which has
    /// none, and unmaps them again. Returns true if the call stopped half-way for lack of memory,
    /// false if it mapped all; any other result is the error.
    fn stops_half_way(&self) -> Result<bool> {
        const HALF: usize = 8;
        let last = self.filled.checked_sub(1).ok_or(EINVAL)?;
        // At most the pages behind the section's own page.
        let pages = HALF.min(PAGES - 1 - last % PAGES);
        let iova = (last + 1) * SZ_1M - pages * SZ_4K;
        let paddr = SZ_1M as u64;
        let count = pages + HALF;
        // SAFETY: No other thread has the set.
        let said = unsafe {
            self.set
                .map(iova, paddr, SZ_4K, count, bindings::GFP_KERNEL)
        };
        let half = Mapped {
            bytes: pages * SZ_4K,
            ..NO_MEMORY
        };
        let all = Mapped {
            error: 0,
            bytes: count * SZ_4K,
        };
        let leads = (0..count).map(|page| page * SZ_4K).all(|at| {
            let expected = if at < said.bytes {
                paddr + at as u64
            } else {
                0
            };
            // SAFETY: The addresses belong to this thread.
            unsafe { self.set.translate(iova + at) == expected }
        });
        let mapped = said.bytes / SZ_4K;
        // SAFETY: The addresses belong to this thread.
        let unmapped = mapped == 0 || unsafe { self.set.unmap(iova, SZ_4K, mapped) } == said.bytes;
        if (said == half || said == all) && leads && unmapped {
            Ok(said == half)
        } else {
            Err(EIO)
        }
    }
}

/// Sets that are filled one after the other.
struct Fillings(KVVec<Filling>);

impl Fillings {
    /// Makes `count` empty sets, or as many as there is memory for.
    fn new(count: usize) -> Result<Self> {
        let mut sets = KVVec::with_capacity(count, GFP_KERNEL)?;
        for number in 0..count {
            match Filling::new(number, false) {
                Ok(set) => sets.push(set, GFP_KERNEL)?,
                Err(_) => break,
            }
        }
        Ok(Self(sets))
    }

    /// Fills all sets up to `sections`. Returns the result of the first call that failed.
    fn fill(&mut self, sections: usize, gfp: bindings::gfp_t) -> core::result::Result<(), Mapped> {
        self.0
            .iter_mut()
            .try_for_each(|set| set.fill(sections, gfp))
    }

    fn tables(&self) -> usize {
        self.0.iter().map(|set| set.filled).sum()
    }

    fn are_intact(&self) -> bool {
        self.0.iter().all(Filling::is_intact)
    }

    /// Returns true if a call stops half-way. It takes several tries, as other tasks may free
    /// memory meanwhile.
    fn stop_half_way(&mut self, gfp: bindings::gfp_t) -> bool {
        const PATIENCE: usize = 1000;
        for _ in 0..PATIENCE {
            match self.last().map_or(Err(EINVAL), |set| set.stops_half_way()) {
                // The table is there now, and its section has no page yet.
                Ok(false) => {
                    if self.fill(SECTIONS, gfp) != Err(NO_MEMORY) {
                        return false;
                    }
                }
                Ok(true) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// Returns the set that has some tables, and no memory for others.
    fn last(&mut self) -> Option<&mut Filling> {
        self.0
            .iter_mut()
            .find(|set| (1..SECTIONS).contains(&set.filled))
    }
}

/// A result, with a number for the test line.
struct Said {
    what: &'static str,
    good: bool,
    number: usize,
}

struct Results(KVec<Said>);

impl Results {
    fn new() -> Result<Self> {
        let mut this = Self(KVec::new());
        this.many()?;
        this.none_left()?;
        Ok(this)
    }

    fn say(&mut self, what: &'static str, good: bool, number: usize) -> Result {
        Ok(self.0.push(Said { what, good, number }, GFP_KERNEL)?)
    }

    /// Makes the number of tables in the parameters.
    fn many(&mut self) -> Result {
        let sets = parameter(&module_parameters::sets) as usize;
        let tables = (parameter(&module_parameters::tables) as usize).min(SECTIONS);
        let mut all = Fillings::new(sets)?;
        let result = all.fill(tables, bindings::GFP_KERNEL);
        self.say("there is memory for all sets", all.0.len() == sets, sets)?;
        self.say("and for all tables", result.is_ok(), all.tables())?;
        self.say("each page leads where it should", all.are_intact(), 0)
    }

    /// Makes tables until there is no memory.
    fn none_left(&mut self) -> Result {
        let spare = parameter(&module_parameters::spare) as usize;
        // More sets than will be filled: first-level tables need several contiguous pages, which
        // run out first.
        let mut all = Fillings::new(spare / FULL + 16)?;
        let low_memory = LowMemory::take_all(spare);
        self.say(
            "memory below 4 GiB is taken, MiB",
            low_memory.mib() > 0,
            low_memory.mib(),
        )?;

        let result = all.fill(SECTIONS, bindings::GFP_KERNEL);
        let enough = all.tables() > 0;
        let said = "mapping goes well, and is -ENOMEM when there is no more, tables";
        self.say(said, enough && result == Err(NO_MEMORY), all.tables())?;
        self.say("what was mapped is as it was", all.are_intact(), 0)?;
        let half_way = all.stop_half_way(bindings::GFP_KERNEL);
        self.say("a call that gets half-way says how far", half_way, 0)?;

        // The reserve for atomic allocations.
        let before = all.tables();
        let result = all.fill(SECTIONS, bindings::GFP_ATOMIC);
        let said = "GFP_ATOMIC is -ENOMEM when even its reserves are used, tables more";
        self.say(said, result == Err(NO_MEMORY), all.tables() - before)?;
        self.say("what was mapped is still as it was", all.are_intact(), 0)?;

        self.say("no new set is to be had", new_set(false).is_err(), 0)?;
        self.say("above 4 GiB there is memory", is_any_elsewhere(), 0)?;
        let anywhere = Filling::new(0, true).is_ok_and(|mut set| {
            set.fill(SECTIONS, bindings::GFP_KERNEL).is_ok() && set.is_intact()
        });
        self.say("also for tables that may lie there", anywhere, SECTIONS)?;

        drop(low_memory);
        let again = all
            .last()
            .is_some_and(|set| set.map_next(bindings::GFP_KERNEL).is_ok());
        self.say("with memory back, the same call goes well", again, 0)?;
        self.say("a new set is to be had", new_set(false).is_ok(), 0)?;
        self.say("all that was mapped is there", all.are_intact(), 0)
    }
}

impl debugfs::Writer for Results {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "KTAP version 1\n1..{}", self.0.len())?;
        for (i, said) in self.0.iter().enumerate() {
            writeln!(f, "# {}", said.number)?;
            let verdict = if said.good { "ok" } else { "not ok" };
            writeln!(f, "{verdict} {} {}", i + 1, said.what)?;
        }
        Ok(())
    }
}

#[pin_data]
struct Pressure {
    #[pin]
    _results: debugfs::File<Results>,
}

impl kernel::InPlaceModule for Pressure {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = debugfs::Dir::new(c"v7s_pressure");
        pin_init::pin_init_scope(move || {
            let results = Results::new()?;
            Ok(try_pin_init!(Self {
                _results <- dir.read_only_file(c"results", results),
            }? Error))
        })
    }
}
