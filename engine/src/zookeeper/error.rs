//! What is wrong with a file or stream of ZooKeeper's.

use std::fmt;
use std::io;

use crate::io::advice;

/// Why a file or a stream is not what it should be. Offsets are bytes from its start; where it is compressed, of what is
/// inside.
#[derive(Debug)]
pub enum FormatError {
    Io(io::Error),
    /// It ends in the middle of something.
    CutShort {
        offset: u64,
    },
    Damaged {
        offset: u64,
        what: String,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::Io(error) => write!(f, "it cannot be read: {error}; {}", advice(error)),
            FormatError::CutShort { offset } => write!(f, "it is cut short at byte {offset}"),
            FormatError::Damaged { offset, what } => write!(f, "it is damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for FormatError {}
