// SPDX-License-Identifier: GPL-2.0

//! Two table sets, one of Rust and one of C: the same calls must have the same results.

use core::{
    ops::Range,
    ptr, //
};

use kernel::prelude::*;

use io_pgtable_arm_v7s_rust::quirk;

use crate::{
    device::PlatformDevice,
    flush::Recorder,
    ktap::{
        wrong,
        Verdict, //
    },
    operation::{
        Answer,
        Operation,
        What, //
    },
    prediction::{
        End,
        Prediction,
        Report, //
    },
    provider::Provider,
    set::{
        Registers,
        Set, //
    },
    setup::Setup,
    text::Text,
    walk::l1_index, //
};

/// The number of calls that C reports with a stack dump that may be made.
const REPLAYED: usize = 32;

/// The calls made that C reports with a stack dump.
pub(crate) struct Reports {
    /// Reports of each kind that were provoked.
    counts: [usize; Report::ALL.len()],
    /// Reports that may still be provoked.
    allowed: [usize; Report::ALL.len()],
    replayed: usize,
}

impl Reports {
    pub(crate) fn new() -> Self {
        Self {
            counts: [0; Report::ALL.len()],
            allowed: [0; Report::ALL.len()],
            replayed: 0,
        }
    }

    /// Allows reports of each kind as `allowed` says, given the number of those before.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn allow(&mut self, allowed: impl Fn(Report, usize) -> usize) {
        self.allowed = Report::ALL.map(|report| allowed(report, self.count(report)));
    }

    /// Returns the number of reports of a kind that were provoked.
    pub(crate) fn count(&self, report: Report) -> usize {
        self.counts[report as usize]
    }

    /// Returns true if C may be asked for all of an operation that it reports.
    fn may_ask(&mut self, report: Report, op: &mut Operation) -> bool {
        let kind = report as usize;
        if report.is_once() {
            self.counts[kind] = 1;
            return true;
        }
        if op.asked {
            if self.replayed == REPLAYED {
                return false;
            }
            self.replayed += 1;
        } else {
            if self.allowed[kind] == 0 {
                return false;
            }
            self.allowed[kind] -= 1;
            op.asked = true;
        }
        self.counts[kind] += 1;
        true
    }
}

/// Two sets of one configuration.
pub(crate) struct Pair {
    setup: Setup,
    pub(crate) rust: Set,
    pub(crate) c: Set,
}

