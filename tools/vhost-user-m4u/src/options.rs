// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

const USAGE: &str = "usage: vhost-user-m4u OPTION... -- QEMU [ARG]...

  --mem MIB             memory of the guest
  --registers ADDRESS   physical address of the M4U's registers, in that memory
  --disk FILE           an image; the first is at PCI slot 1, and so on
  --fault-irq GIC SPI   the M4U's interrupt: path in QEMU's object tree, and number
  --rogue COUNT MIB     accesses that no driver requested, once MIB were written
  --power-cut MIB       kill QEMU once so much was written
  --report FILE         receives counters in the end";

pub struct Options {
    pub mem: u64,
    pub registers: u64,
    pub disks: Vec<PathBuf>,
    pub fault_irq: Option<(String, u32)>,
    pub rogue: Option<(u64, u64)>,
    pub power_cut: Option<u64>,
    pub report: Option<PathBuf>,
    pub command: Vec<OsString>,
}

/// The arguments of an option.
struct Arguments<'a, I> {
    option: &'a str,
    rest: &'a mut I,
}

impl<I: Iterator<Item = OsString>> Arguments<'_, I> {
    fn next(&mut self) -> Result<OsString, String> {
        let option = self.option;
        self.rest
            .next()
            .ok_or_else(|| format!("{option}: an argument is missing\n{USAGE}"))
    }

    fn text(&mut self) -> Result<String, String> {
        let option = self.option;
        self.next()?
            .into_string()
            .map_err(|text| format!("{option} {}: not UTF-8", text.to_string_lossy()))
    }

    fn number<N: FromStr>(&mut self) -> Result<N, String> {
        let option = self.option;
        let text = self.text()?;
        text.parse()
            .map_err(|_| format!("{option} {text}: not a number"))
    }

    fn address(&mut self) -> Result<u64, String> {
        let option = self.option;
        let text = self.text()?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u64::from_str_radix(digits, 16)
            .map_err(|_| format!("{option} {text}: not a hexadecimal address"))
    }
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut options = Self {
            mem: 0,
            registers: 0,
            disks: Vec::new(),
            fault_irq: None,
            rogue: None,
            power_cut: None,
            report: None,
            command: Vec::new(),
        };
        while let Some(option) = args.next() {
            let option = option.to_string_lossy().into_owned();
            let mut its = Arguments {
                option: &option,
                rest: &mut args,
            };
            match option.as_str() {
                "--mem" => options.mem = its.number()?,
                "--registers" => options.registers = its.address()?,
                "--disk" => options.disks.push(its.next()?.into()),
                "--fault-irq" => options.fault_irq = Some((its.text()?, its.number()?)),
                "--rogue" => options.rogue = Some((its.number()?, its.number()?)),
                "--power-cut" => options.power_cut = Some(its.number()?),
                "--report" => options.report = Some(its.next()?.into()),
                "--" => {
                    options.command = args.collect();
                    break;
                }
                _ => return Err(format!("unknown option '{option}'\n{USAGE}")),
            }
        }
        if options.mem == 0 || options.disks.is_empty() || options.command.is_empty() {
            return Err(format!("--mem, --disk and a command are wanted\n{USAGE}"));
        }
        Ok(options)
    }
}
