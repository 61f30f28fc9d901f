//! Why there is no backup, or nothing is restored of one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::index;
use super::owner::Owner;
use crate::epoch_files::EpochError;
use crate::generation::GenerationError;
use crate::io::{DirError, advice, is_shortage};
use crate::log::{LogError, OutsideError};

/// Why there is no backup, or nothing is restored of one. What was there before is as it was.
#[derive(Debug)]
pub enum BackupError {
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    Log(LogError),
    Generation(GenerationError),
    Directory(DirError),
    Epochs(EpochError),
    /// There is nothing of a server's.
    Nothing {
        directory: PathBuf,
    },
    /// The log is in another directory than was said, as the milestone tells.
    LogElsewhere {
        dir: PathBuf,
        was_in: PathBuf,
    },
    /// No snapshot holds, and the log does not go back to the first transaction. The newest one, and what is wrong with it.
    NoSnapshotHolds {
        directory: PathBuf,
        newest: String,
    },
    /// The server's files went while they were read, so often, and what was the last of it.
    Restless {
        times: u32,
        what: String,
    },
    /// Whoever had it made gave it up.
    GivenUp,
    /// The directory has no backup, and something else perhaps.
    NotABackup {
        directory: PathBuf,
        is_empty: bool,
    },
    /// The directory is of another server.
    AnotherServer {
        directory: PathBuf,
        noted: Owner,
        is: Owner,
    },
    /// No more backups fit into the index.
    TooMany {
        directory: PathBuf,
    },
    /// A later version has written it.
    Version {
        file: PathBuf,
    },
    /// A file of the backup is not what was written.
    Damaged {
        file: PathBuf,
        what: String,
    },
    /// No backup reaches the transaction or the time that was asked for; the clauses say which, and what there is.
    NotReached {
        directory: PathBuf,
        asked: String,
        there: String,
    },
    /// Something is in a directory that was to be written to.
    NotEmpty {
        directory: PathBuf,
    },
    /// What was restored is not read back as it was.
    ReadBack {
        file: PathBuf,
        what: String,
    },
}

impl BackupError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        move |source| BackupError::Io { action, path: path.to_owned(), source }
    }

    /// Whether something was short that may be had again later: space, descriptors, memory.
    pub(super) fn is_shortage(&self) -> bool {
        matches!(self, BackupError::Io { source, .. } if is_shortage(source))
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}; {}", path.display(), advice(source))
            }
            BackupError::Log(error) => error.fmt(f),
            BackupError::Generation(error) => error.fmt(f),
            BackupError::Directory(error) => error.fmt(f),
            BackupError::Epochs(error) => error.fmt(f),
            BackupError::Nothing { directory } => {
                write!(f, "{} holds no data of Paddock's; give the dataDir of a server", directory.display())
            }
            BackupError::LogElsewhere { dir, was_in } => write!(
                f,
                "{} has no transaction log, which was in {}: give that as the dataLogDir",
                dir.display(),
                was_in.display()
            ),
            BackupError::NoSnapshotHolds { directory, newest } => write!(
                f,
                "no snapshot in {} can be read from which the log would go on ({newest}); `paddock snapshot check` shows them, \
                 and the server takes the next one by itself",
                directory.display()
            ),
            BackupError::Restless { times, what } => write!(
                f,
                "the files of the server changed each time that they were read, {times} times in all, and at last {what}; try \
                 again when less is written"
            ),
            BackupError::GivenUp => f.write_str("it was given up"),
            BackupError::NotABackup { directory, is_empty: true } => {
                write!(f, "{} holds no backup", directory.display())
            }
            BackupError::NotABackup { directory, is_empty: false } => write!(
                f,
                "{} holds no backup, but something else; give another directory, nothing is written over or beside",
                directory.display()
            ),
            BackupError::AnotherServer { directory, noted, is } => write!(
                f,
                "{} has the backups of another server ({}), and this one is {}: give each server a directory of its own; if it is \
                 the same server, which began anew (its data were lost, or restored), take one backup with `paddock backup \
                 --take-over`, and from then on the directory is this one's",
                directory.display(),
                noted.text(),
                is.text()
            ),
            BackupError::TooMany { directory } => write!(
                f,
                "the index of {} would become longer than {} MiB; keep fewer backups (--keep N or --keep-days N)",
                directory.display(),
                index::BYTES_MAX >> 20
            ),
            BackupError::Version { file } => write!(
                f,
                "{} is in a later format than this version knows; use the newer version that wrote it",
                file.display()
            ),
            BackupError::Damaged { file, what } => write!(f, "{} is damaged: {what}", file.display()),
            BackupError::NotReached { directory, asked, there } => {
                write!(f, "the backups in {} do not reach {asked}: {there}", directory.display())
            }
            BackupError::NotEmpty { directory } => write!(
                f,
                "{} is not empty; give another directory, nothing is written over or beside",
                directory.display()
            ),
            BackupError::ReadBack { file, what } => {
                write!(f, "what was written to {} is not read back as it was: {what}; do not use it", file.display())
            }
        }
    }
}

impl std::error::Error for BackupError {}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> Self {
        BackupError::Log(error)
    }
}

impl From<GenerationError> for BackupError {
    fn from(error: GenerationError) -> Self {
        BackupError::Generation(error)
    }
}

/// Why one attempt at a backup came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Backup(BackupError),
    /// The server's files went or were replaced meanwhile: another attempt begins with those that are there by then.
    Changed(String),
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Failure::Backup(error)
    }
}

impl From<OutsideError> for Failure {
    fn from(error: OutsideError) -> Self {
        match error {
            OutsideError::Log(error) => Failure::Backup(BackupError::Log(error)),
            OutsideError::Changed(what) => Failure::Changed(what),
        }
    }
}