impl Pair {
    /// Makes both sets, and compares registers and page sizes.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn new(setup: &Setup, dev: &PlatformDevice) -> core::result::Result<Self, Text> {
        let rust = Set::new(Provider::Rust, setup, dev)?;
        let c = Set::new(Provider::C, setup, dev)?;
        let (Some(rust), Some(c)) = (rust, c) else {
            return Err(Text::of(fmt!(
                "one of them or both made no tables for {}",
                setup
            )));
        };
        same_registers(setup, rust.registers, c.registers)?;
        Ok(Self {
            setup: *setup,
            rust,
            c,
        })
    }

    /// Calls both with an operation, and compares results, callbacks, translations, and the tables
    /// around its addresses.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn apply(
        &mut self,
        op: &mut Operation,
        reports: &mut Reports,
    ) -> core::result::Result<Prediction, Text> {
        let prediction = Prediction::new(self.c.walk, &self.setup, op);
        if op.what != What::Translate {
            self.call(op, &prediction, reports)?;
            self.same_calls()?;
        }
        self.same_translations(op)?;
        let first = l1_index(op.iova).saturating_sub(1);
        let last = l1_index(op.end().clamp(op.iova, op.iova.saturating_add(1 << 26))) + 1;
        self.same_tables(first..last + 1)?;
        Ok(prediction)
    }

    fn call(
        &mut self,
        op: &mut Operation,
        prediction: &Prediction,
        reports: &mut Reports,
    ) -> Verdict {
        let rust = call(&mut self.rust, op, op.count)?;
        let all = match prediction.end {
            End::Done | End::Refused(None) => true,
            End::Refused(Some(report)) => reports.may_ask(report, op),
            End::Deliberate => false,
        };
        if rust != prediction.answer {
            return wrong!("Rust: {}; due: {}", rust, prediction.answer);
        }
        let (count, due) = match all {
            true => (op.count, prediction.answer),
            false => {
                let due = Answer {
                    errno: 0,
                    ..prediction.answer
                };
                (prediction.pages, due)
            }
        };
        if count == 0 && !all {
            self.c.recorder().start(ptr::null_mut());
            return Ok(());
        }
        let c = call(&mut self.c, op, count)?;
        if c != due {
            return wrong!("C, asked for {} pages: {}; Rust: {}", count, c, rust);
        }
        Ok(())
    }

    /// Returns the request for both.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Compares the arguments of callbacks.
    fn same_calls(&mut self) -> Verdict {
        same_calls(self.rust.recorder(), self.c.recorder())
    }

    /// Compares translations around an operation's addresses.
    fn same_translations(&mut self, op: &Operation) -> Verdict {
        let middle = op.iova.wrapping_add(op.size.wrapping_mul(op.count / 2));
        for iova in [
            op.iova.wrapping_sub(1),
            op.iova,
            middle.wrapping_sub(1),
            middle.wrapping_add(op.size / 3),
            op.end().wrapping_sub(1),
            op.end(),
        ] {
            // Those outside differ on purpose.
            if iova >= self.setup.space() {
                continue;
            }
            let rust = self.rust.translate(iova)?;
            let c = self.c.translate(iova)?;
            let due = self.c.walk.translate(iova);
            if rust != c || c != due {
                return wrong!(
                    "{:#x} translates to {:#x} in Rust, to {:#x} in C, a walker finds {:#x}",
                    iova,
                    rust,
                    c,
                    due
                );
            }
        }
        Ok(())
    }

    /// Compares the first-level entries with numbers in a range, and the tables that they refer to.
    fn same_tables(&self, slots: Range<usize>) -> Verdict {
        let Some(entry) = self.rust.walk.compare(self.c.walk, slots) else {
            return Ok(());
        };
        wrong!(
            "the level {} entry for {:#x} is {:#010x} in Rust, {:#010x} in C",
            entry.level,
            entry.iova,
            entry.rust,
            entry.c
        )
    }

    /// Compares all entries.
    pub(crate) fn same_all_tables(&self) -> Verdict {
        self.same_tables(0..self.rust.walk.entries())
    }

    /// Frees both, and compares the callbacks.
    pub(crate) fn free(mut self) -> Verdict {
        same_calls(self.rust.free(), self.c.free())
    }
}

/// Calls a set for `count` pages of an operation.
fn call(set: &mut Set, op: &Operation, count: usize) -> Result<Answer> {
    match op.what {
        What::Map { paddr, prot } => set.map(op.iova, paddr, op.size, count, prot),
        What::Unmap { gather } => set.unmap(op.iova, op.size, count, gather),
        What::Translate => Err(EINVAL),
    }
}

/// Compares register values, except for the addresses of tables.
fn same_registers(setup: &Setup, rust: Registers, c: Registers) -> Verdict {
    // The attributes below the address; with the MediaTek extension, address bits 34 to 32 are
    // there instead.
    let attributes = if setup.has(quirk::ARM_MTK_EXT) {
        0xff8
    } else {
        0xfff
    };
    let without_address = |registers: Registers| Registers {
        ttbr: registers.ttbr & attributes,
        ..registers
    };
    if without_address(rust) == without_address(c) {
        return Ok(());
    }
    wrong!("{}: Rust fills in {:#x?}, C {:#x?}", setup, rust, c)
}

/// Compares calls of callbacks.
fn same_calls(rust: &mut Recorder, c: &mut Recorder) -> Verdict {
    let (rust, rust_count) = rust.calls();
    let (c, c_count) = c.calls();
    if rust == c && rust_count == c_count {
        // A walker must not find a translation any more when its flush is requested.
        return match rust.iter().find(|call| call.early()) {
            Some(call) => wrong!("both call {}", call),
            None => Ok(()),
        };
    }
    let different = rust.iter().zip(c).position(|(rust, c)| rust != c);
    let at = different.unwrap_or(rust.len().min(c.len()));
    let mut text = Text::of(fmt!("call {} of {} by Rust: ", at + 1, rust_count));
    match rust.get(at) {
        Some(call) => text.say(fmt!("{}", call)),
        None => text.say(fmt!("none")),
    }
    text.say(fmt!("; of {} by C: ", c_count));
    match c.get(at) {
        Some(call) => text.say(fmt!("{}", call)),
        None => text.say(fmt!("none")),
    }
    Err(text)
}
