// SPDX-License-Identifier: GPL-2.0

//! V7s

use kernel::prelude::*;

module! {
    type: V7s,
    name: "io_pgtable_arm_v7s_rust",
    authors: ["v7s-rs developers"],
    description: "io_pgtable",
    license: "GPL",
    params: {
        takeover: u8 {
            default: 1,
            description: "1: serve",
        },
    },
}

struct V7s;

impl kernel::Module for V7s {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("loaded {} {} {}\n", slab_rust::answer(), slab_rust::gen(7u32), *module_parameters::takeover.value());
        Ok(Self)
    }
}

/// Marker
pub struct ArmV7s;
