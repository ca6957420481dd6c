// SPDX-License-Identifier: GPL-2.0

//! Buffers, mapped and unmapped by the calls that Debian's mtk_iommu made for such buffers, which
//! `scripts/measure/calls` recorded.
//!
//! A buffer is mapped and unmapped at the same addresses again and again, as a driver does whose
//! input addresses come from the kernel's caches of them.

use kernel::{
    prelude::*,
    sizes::SZ_1G, //
};

use crate::{
    case::Caller,
    device::PlatformDevice,
    events,
    provider::Provider,
    row::Row,
    stopwatch::{
        mean,
        Stopwatch, //
    },
    tables::Tables,
    window::{
        check,
        Cost,
        ROUNDS, //
    }, //
};

/// Columns: buffer, bytes, call, offset, pgsize, pgcount, times.
const RECORDING: &str = include_str!("mtk_iommu.csv");

/// The first input address of each buffer.
const BASE: usize = SZ_1G;

/// The most times that a buffer is mapped and unmapped for one mean.
const REPEATS: usize = 100;

/// Calls of the same kind, each for the addresses that follow those of the one before.
struct Calls {
    offset: usize,
    pgsize: usize,
    pgcount: usize,
    times: usize,
}

impl Calls {
    fn bytes(&self) -> usize {
        self.pgsize * self.pgcount
    }

    /// The first input address of each call.
    #[inline(always)]
    fn iovas(&self) -> impl Iterator<Item = usize> {
        let (start, bytes) = (BASE + self.offset, self.bytes());
        (0..self.times).map(move |i| start + i * bytes)
    }
}

/// The calls for a buffer.
pub(crate) struct Buffer {
    kind: &'static str,
    bytes: usize,
    maps: KVec<Calls>,
    unmaps: KVec<Calls>,
}

fn number(word: Option<&str>) -> Result<usize> {
    word.and_then(|word| word.parse().ok()).ok_or(EINVAL)
}

/// All recorded buffers.
pub(crate) fn buffers() -> Result<KVec<Buffer>> {
    let mut buffers = KVec::<Buffer>::new();
    for line in RECORDING.lines().skip(1) {
        let mut words = line.split(',');
        let (kind, bytes) = (words.next().ok_or(EINVAL)?, number(words.next())?);
        let unmap = words.next() == Some("unmap");
        let calls = Calls {
            offset: number(words.next())?,
            pgsize: number(words.next())?,
            pgcount: number(words.next())?,
            times: number(words.next())?,
        };
        let same = |last: &Buffer| (last.kind, last.bytes) == (kind, bytes);
        if !buffers.last().is_some_and(same) {
            let buffer = Buffer {
                kind,
                bytes,
                maps: KVec::new(),
                unmaps: KVec::new(),
            };
            buffers.push(buffer, GFP_KERNEL)?;
        }
        let buffer = buffers.last_mut().ok_or(EINVAL)?;
        let list = if unmap {
            &mut buffer.unmaps
        } else {
            &mut buffer.maps
        };
        list.push(calls, GFP_KERNEL)?;
    }
    Ok(buffers)
}

