// SPDX-License-Identifier: GPL-2.0

//! Results as JSON objects: the mean of bytes and the least time of all rounds of a case. Longer
//! times depend on the state of the kernel's lists of free pages.

use kernel::{
    debugfs,
    fmt,
    page::PAGE_SIZE,
    prelude::*, //
};

use crate::{
    case::Case,
    contender::{
        Contender,
        SIZE, //
    },
    population::Cost,
    round::Readings,
    stopwatch::mean, //
};

/// A case and its readings: sums over all rounds, least times.
pub(crate) struct Row {
    pub(crate) contender: &'static Contender,
    pub(crate) case: Case,
    sums: Readings,
    rounds: i64,
}

impl Row {
    pub(crate) fn new(contender: &'static Contender, case: Case) -> Self {
        Self {
            contender,
            case,
            sums: Readings::default(),
            rounds: 0,
        }
    }

    pub(crate) fn add(&mut self, readings: &Readings) {
        let Readings {
            alloc,
            free,
            live,
            above,
            pieces,
            pinned,
            accounted,
            below,
            elsewhere,
            settled,
            left,
            left_below,
            left_elsewhere,
            lost,
        } = readings;
        self.sums.alloc = self.sums.alloc.least(*alloc);
        self.sums.free = self.sums.free.least(*free);
        self.sums.live += live;
        self.sums.above += above;
        self.sums.pieces += pieces;
        self.sums.pinned += pinned;
        self.sums.accounted += accounted;
        self.sums.below += below;
        self.sums.elsewhere += elsewhere;
        self.sums.settled += settled;
        self.sums.left += left;
        self.sums.left_below += left_below;
        self.sums.left_elsewhere += left_elsewhere;
        self.sums.lost += lost;
        self.rounds += 1;
    }

    /// Returns the mean of all rounds.
    fn mean(&self, sum: i64) -> i64 {
        sum.div_euclid(self.rounds.max(1))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = &self.sums;
        write!(
            f,
            "{{\"allocator\": \"{}\", \"workload\": \"{}\", \"tables\": {}, \"owners\": {}, \
             \"rounds\": {}, \"table_bytes\": {SIZE}, \"page_size\": {PAGE_SIZE}, \
             \"accounts\": {}",
            self.contender.name,
            self.case.workload.name(),
            self.case.tables,
            self.case.owners,
            self.rounds,
            self.contender.accounts,
        )?;
        for (name, sum) in [
            ("live_bytes", (sums.live * SIZE) as i64),
            ("accounted_bytes", sums.accounted as i64),
            ("zone_bytes", sums.below),
            ("other_bytes", sums.elsewhere),
            ("pieces", sums.pieces as i64),
            ("pinned_bytes", sums.pinned as i64),
            ("refused", sums.above as i64),
            ("settled_bytes", sums.settled as i64),
            ("left_bytes", sums.left as i64),
            ("left_zone_bytes", sums.left_below),
            ("left_other_bytes", sums.left_elsewhere),
            ("lost_zone_bytes", sums.lost),
        ] {
            write!(f, ", \"{name}\": {}", self.mean(sum))?;
        }
        for (name, cost) in [("alloc", sums.alloc), ("free", sums.free)] {
            write!(f, ", \"{name}_instructions\": ")?;
            match cost {
                Cost { calls: 0, .. } => f.write_str("null")?,
                Cost { time, calls } => write!(f, "{}", mean(time, calls))?,
            }
        }
        f.write_str("}")
    }
}

/// All results, as a list.
pub(crate) struct Results(pub(crate) KVec<Row>);

impl debugfs::Writer for Results {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "[\n";
        for row in &self.0 {
            f.write_str(core::mem::replace(&mut separator, ",\n"))?;
            row.write(f)?;
        }
        f.write_str("\n]\n")
    }
}
