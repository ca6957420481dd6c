// SPDX-License-Identifier: GPL-2.0

//! Results as JSON objects.

use kernel::{
    debugfs,
    fmt,
    prelude::*, //
};

use crate::case::{
    Caller,
    Case,
    Touch, //
};

/// An operation and its cost in each implementation.
pub(crate) struct Row {
    op: &'static str,
    caller: Caller,
    /// The way in which a buffer was mapped, and its bytes, if the operation is all calls for one.
    buffer: Option<(&'static str, usize)>,
    pgsize: Option<usize>,
    /// Pages of a call, or calls of a buffer.
    count: usize,
    touch: Touch,
    /// The interface that the caller uses, if there are several.
    through: Option<&'static str>,
    rust: u64,
    c: u64,
    floor: Option<u64>,
}

impl Row {
    /// One call for a run of pages.
    pub(crate) fn of(op: &'static str, case: &Case, rust: u64, c: u64) -> Self {
        Self {
            pgsize: Some(case.pgsize),
            count: case.count,
            touch: case.touch,
            ..Self::by(op, &case.caller(), rust, c)
        }
    }

    /// One call of a driver that is about no pages.
    pub(crate) fn by(op: &'static str, caller: &Caller, rust: u64, c: u64) -> Self {
        Self {
            op,
            caller: *caller,
            buffer: None,
            pgsize: None,
            count: 1,
            touch: Touch::Hit,
            through: None,
            rust,
            c,
            floor: None,
        }
    }

    /// So many calls, for a buffer of so many bytes.
    pub(crate) fn buffer(self, kind: &'static str, bytes: usize, calls: usize) -> Self {
        Self {
            buffer: Some((kind, bytes)),
            count: calls,
            ..self
        }
    }

    pub(crate) fn floor(self, floor: Option<u64>) -> Self {
        Self { floor, ..self }
    }

    pub(crate) fn through(self, way: &'static str) -> Self {
        Self {
            through: Some(way),
            ..self
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = &self.caller;
        write!(f, "{{\"op\": \"{}\"", self.op)?;
        text(f, "caller", caller.name)?;
        text(f, "buffer", self.buffer.map(|(kind, _)| kind))?;
        number(f, "bytes", self.buffer.map(|(_, bytes)| bytes as u64))?;
        number(f, "pgsize", self.pgsize.map(|size| size as u64))?;
        number(f, "count", Some(self.count as u64))?;
        text(f, "walker", Some(caller.walker.name()))?;
        text(f, "flush", Some(caller.flush.name()))?;
        text(f, "touch", Some(self.touch.name()))?;
        text(f, "through", self.through)?;
        number(f, "rust", Some(self.rust))?;
        number(f, "c", Some(self.c))?;
        number(f, "floor", self.floor)?;
        f.write_str("}")
    }
}

/// Writes a member of an object whose value is text, or null.
fn text(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => write!(f, ", \"{name}\": \"{value}\""),
        None => write!(f, ", \"{name}\": null"),
    }
}

/// Writes a member of an object whose value is a number, or null.
fn number(f: &mut fmt::Formatter<'_>, name: &str, value: Option<u64>) -> fmt::Result {
    match value {
        Some(value) => write!(f, ", \"{name}\": {value}"),
        None => write!(f, ", \"{name}\": null"),
    }
}

/// All results, as a list.
pub(crate) struct Results(pub(crate) KVec<Row>);

impl debugfs::Writer for Results {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "[\n";
        for row in &self.0 {
            f.write_str(core::mem::replace(&mut separator, ",\n"))?;
            row.write(f)?;
        }
        f.write_str("\n]\n")
    }
}
