//! Why a command on backups failed.

use std::fmt;
use std::io;

use paddock_engine::backup::BackupError;

use crate::config::ConfigError;

#[derive(Debug)]
pub enum BackupCommandError {
    /// What was given does not go together.
    Arguments(&'static str),
    Config(Box<ConfigError>),
    Backup(BackupError),
    Output(io::Error),
}

impl fmt::Display for BackupCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupCommandError::Arguments(what) => write!(f, "{what}; see paddock backup --help"),
            BackupCommandError::Config(error) => {
                write!(f, "{error} (where only the directories count, give them with --data-dir instead of the file)")
            }
            BackupCommandError::Backup(error) => error.fmt(f),
            BackupCommandError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<BackupError> for BackupCommandError {
    fn from(error: BackupError) -> Self {
        BackupCommandError::Backup(error)
    }
}

impl From<io::Error> for BackupCommandError {
    fn from(error: io::Error) -> Self {
        BackupCommandError::Output(error)
    }
}
