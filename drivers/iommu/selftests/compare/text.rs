// SPDX-License-Identifier: GPL-2.0

//! Text that grows.

use kernel::{
    alloc::AllocError,
    fmt::{
        self,
        Display,
        Formatter,
        Write, //
    },
    prelude::*, //
};

/// Some text; its end is missing if there was no memory for it.
pub(crate) struct Text(KVVec<u8>);

impl Text {
    pub(crate) fn new() -> Self {
        Self(KVVec::new())
    }

    pub(crate) fn of(what: fmt::Arguments<'_>) -> Self {
        let mut text = Self::new();
        text.say(what);
        text
    }

    pub(crate) fn say(&mut self, what: fmt::Arguments<'_>) {
        let _ = self.write_fmt(what);
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0
            .extend_from_slice(s.as_bytes(), GFP_KERNEL)
            .map_err(|_| fmt::Error)
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason why a comparison was not made.
impl From<Error> for Text {
    fn from(e: Error) -> Self {
        Self::of(fmt!("not compared: {:?}", e))
    }
}

impl From<AllocError> for Text {
    fn from(_: AllocError) -> Self {
        ENOMEM.into()
    }
}
