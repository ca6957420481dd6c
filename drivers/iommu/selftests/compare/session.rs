// SPDX-License-Identifier: GPL-2.0

//! Random operations on a pair of table sets. The number of a session determines all of them.

use kernel::prelude::*;

use crate::{
    coverage::Coverage,
    device::PlatformDevice,
    generate::Generator,
    ktap::Verdict,
    operation::{
        Operation,
        What, //
    },
    pair::{
        Pair,
        Reports, //
    },
    random::Random,
    setup::{
        Setup, //
        CLASSES,
    },
    shrink::shrink,
    text::Text, //
};

/// Operations of a session.
pub(crate) const LENGTH: usize = 512;

/// Operations between two comparisons of all tables.
const INTERVAL: usize = 64;

/// The class of a session.
pub(crate) fn class(number: u32) -> usize {
    number as usize % CLASSES
}

/// Runs a session. With `shrink`, the text of a failure has few operations that cause it.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn run(
    number: u32,
    dev: &PlatformDevice,
    reports: &mut Reports,
    coverage: &mut Coverage,
    shrink: bool,
) -> Verdict {
    let mut random = Random::new(number.into());
    let setup = Setup::random(class(number), &mut random);
    let mut generator = Generator::new(&setup, &mut random)?;
    let mut ops = KVVec::with_capacity(LENGTH, GFP_KERNEL)?;
    let outcome = (|| {
        let mut pair = Pair::new(&setup, dev)?;
        while ops.len() < LENGTH {
            let op = ops.push_within_capacity(generator.next());
            let (Ok(()), Some(op)) = (op, ops.last_mut()) else {
                return Err(ENOMEM.into());
            };
            let prediction = pair.apply(op, reports)?;
            coverage.count(op, &setup, &prediction, pair.c.recorder().has_walks());
            if ops.len() % INTERVAL == 0 {
                pair.same_all_tables()?;
            }
        }
        pair.free()
    })();
    outcome.map_err(|why| {
        let mut text = Text::of(fmt!(
            "session {}, operation {}: {}\n{}\n",
            number,
            ops.len(),
            why,
            setup
        ));
        if shrink {
            explain(&mut text, &setup, &ops, dev, reports);
        }
        text.say(fmt!(
            "again: modprobe v7s_compare seed={} operations=1",
            number
        ));
        text
    })
}

/// Calls both with all operations, comparing everything after each. Returns the number of the one
/// that fails, and a text.
pub(crate) fn replay(
    setup: &Setup,
    ops: &[Operation],
    dev: &PlatformDevice,
    reports: &mut Reports,
) -> core::result::Result<(), (usize, Text)> {
    let mut pair = Pair::new(setup, dev).map_err(|why| (0, why))?;
    for (i, op) in ops.iter().enumerate() {
        pair.apply(&mut op.clone(), reports)
            .and_then(|_| pair.same_all_tables())
            .map_err(|why| (i, why))?;
    }
    pair.free().map_err(|why| (ops.len(), why))
}

/// Writes the few operations that cause a failure.
#[inline(never)] // For a stack frame of its own.
fn explain(
    text: &mut Text,
    setup: &Setup,
    ops: &[Operation],
    dev: &PlatformDevice,
    reports: &mut Reports,
) {
    match shrink(setup, ops, dev, reports) {
        Ok(Some(shrunk)) => {
            text.say(fmt!(
                "the same with fewer operations, after {} attempts: {}\n{}\n",
                shrunk.attempts,
                shrunk.why,
                shrunk.setup
            ));
            list(text, &shrunk.ops);
        }
        Ok(None) => {
            text.say(fmt!("it does not happen again on fresh tables, after:\n"));
            list(text, ops);
        }
        Err(e) => text.say(fmt!("not shrunk: {:?}\n", e)),
    }
}

fn list(text: &mut Text, ops: &[Operation]) {
    for (i, op) in ops.iter().enumerate() {
        let what = match op.what {
            What::Map { .. } | What::Unmap { .. } if op.asked => ", all of it from C, too",
            _ => "",
        };
        text.say(fmt!("{:3}. {}{}\n", i + 1, op, what));
    }
}
