//! Why a snapshot cannot be had.

use std::fmt;
use std::io;

use paddock_consensus::Zxid;

use crate::io::advice;

/// Why a file is no snapshot.
#[derive(Debug)]
pub enum SnapshotError {
    Io(io::Error),
    /// It is whole, and of another transaction than its name says.
    Misnamed {
        inside: Zxid,
    },
    /// Where in the file, and what is wrong there.
    Damaged {
        offset: u64,
        what: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Io(error) => write!(f, "it cannot be read: {error}; {}", advice(error)),
            SnapshotError::Misnamed { inside } => {
                write!(f, "it is of transaction {inside}, and not of the one in its name")
            }
            SnapshotError::Damaged { offset, what } => write!(f, "it is damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for SnapshotError {}
