// SPDX-License-Identifier: GPL-2.0

//! Results in KTAP.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::text::Text;

/// The result of a test, with the error as a text.
pub(crate) type Verdict = core::result::Result<(), Text>;

/// Fails with a formatted text.
macro_rules! wrong {
    ($($args:tt)*) => {
        Err($crate::text::Text::of(fmt!($($args)*)))
    };
}
pub(crate) use wrong;

/// A KTAP document.
pub(crate) struct Ktap {
    results: Text,
    count: usize,
}

impl Ktap {
    pub(crate) fn new() -> Self {
        Self {
            results: Text::new(),
            count: 0,
        }
    }

    /// Adds a diagnostic line.
    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        let text = Text::of(what);
        for line in text.as_str().lines() {
            self.results.say(fmt!("# {}\n", line));
        }
    }

    #[inline(never)] // For a stack frame of its own.
    pub(crate) fn result(&mut self, name: fmt::Arguments<'_>, verdict: Verdict) {
        self.count += 1;
        let count = self.count;
        match verdict {
            Ok(()) => self.results.say(fmt!("ok {} {}\n", count, name)),
            Err(why) => {
                self.note(fmt!("{}", why));
                self.results.say(fmt!("not ok {} {}\n", count, name));
            }
        }
    }

    /// Returns the document.
    pub(crate) fn document(&self) -> Text {
        Text::of(fmt!("KTAP version 1\n1..{}\n{}", self.count, self.results))
    }
}
