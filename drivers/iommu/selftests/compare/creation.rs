// SPDX-License-Identifier: GPL-2.0

//! Creation of table sets: accepted configurations, page sizes and register values.

use kernel::{
    prelude::*,
    sizes::SZ_4K, //
};

use io_pgtable_arm_v7s_rust::{
    quirk,
    PAGE_SIZES, //
};

use crate::{
    device::PlatformDevice,
    ktap::{
        wrong,
        Verdict, //
    },
    pair::Pair,
    provider::Provider,
    set::Set,
    setup::{
        Setup, //
        ANYWHERE,
        QUIRKS,
    }, //
};

/// Bits of quirks: those of io-pgtable.h, and undefined ones.
const QUIRK_BITS: u32 = 12;

/// Accepted configurations: registers and page sizes are the same.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn accepted(dev: &PlatformDevice) -> Verdict {
    for quirks in QUIRKS {
        for coherent in [true, false] {
            let full = Setup::full(quirks, coherent);
            for ias in 20..=full.max_ias() {
                same(&Setup { ias, ..full }, dev)?;
            }
            for oas in [12, 20, 31, 32, ANYWHERE, 34, full.oas] {
                let low = oas < ANYWHERE && full.has(quirk::ARM_MTK_TTBR_EXT);
                if oas <= full.oas && !low {
                    same(&Setup { oas, ..full }, dev)?;
                }
            }
        }
    }
    let full = Setup::full(0, true);
    for page_sizes in [0, SZ_4K, !PAGE_SIZES, SZ_4K | 1 << 30, !0] {
        same(&Setup { page_sizes, ..full }, dev)?;
    }
    for callbacks in Iterator::chain((0..8).map(Some), [None]) {
        same(&Setup { callbacks, ..full }, dev)?;
    }
    Ok(())
}

fn same(setup: &Setup, dev: &PlatformDevice) -> Verdict {
    let pair = Pair::new(setup, dev)?;
    pair.same_all_tables()?;
    pair.free()
}

/// Other configurations: both refuse them.
#[inline(never)] // For a stack frame of its own.
pub(crate) fn refused(dev: &PlatformDevice) -> Verdict {
    for quirks in QUIRKS {
        let full = Setup::full(quirks, true);
        for bits in [1, 2, 32] {
            neither(
                &Setup {
                    ias: full.max_ias() + bits,
                    ..full
                },
                dev,
            )?;
            neither(
                &Setup {
                    oas: full.oas + bits,
                    ..full
                },
                dev,
            )?;
        }
    }
    // One bit away from accepted ones: quirks of other formats, and invalid combinations. NO_WARN
    // is a deliberate difference.
    for quirks in QUIRKS {
        for bit in (0..QUIRK_BITS).map(|bit| 1 << bit) {
            let quirks = quirks ^ bit;
            if bit != quirk::NO_WARN && !QUIRKS.contains(&quirks) {
                neither(
                    &Setup {
                        quirks,
                        ..Setup::full(0, true)
                    },
                    dev,
                )?;
            }
        }
    }
    Ok(())
}

fn neither(setup: &Setup, dev: &PlatformDevice) -> Verdict {
    for (provider, name) in [(Provider::Rust, "Rust"), (Provider::C, "C")] {
        if Set::new(provider, setup, dev)?.is_some() {
            return wrong!("{} accepts {:#x}: {}", name, setup.quirks, setup);
        }
    }
    Ok(())
}
