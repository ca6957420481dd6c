// SPDX-License-Identifier: GPL-2.0

//! v7s_compare: compares page tables of Rust with those of the kernel's C.
//!
//! Runs once when loaded, and leaves its results in `v7s_compare` of debugfs: `results`, a KTAP
//! document, and `reports`, the number of calls that C reported with a WARN. Load
//! `io_pgtable_arm_v7s_rust` with `takeover=0` first, so that ARM_V7S is C.
//!
//! Both must have the same results, registers, callbacks, translations and entries, except for the
//! differences in Documentation/iommu/differences.rst.
//!
//! - [`creation`]: accepted configurations; [`codec`]: all entries; [`deliberate`]: differences on
//!   purpose; [`session`]: random operations, made by [`generate`] and reduced by [`shrink`] if
//!   they fail;
//! - [`pair`]: the same calls to both, compared; [`prediction`]: predicts the reports of C;
//!   [`set`]: a table set of either; [`flush`]: its callbacks; [`walk`]: its tables as hardware
//!   reads them;
//! - [`setup`]: a configuration; [`operation`]: a call;
//! - [`ktap`], [`coverage`] and [`text`]: results.

mod codec;
mod coverage;
mod creation;
mod deliberate;
#[path = "../lib/device.rs"]
mod device;
mod flush;
mod generate;
mod ktap;
#[path = "../lib/memory.rs"]
mod memory;
mod operation;
mod pair;
mod prediction;
#[path = "../lib/provider.rs"]
mod provider;
#[path = "../../../../mm/selftests/lib/random.rs"]
mod random;
mod session;
mod set;
mod setup;
mod shrink;
mod text;
mod walk;

use kernel::{
    debugfs::Scope,
    fmt,
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use slab_rust::compat::parameter;

use coverage::Coverage;
use device::PlatformDevice;
use ktap::{
    wrong,
    Ktap,
    Verdict, //
};
use pair::Reports;
use prediction::Report;
use provider::{
    check_providers,
    Provider, //
};
use set::Set;
use setup::{
    Class,
    Quirks,
    Setup, //
    CLASSES,
    QUIRKS,
};
use text::Text;

module! {
    type: Compare,
    name: "v7s_compare",
    authors: ["v7s-rs developers"],
    description: "Compares ARMv7 short-descriptor page tables of Rust with those of C",
    license: "GPL",
    params: {
        seed: u32 {
            default: 1,
            description: "Number of the first session of random operations",
        },
        operations: u32 {
            default: 100000,
            description: "Random operations, all configurations together",
        },
    },
}

/// Number of calls to C for each kind of input that it reports with a WARN.
const REPORTED: usize = 3;

/// Number of failures that are shrunk, which takes long; others mostly have the same cause.
const SHRUNK: usize = 2;

/// The rest of a run.
struct Results {
    ktap: Text,
    reports: Reports,
}

#[pin_data]
struct Compare {
    #[pin]
    _files: Scope<Results>,
}

impl kernel::InPlaceModule for Compare {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let results = compare()?;
            Ok(try_pin_init!(Self {
                _files <- Scope::dir(results, c"v7s_compare", |results: &Results, dir| {
                    dir.read_callback_file(c"results", results, &Results::show_ktap);
                    dir.read_callback_file(c"reports", results, &Results::show_reports);
                }),
            }? Error))
        })
    }
}

impl Results {
    fn show_ktap(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ktap.as_str())
    }

    fn show_reports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in Report::ALL {
            writeln!(f, "{} {}", self.reports.count(report), report.function())?;
        }
        Ok(())
    }
}

fn compare() -> Result<Results> {
    // As far as any page table reaches.
    let dev = PlatformDevice::new(c"v7s_compare", (1 << 35) - 1)?;
    let mut ktap = Ktap::new();
    let mut reports = Reports::new();
    check_both(&dev)?;
    ktap.result(fmt!("accepted configurations"), creation::accepted(&dev));
    ktap.result(fmt!("refused configurations"), creation::refused(&dev));
    for quirks in QUIRKS {
        let mut count = 0;
        let verdict = codec::run(quirks, &dev, &mut reports, &mut count);
        ktap.note(fmt!("{} pages", count));
        ktap.result(fmt!("every entry: {}", Quirks(quirks)), verdict);
    }
    deliberate::run(&mut ktap, &dev);
    random(&mut ktap, &mut reports, &dev);
    Ok(Results {
        ktap: ktap.document(),
        reports,
    })
}

/// Checks that the two providers are different code.
#[inline(never)] // For a stack frame of its own.
fn check_both(dev: &PlatformDevice) -> Result {
    let set = |provider| Set::new(provider, &Setup::full(0, true), dev)?.ok_or(ENOMEM);
    let (rust, c) = (set(Provider::Rust)?, set(Provider::C)?);
    check_providers(rust.ops()?, c.ops()?)
}

/// The results of all classes.
#[inline(never)] // For a stack frame of its own.
fn end_classes(ktap: &mut Ktap, verdicts: &mut [Verdict]) {
    for (class, verdict) in verdicts.iter_mut().enumerate() {
        let verdict = core::mem::replace(verdict, Ok(()));
        ktap.result(fmt!("random: {}", Class(class)), verdict);
    }
}

/// Runs sessions of all classes of configurations in turn, and adds a result for each class.
#[inline(never)] // For a stack frame of its own.
fn random(ktap: &mut Ktap, reports: &mut Reports, dev: &PlatformDevice) {
    let seed = parameter(&module_parameters::seed);
    let operations = parameter(&module_parameters::operations);
    let sessions = operations.div_ceil(session::LENGTH as u32);
    pr_info!("{operations} random operations, seed={seed}\n");
    ktap.note(fmt!("seed={}", seed));

    let mut coverage = Coverage::new();
    let mut verdicts = [const { Ok(()) }; CLASSES];
    let mut failed = 0;
    let mut told = Instant::<Monotonic>::now();
    for i in 0..sessions {
        let number = seed.wrapping_add(i);
        let class = session::class(number);
        let Some(verdict @ Ok(())) = verdicts.get_mut(class) else {
            continue;
        };
        // Each kind in a few sessions of one class or another.
        reports.allow(|report, count| {
            usize::from(count < REPORTED && class % Report::ALL.len() == report as usize)
        });
        *verdict = session::run(number, dev, reports, &mut coverage, failed < SHRUNK);
        if let Err(why) = verdict {
            failed += 1;
            for line in why.as_str().lines() {
                pr_err!("{line}\n");
            }
        }
        if told.elapsed() > Delta::from_secs(10) {
            told = Instant::now();
            let done = (i + 1) * session::LENGTH as u32;
            pr_info!("{done} of {operations} operations\n");
        }
    }
    end_classes(ktap, &mut verdicts);
    ktap.note(fmt!("{}", coverage.text()));
    let verdict = match failed {
        0 => coverage.verdict(operations as usize),
        // Much of it did not take place.
        failed => wrong!("{} classes failed", failed),
    };
    ktap.result(fmt!("random: something happened"), verdict);
}
