// SPDX-License-Identifier: GPL-2.0

//! The M4U's interrupt line: a GIC input that QEMU's test interface sets.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;

pub struct Interrupt {
    pulses: Sender<()>,
}

impl Interrupt {
    /// QEMU's test interface connects to `qtest`; `gic` is the path of the interrupt controller in
    /// QEMU's object tree, `spi` the number of the shared peripheral interrupt.
    pub fn new(qtest: UnixListener, gic: String, spi: u32) -> Self {
        let (pulses, wanted) = channel();
        // A thread sends commands, so that reporting a fault does not wait for QEMU.
        thread::spawn(move || {
            let input = format!("set_irq_in {gic} unnamed-gpio-in {spi}");
            if let Err(error) = qtest
                .accept()
                .and_then(|(connection, _)| pass_on(&wanted, &connection, &input))
            {
                eprintln!("a fault interrupt is lost: {error}");
            }
        });
        Self { pulses }
    }

    pub fn pulse(&self) {
        // If the thread has ended, it has printed the error.
        let _ = self.pulses.send(());
    }
}

fn pass_on(pulses: &Receiver<()>, qtest: &UnixStream, input: &str) -> io::Result<()> {
    let mut answers = BufReader::new(qtest);
    for () in pulses {
        for level in [1, 0] {
            let mut requests = qtest;
            writeln!(requests, "{input} {level}")?;
            let mut answer = String::new();
            answers.read_line(&mut answer)?;
            if !answer.starts_with("OK") {
                return Err(io::Error::other(format!("QEMU: {}", answer.trim())));
            }
        }
    }
    Ok(())
}
