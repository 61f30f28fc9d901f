//! Why nothing was restored.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::backup::BackupError;

use crate::node::recovery::RecoveryError;

#[derive(Debug)]
pub enum RestoreError {
    Backup(BackupError),
    /// What was made by then stays where it is.
    Unfinished {
        directory: PathBuf,
        error: BackupError,
    },
    NoHistory {
        directory: PathBuf,
        number: u64,
    },
    /// There are no random numbers.
    Recovery(RecoveryError),
    Output(io::Error),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Backup(error) => error.fmt(f),
            RestoreError::Unfinished { directory, error } => write!(
                f,
                "{error} (what was made in {} is not whole: remove it before the next try)",
                directory.display()
            ),
            RestoreError::NoHistory { directory, number } => write!(
                f,
                "{} has no history {number}; `paddock backup --list` shows which ones it has",
                directory.display()
            ),
            RestoreError::Recovery(error) => error.fmt(f),
            RestoreError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<BackupError> for RestoreError {
    fn from(error: BackupError) -> Self {
        RestoreError::Backup(error)
    }
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> Self {
        RestoreError::Output(error)
    }
}
