// SPDX-License-Identifier: GPL-2.0

//! v7s_dump: table sets for a real MMU to walk.
//!
//! When loaded it makes table sets, each once in Rust and once in the kernel's C, fills them, and
//! hands out a copy of each in `v7s_dump/PROVIDER/CONFIGURATION` of debugfs: `registers`,
//! `mappings`, `unmapped` and `tables`, which scripts/tests/lib/mmu/dump.py describes. The seed
//! determines the mappings.
//!
//! Load `io_pgtable_arm_v7s_rust` with `takeover=0` first, so that ARM_V7S is C, in a guest with no
//! more than 1 GiB of memory. See Documentation/iommu/mmu_walk.rst.

mod layout;
#[path = "../lib/memory.rs"]
mod memory;
#[path = "../lib/provider.rs"]
mod provider;
#[path = "../../../../mm/selftests/lib/random.rs"]
mod random;
mod set;

use kernel::{
    debugfs::Scope,
    fmt,
    iommu::pgtable::prot,
    prelude::*, //
};

use slab_rust::compat::parameter;

use layout::{
    Layout,
    Targets, //
};
use provider::{
    check_providers,
    Provider, //
};
use random::Random;
use set::{
    Config,
    Page,
    Registers,
    Set, //
};

module! {
    type: Dump,
    name: "v7s_dump",
    authors: ["v7s-rs developers"],
    description: "Hands out ARMv7 short-descriptor page tables for a CPU to walk",
    license: "GPL",
    params: {
        seed: u32 {
            default: 1,
            description: "Other mappings for every other number",
        },
    },
}

const PLAIN: Config = Config {
    name: c"plain",
    ns: false,
    perms: true,
    mtk_ext: false,
};

/// The sets that each provider makes.
const SETS: [(Config, Layout); 5] = [
    (PLAIN, Layout::Dense),
    (
        Config {
            name: c"sparse",
            ..PLAIN
        },
        Layout::Sparse,
    ),
    (
        Config {
            name: c"ns",
            ns: true,
            ..PLAIN
        },
        Layout::Dense,
    ),
    (
        Config {
            name: c"no_perms",
            perms: false,
            ..PLAIN
        },
        Layout::Dense,
    ),
    (
        Config {
            name: c"mtk_ext",
            perms: false,
            mtk_ext: true,
            ..PLAIN
        },
        Layout::Dense,
    ),
];

/// The provider, and the name of its folder.
const PROVIDERS: [(Provider, &CStr); 2] = [(Provider::Rust, c"rust"), (Provider::C, c"c")];

/// A copy of a set.
struct Copy {
    provider: Provider,
    config: Config,
    registers: Registers,
    pages: KVVec<Page>,
    gone: KVVec<Page>,
    tables: KVVec<u8>,
}

#[pin_data]
struct Dump {
    #[pin]
    _files: Scope<KVec<Copy>>,
}

impl kernel::InPlaceModule for Dump {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let seed = parameter(&module_parameters::seed);
            pr_info!("seed {}\n", seed);
            let copies = make(seed.into())?;
            Ok(try_pin_init!(Self {
                _files <- Scope::dir(copies, c"v7s_dump", |copies: &KVec<Copy>, dir| {
                    for (provider, name) in PROVIDERS {
                        let dir = dir.dir(name);
                        for copy in copies.iter().filter(|copy| copy.provider == provider) {
                            let dir = dir.dir(copy.config.name);
                            dir.read_callback_file(c"registers", copy, &Copy::show_registers);
                            dir.read_callback_file(c"mappings", copy, &Copy::show_mappings);
                            dir.read_callback_file(c"unmapped", copy, &Copy::show_unmapped);
                            dir.read_binary_file(c"tables", &copy.tables);
                        }
                    }
                }),
            }? Error))
        })
    }
}

/// Makes all sets. They exist at the same time, so that all tables have addresses of their own.
fn make(seed: u64) -> Result<KVec<Copy>> {
    let targets = Targets::new(Random::new(seed));
    let mut sets = KVec::new();
    for (i, (config, layout)) in SETS.into_iter().enumerate() {
        for (provider, _) in PROVIDERS {
            let mut set = Set::new(provider, &config)?;
            // Both providers get the same seed.
            let seed = seed.wrapping_add(1 + i as u64);
            layout::fill(&mut set, layout, &targets, seed)?;
            sets.push((provider, config, set), GFP_KERNEL)?;
        }
    }
    let mut copies = KVec::new();
    for (provider, config, set) in &mut sets {
        let copy = Copy {
            provider: *provider,
            config: *config,
            registers: set.registers,
            tables: set.tables()?,
            pages: core::mem::take(&mut set.pages),
            gone: core::mem::take(&mut set.gone),
        };
        copies.push(copy, GFP_KERNEL)?;
    }
    if let [(_, _, rust), (_, _, c), ..] = &sets[..] {
        check_providers(&rust.ops, &c.ops)?;
    }
    Ok(copies)
}

impl Copy {
    fn show_registers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registers {
            ttbr,
            tcr,
            prrr,
            nmrr,
        } = self.registers;
        writeln!(
            f,
            "ttbr {ttbr:#010x}\ntcr {tcr:#x}\nprrr {prrr:#010x}\nnmrr {nmrr:#010x}"
        )?;
        for (name, value) in [
            ("ns", self.config.ns),
            ("perms", self.config.perms),
            ("mtk_ext", self.config.mtk_ext),
        ] {
            writeln!(f, "{name} {}", u8::from(value))?;
        }
        Ok(())
    }

    fn show_mappings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FLAGS: [(u32, &str); 6] = [
            (prot::READ, "r"),
            (prot::WRITE, "w"),
            (prot::CACHE, "c"),
            (prot::NOEXEC, "n"),
            (prot::MMIO, "m"),
            (prot::PRIVILEGED, "p"),
        ];

        for page in &self.pages {
            let Page {
                iova, paddr, size, ..
            } = page;
            write!(f, "{iova:#010x} {paddr:#010x} {size:#x} ")?;
            for (flag, letter) in FLAGS {
                f.write_str(if page.prot & flag != 0 { letter } else { "-" })?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }

    fn show_unmapped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Page { iova, size, .. } in &self.gone {
            writeln!(f, "{iova:#010x} {size:#x}")?;
        }
        Ok(())
    }
}
