// SPDX-License-Identifier: GPL-2.0

//! Reasons why there can be no such cache.

use crate::fmt;

/// The rule that arguments break: a sentence that names the flag or the value.
///
/// In a constant, it is the compiler's error message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadArgs {
    message: &'static str,
    value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    None,
    Bits(u32),
    Bytes(usize),
}

impl BadArgs {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self {
            message,
            value: Value::None,
        }
    }

    pub(crate) const fn bits(message: &'static str, bits: u32) -> Self {
        Self {
            message,
            value: Value::Bits(bits),
        }
    }

    pub(crate) const fn bytes(message: &'static str, bytes: usize) -> Self {
        Self {
            message,
            value: Value::Bytes(bytes),
        }
    }

    /// Returns the sentence without the value.
    pub(crate) const fn message(&self) -> &'static str {
        self.message
    }
}

impl fmt::Display for BadArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)?;
        match self.value {
            Value::None => Ok(()),
            Value::Bits(bits) => write!(f, " {bits:#x}"),
            Value::Bytes(bytes) => write!(f, ": {bytes} bytes"),
        }
    }
}
