// SPDX-License-Identifier: GPL-2.0

//! Delta debugging: reduces a long sequence of operations that fails to a short one.

use kernel::{
    iommu::pgtable::prot,
    prelude::*, //
};

use io_pgtable_arm_v7s_rust::PAGE_SIZES;

use crate::{
    device::PlatformDevice,
    flush::Gather,
    operation::{
        Operation,
        What, //
    },
    pair::Reports,
    session::replay,
    setup::Setup,
    text::Text, //
};

/// Number of sequences that are tried.
const ATTEMPTS: usize = 1000;

/// A short sequence that fails.
pub(crate) struct Shrunk {
    pub(crate) setup: Setup,
    pub(crate) ops: KVVec<Operation>,
    pub(crate) why: Text,
    pub(crate) attempts: usize,
}

/// Looks for fewer and simpler operations, and a simpler configuration, that fail, too. None if the
/// given operations do not fail.
pub(crate) fn shrink(
    setup: &Setup,
    ops: &[Operation],
    dev: &PlatformDevice,
    reports: &mut Reports,
) -> Result<Option<Shrunk>> {
    let mut search = Search {
        dev,
        reports,
        best: Shrunk {
            setup: *setup,
            ops: KVVec::new(),
            why: Text::new(),
            attempts: 0,
        },
    };
    if !search.fails(setup, copy(ops)?) {
        return Ok(None);
    }
    loop {
        let removed = search.remove()?;
        let simplified = search.simplify()?;
        let simpler_setup = search.simplify_setup()?;
        if !removed && !simplified && !simpler_setup {
            return Ok(Some(search.best));
        }
    }
}

fn copy(ops: &[Operation]) -> Result<KVVec<Operation>> {
    let mut copy = KVVec::new();
    copy.extend_from_slice(ops, GFP_KERNEL)?;
    Ok(copy)
}

struct Search<'a> {
    dev: &'a PlatformDevice,
    reports: &'a mut Reports,
    /// The simplest sequence that fails.
    best: Shrunk,
}

impl Search<'_> {
    /// Returns true if a sequence fails, and keeps it as the best one then.
    fn fails(&mut self, setup: &Setup, mut ops: KVVec<Operation>) -> bool {
        if self.best.attempts == ATTEMPTS {
            return false;
        }
        self.best.attempts += 1;
        let Err((at, why)) = replay(setup, &ops, self.dev, self.reports) else {
            return false;
        };
        // Operations after the failure are not needed.
        ops.truncate(at + 1);
        self.best = Shrunk {
            setup: *setup,
            ops,
            why,
            attempts: self.best.attempts,
        };
        true
    }

    /// Leaves operations out, many at a time first. Returns true if one of the sequences fails.
    fn remove(&mut self) -> Result<bool> {
        let before = self.best.ops.len();
        let mut chunk = before.div_ceil(2).max(1);
        loop {
            let mut start = 0;
            while start < self.best.ops.len() {
                let end = (start + chunk).min(self.best.ops.len());
                let mut fewer = copy(&self.best.ops[..start])?;
                fewer.extend_from_slice(&self.best.ops[end..], GFP_KERNEL)?;
                if !self.fails(&self.best.setup.clone(), fewer) {
                    start = end;
                }
            }
            if chunk == 1 {
                return Ok(self.best.ops.len() < before);
            }
            chunk = chunk.div_ceil(2);
        }
    }

    /// Makes operations simpler, one after the other. Returns true if one of the sequences fails.
    fn simplify(&mut self) -> Result<bool> {
        let mut helped = false;
        let mut at = 0;
        while at < self.best.ops.len() {
            let op = self.best.ops[at];
            for simpler in simpler(op) {
                if simpler == op || at >= self.best.ops.len() {
                    continue;
                }
                let mut ops = copy(&self.best.ops)?;
                ops[at] = simpler;
                helped |= self.fails(&self.best.setup.clone(), ops);
            }
            at += 1;
        }
        Ok(helped)
    }

    /// Makes the configuration simpler. Returns true if the sequence fails with one of them.
    fn simplify_setup(&mut self) -> Result<bool> {
        let mut helped = false;
        for bit in 0..usize::BITS {
            let setup = self.best.setup;
            if setup.quirks >> bit & 1 != 0 {
                let quirks = setup.quirks & !(1 << bit);
                let full = Setup::full(quirks, setup.coherent);
                // Some configurations are refused.
                helped |= crate::setup::QUIRKS.contains(&quirks)
                    && self.fails(
                        &Setup {
                            callbacks: setup.callbacks,
                            ..full
                        },
                        copy(&self.best.ops)?,
                    );
            }
        }
        for change in [
            |setup: &mut Setup| setup.page_sizes = PAGE_SIZES,
            |setup: &mut Setup| setup.ias = Setup::full(setup.quirks, true).ias,
            |setup: &mut Setup| setup.oas = Setup::full(setup.quirks, true).oas,
            |setup: &mut Setup| setup.coherent = true,
            |setup: &mut Setup| setup.callbacks = None,
        ] {
            let mut setup = self.best.setup;
            change(&mut setup);
            if setup != self.best.setup {
                helped |= self.fails(&setup, copy(&self.best.ops)?);
            }
        }
        Ok(helped)
    }
}

/// Returns simpler operations than this one, the simplest last.
fn simpler(op: Operation) -> [Operation; 4] {
    let what = match op.what {
        What::Map { paddr, .. } => What::Map {
            paddr,
            prot: prot::READ | prot::WRITE,
        },
        What::Unmap { .. } => What::Unmap {
            gather: Gather::None,
        },
        What::Translate => What::Translate,
    };
    [
        Operation { what, ..op },
        Operation {
            count: op.count.min(op.count / 2 + 1),
            ..op
        },
        Operation {
            count: op.count.min(1),
            ..op
        },
        Operation {
            what,
            count: op.count.min(1),
            ..op
        },
    ]
}
