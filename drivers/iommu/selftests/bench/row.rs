// SPDX-License-Identifier: GPL-2.0

//! Results as JSON objects.

use kernel::{
    debugfs,
    fmt,
    prelude::*, //
};

use crate::case::Case;

/// An operation and its cost in each implementation.
pub(crate) struct Row {
    op: &'static str,
    case: Case,
    /// The interface that the caller uses, if there are several.
    through: Option<&'static str>,
    cpus: u32,
    rust: u64,
    c: u64,
    floor: Option<u64>,
}

impl Row {
    pub(crate) fn of(op: &'static str, case: &Case, rust: u64, c: u64) -> Self {
        Self {
            op,
            case: *case,
            through: None,
            cpus: 1,
            rust,
            c,
            floor: None,
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

    pub(crate) fn cpus(self, cpus: u32) -> Self {
        Self { cpus, ..self }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = &self.case;
        write!(
            f,
            "{{\"op\": \"{}\", \"pgsize\": {}, \"count\": {}, \"walker\": \"{}\", \
             \"flush\": \"{}\", \"touch\": \"{}\", \"cpus\": {}, \"through\": ",
            self.op,
            case.pgsize,
            case.count,
            case.walker.name(),
            case.flush.name(),
            case.touch.name(),
            self.cpus,
        )?;
        match self.through {
            Some(way) => write!(f, "\"{way}\"")?,
            None => f.write_str("null")?,
        }
        write!(
            f,
            ", \"rust\": {}, \"c\": {}, \"floor\": ",
            self.rust, self.c
        )?;
        match self.floor {
            Some(floor) => write!(f, "{floor}}}"),
            None => f.write_str("null}"),
        }
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