impl Buffer {
    /// Measures all calls for the buffer in both implementations.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn measure(
        &self,
        rows: &mut KVec<Row>,
        watch: &Stopwatch,
        caller: &Caller,
        dev: &PlatformDevice,
    ) -> Result {
        let rust = self.cost(watch, Provider::Rust, caller, dev)?;
        let c = self.cost(watch, Provider::C, caller, dev)?;
        self.push(rows, caller, rust, c)
    }

    /// Adds the rows of the buffer.
    fn push(&self, rows: &mut KVec<Row>, caller: &Caller, rust: Cost, c: Cost) -> Result {
        for (op, calls, rust, c) in [
            ("map", &self.maps, rust.map, c.map),
            ("unmap", &self.unmaps, rust.unmap, c.unmap),
        ] {
            let calls = calls.iter().map(|calls| calls.times).sum();
            let row = Row::by(op, caller, rust, c).buffer(self.kind, self.bytes, calls);
            rows.push(row, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Makes all calls for the buffer once, in Rust and then in C, between marks.
    pub(crate) fn mark(
        &self,
        rows: &mut KVec<Row>,
        watch: &Stopwatch,
        caller: &Caller,
        dev: &PlatformDevice,
    ) -> Result {
        for provider in [Provider::Rust, Provider::C] {
            let tables = Tables::new(provider, caller, dev)?;
            check(self.map(&tables, caller) && self.unmap(&tables))?;
            let mut fine = true;
            // Without interrupts, which have atomic operations of their own.
            watch.time(|| {
                events::mark();
                fine &= self.map(&tables, caller);
                events::mark();
            });
            watch.time(|| {
                events::mark();
                fine &= self.unmap(&tables);
                events::mark();
            });
            check(fine)?;
        }
        self.push(rows, caller, Cost::ZERO, Cost::ZERO)
    }

    fn cost(
        &self,
        watch: &Stopwatch,
        provider: Provider,
        caller: &Caller,
        dev: &PlatformDevice,
    ) -> Result<Cost> {
        let mut cost = Cost::MAX;
        for _ in 0..ROUNDS {
            cost = cost.min(self.round(watch, provider, caller, dev)?);
        }
        Ok(cost)
    }

    /// One mean of each operation.
    fn round(
        &self,
        watch: &Stopwatch,
        provider: Provider,
        caller: &Caller,
        dev: &PlatformDevice,
    ) -> Result<Cost> {
        let tables = Tables::new(provider, caller, dev)?;
        // Makes the second-level tables.
        check(self.map(&tables, caller) && self.unmap(&tables))?;
        // What calls and the loops around them cost by themselves.
        let nothing = Tables::nothing(caller, dev);
        let base = [
            watch.time(|| _ = self.map(&nothing, caller)),
            watch.time(|| _ = self.unmap(&nothing)),
        ];
        let calls: usize = self.maps.iter().map(|calls| calls.times).sum();
        let repeats = (crate::calls() / calls).clamp(1, REPEATS);
        let (mut total, mut fine) = ([0; 2], true);
        for _ in 0..repeats {
            total[0] += watch.time(|| fine &= self.map(&tables, caller)) - base[0];
            self.verify(&tables, |iova| caller.paddr(iova))?;
            total[1] += watch.time(|| fine &= self.unmap(&tables)) - base[1];
            self.verify(&tables, |_| 0)?;
        }
        check(fine)?;
        let [map, unmap] = total.map(|time| mean(time, repeats));
        Ok(Cost {
            map,
            unmap,
            ..Cost::MAX
        })
    }

    /// Maps the buffer. Returns whether all calls went well.
    #[inline(always)]
    fn map(&self, tables: &Tables<'_>, caller: &Caller) -> bool {
        let mut fine = true;
        for calls in &self.maps {
            for iova in calls.iovas() {
                fine &= tables.map(iova, caller.paddr(iova), calls.pgsize, calls.pgcount);
            }
        }
        fine
    }

    /// Unmaps the buffer. Returns whether all calls went well.
    #[inline(always)]
    fn unmap(&self, tables: &Tables<'_>) -> bool {
        let mut fine = true;
        for calls in &self.unmaps {
            for iova in calls.iovas() {
                fine &= tables.unmap(iova, calls.pgsize, calls.pgcount);
            }
        }
        fine
    }

    /// Checks what the last byte of each call translates to.
    fn verify(&self, tables: &Tables<'_>, expected: impl Fn(usize) -> u64) -> Result {
        for calls in &self.maps {
            for iova in calls.iovas().map(|iova| iova + calls.bytes() - 1) {
                check(tables.translate(iova) == expected(iova))?;
            }
        }
        Ok(())
    }
}
