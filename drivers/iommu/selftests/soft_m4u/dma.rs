// SPDX-License-Identifier: GPL-2.0

//! The DMA of devices behind the M4U: every address is an IOVA.
//!
//! Data are moved a page at a time, under the lock that invalidations take, so that no access to an
//! address is in progress when its invalidation is acknowledged.

use kernel::{
    prelude::*,
    sizes::SZ_4K, //
};

use crate::{
    bus,
    engine::{
        locked,
        Engine, //
    },
    fault::Interrupt, //
};

/// An error, and its interrupt, if any.
struct Failure(Error, Option<Interrupt>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error, None)
    }
}

/// Calls `f` with the engine, and raises its interrupt after the lock was released.
fn with<T>(f: impl FnOnce(&mut Engine) -> Result<T, Failure>) -> Result<T> {
    let result = locked(|engine| match engine {
        Some(engine) => f(engine),
        None => Err(ENODEV.into()),
    });
    result.map_err(|Failure(error, interrupt)| {
        if let Some(interrupt) = interrupt {
            interrupt.raise();
        }
        error
    })
}

/// Returns the physical address that a device accesses at `iova`.
fn access(engine: &mut Engine, iova: u64, write: bool) -> Result<u64, Failure> {
    if !engine.registers.port_enabled() {
        return Err(EPERM.into());
    }
    match engine.translate(iova) {
        Ok(page) => Ok(page.paddr + (iova - page.iova)),
        Err(error) if error == EFAULT => Err(Failure(error, engine.fault(iova, write))),
        Err(error) => Err(error.into()),
    }
}

/// Returns the error for a translation to an address without memory.
fn moved(engine: &mut Engine, iova: u64, len: usize, done: Option<()>) -> Result<(), Failure> {
    if done.is_none() {
        engine.counts.malformed += 1;
        engine.report(iova, "it is mapped to where no memory is");
        return Err(EIO.into());
    }
    engine.counts.bytes += len as u64;
    Ok(())
}

/// Returns the bytes from `iova` to the end of its page.
fn in_page(iova: u64) -> usize {
    SZ_4K - (iova as usize & (SZ_4K - 1))
}

/// Copies `len` bytes.
///
/// [`EFAULT`] if a page is not mapped, with a fault interrupt to the driver; [`EIO`] if the tables
/// or the driver's invalidations are wrong, with a line in the log; [`EPERM`] if the driver did not
/// enable the port. Data before the error are copied.
pub fn copy(from: u64, to: u64, len: usize) -> Result {
    let mut done = 0;
    while done < len {
        let (from, to) = (from + done as u64, to + done as u64);
        let n = (len - done).min(in_page(from)).min(in_page(to));
        with(|engine| {
            let source = access(engine, from, false)?;
            let target = access(engine, to, true)?;
            // SAFETY: The driver of the device has mapped the page for it to write.
            let copied = unsafe { bus::copy(source, target, n) };
            moved(engine, to, n, copied)
        })?;
        done += n;
    }
    Ok(())
}

/// Sets `len` bytes. The errors of [`copy`].
pub fn fill(to: u64, byte: u8, len: usize) -> Result {
    let mut done = 0;
    while done < len {
        let to = to + done as u64;
        let n = (len - done).min(in_page(to));
        with(|engine| {
            let target = access(engine, to, true)?;
            // SAFETY: The driver of the device has mapped the page for it to write.
            let filled = unsafe { bus::fill(target, byte, n) };
            moved(engine, to, n, filled)
        })?;
        done += n;
    }
    Ok(())
}

/// Reads bytes. The errors of [`copy`].
pub fn read(from: u64, to: &mut [u8]) -> Result {
    let mut done = 0;
    while done < to.len() {
        let from = from + done as u64;
        let n = (to.len() - done).min(in_page(from));
        let part = &mut to[done..done + n];
        with(|engine| {
            let source = access(engine, from, false)?;
            let read = bus::read(source, part);
            moved(engine, from, n, read)
        })?;
        done += n;
    }
    Ok(())
}

/// Returns the physical address of `iova`, and the size of its page. The errors of [`copy`],
/// without an interrupt.
pub fn translate(iova: u64) -> Result<(u64, u64)> {
    with(|engine| {
        let page = engine.translate(iova)?;
        Ok((page.paddr + (iova - page.iova), page.size))
    })
}

/// Looks for stale cached items, and returns the number of errors of all kinds since the module was
/// loaded.
///
/// Called while no mapping of the M4U is being made or removed.
pub fn check() -> Result<u64> {
    with(|engine| {
        engine.check();
        Ok(engine.counts.errors())
    })
}
