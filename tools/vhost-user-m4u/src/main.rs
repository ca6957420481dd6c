// SPDX-License-Identifier: GPL-2.0

//! Runs QEMU with disks behind an M4U that this process implements.
//!
//! QEMU's virt machine has no IOMMU that walks ARMv7 short descriptors. So the disks are
//! vhost-user-blk devices: this process shares all of the guest's memory, serves the disks, and is
//! the M4U that the guest's mtk_iommu programs. Each address in a request of a disk is an IOVA, and
//! is translated by a walk of the guest's tables.
//!
//! Not supported: message-signalled interrupts (QEMU would take the IOVA of the doorbell for
//! memory), other banks than the first, migration, and reconnection.

mod counts;
mod disk;
mod interrupt;
mod iova;
mod m4u;
mod options;
mod qemu;
mod ram;
mod rogue;
mod tlb;
mod walk;

use std::fs;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use interrupt::Interrupt;
use m4u::M4u;
use options::Options;
use qemu::Qemu;
use ram::Ram;

/// Time between two checks of the guest's progress.
const TICK: Duration = Duration::from_millis(10);
const MIB: u64 = 1 << 20;

/// Waits for QEMU; meanwhile starts actions that depend on the number of bytes written by the
/// guest.
fn attend(options: &Options, ram: &'static Ram, m4u: &Arc<M4u>, qemu: &mut Qemu) -> io::Result<u8> {
    let mut rogue = options.rogue;
    loop {
        if let Some(status) = qemu.status()? {
            return Ok(status);
        }
        let written = m4u.counts.bytes_written.get() / MIB;
        if options.power_cut.is_some_and(|limit| written >= limit) {
            qemu.kill()?;
            return Ok(0);
        }
        if let Some((count, _)) = rogue.take_if(|(_, after)| written >= *after) {
            let m4u = m4u.clone();
            thread::spawn(move || rogue::run(ram, &m4u, count));
        }
        thread::sleep(TICK);
    }
}

fn run(options: &Options) -> Result<u8, String> {
    let size = options.mem * MIB;
    let ram: &'static Ram = Box::leak(Box::new(
        Ram::new(size).map_err(|error| format!("no memory for the guest: {error}"))?,
    ));
    let mut qemu = Qemu::new(&options.command, ram, size);
    let line = match &options.fault_irq {
        None => None,
        Some((gic, spi)) => Some(Interrupt::new(qemu.qtest()?, gic.clone(), *spi)),
    };
    let m4u = M4u::new(ram, options.registers, line)
        .ok_or_else(|| format!("--registers {:#x}: not in guest memory", options.registers))?;
    let m4u = Arc::new(m4u);
    for disk in &options.disks {
        qemu.add_disk(disk, ram, &m4u)?;
    }
    let hardware = m4u.clone();
    thread::spawn(move || hardware.run());
    qemu.start()?;
    let status = attend(options, ram, &m4u, &mut qemu).map_err(|error| error.to_string())?;
    if let Some(report) = &options.report {
        fs::write(report, m4u.counts.to_string())
            .map_err(|error| format!("{}: {error}", report.display()))?;
    }
    Ok(status)
}

fn main() -> ExitCode {
    let result = Options::parse(std::env::args_os().skip(1)).and_then(|options| run(&options));
    match result {
        Ok(status) => status.into(),
        Err(error) => {
            eprintln!("vhost-user-m4u: {error}");
            ExitCode::FAILURE
        }
    }
}
