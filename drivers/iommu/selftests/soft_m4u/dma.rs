// SPDX-License-Identifier: GPL-2.0

//! The DMA of devices behind the M4U: every address is an IOVA.
//!
//! A page at a time, translated and moved under the lock that invalidations take, so that nothing
//! is under way to an address when the driver hears that it is forgotten.

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

/// An error, and the interrupt that it comes with.
struct Failure(Error, Option<Interrupt>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error, None)
    }
}

/// Calls `f` with the engine, and raises its interrupt when the lock is free again.
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

/// The physical address that a device accesses at `iova`.
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

/// For a translation to where no memory is.
fn moved(engine: &mut Engine, iova: u64, len: usize, done: Option<()>) -> Result<(), Failure> {
    if done.is_none() {
        engine.counts.malformed += 1;
        engine.report(iova, "it is mapped to where no memory is");
        return Err(EIO.into());
    }
    engine.counts.bytes += len as u64;
    Ok(())
}

/// Bytes from `iova` to the end of its page.
fn in_page(iova: u64) -> usize {
    SZ_4K - (iova as usize & (SZ_4K - 1))
}

/// Copies `len` bytes.
///
/// [`EFAULT`] if something is not mapped, of which the driver is told by an interrupt; [`EIO`] if
/// the tables or the driver's invalidations are not as they should be, of which the log has more;
/// [`EPERM`] if the driver did not switch our port on. What comes before that is copied.
pub fn copy(from: u64, to: u64, len: usize) -> Result {
    let mut done = 0;
    while done < len {
        let (from, to) = (from + done as u64, to + done as u64);
        let n = (len - done).min(in_page(from)).min(in_page(to));
        with(|engine| {
            let source = access(engine, from, false)?;
            let target = access(engine, to, true)?;
            // SAFETY: The device's driver says so.
            let copied = unsafe { bus::copy(source, target, n) };
            moved(engine, to, n, copied)
        })?;
        done += n;
    }
    Ok(())
}

/// Sets `len` bytes. Errors as of [`copy`].
pub fn fill(to: u64, byte: u8, len: usize) -> Result {
    let mut done = 0;
    while done < len {
        let to = to + done as u64;
        let n = (len - done).min(in_page(to));
        with(|engine| {
            let target = access(engine, to, true)?;
            // SAFETY: The device's driver says so.
            let filled = unsafe { bus::fill(target, byte, n) };
            moved(engine, to, n, filled)
        })?;
        done += n;
    }
    Ok(())
}

/// Reads bytes. Errors as of [`copy`].
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

/// The physical address behind `iova`, and the size of the page that it is in. Errors as of
/// [`copy`], but nobody is told of one.
pub fn translate(iova: u64) -> Result<(u64, u64)> {
    with(|engine| {
        let page = engine.translate(iova)?;
        Ok((page.paddr + (iova - page.iova), page.size))
    })
}

/// Looks whether something is remembered that is no longer so, and returns how many errors of all
/// kinds there were since the module was loaded.
///
/// To be called while no mapping of the M4U is being made or taken back.
pub fn check() -> Result<u64> {
    with(|engine| {
        engine.check();
        Ok(engine.counts.errors())
    })
}
