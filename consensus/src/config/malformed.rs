//! What is wrong with a text.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

/// A text is cut to so many characters where it is shown.
const SHOWN_CHARS: usize = 60;

/// A value that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// What is wrong, with the piece of the text in which it is.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl Malformed {
    pub(super) fn new(problem: impl Into<String>, expected: &str) -> Malformed {
        Malformed { problem: problem.into(), expected: expected.to_owned() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected {}", self.problem, self.expected)
    }
}

impl core::error::Error for Malformed {}

/// The text in quotes, cut to a length that fits a message.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
