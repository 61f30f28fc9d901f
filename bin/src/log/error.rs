//! Why a command on a log failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_consensus::Zxid;
use paddock_engine::generation::GenerationError;
use paddock_engine::io::{DirError, advice};
use paddock_engine::log::LogError;

use crate::node::recovery::RecoveryError;

/// Why a command on a log failed.
#[derive(Debug)]
pub enum LogCommandError {
    Log(LogError),
    Generation(GenerationError),
    Directory(DirError),
    /// The path is neither a file nor a directory that can be looked at.
    Path {
        path: PathBuf,
        source: io::Error,
    },
    NoDirectory(PathBuf),
    /// It cannot be read on from there.
    Damaged(String),
    /// There is no log, and what there is instead.
    NoLog {
        directory: PathBuf,
        instead: String,
    },
    /// It has the logs of a ZooKeeper, which are cut by copying one file.
    ZooKeepers {
        directory: PathBuf,
    },
    /// A file that is no log, and why.
    NotALog {
        file: PathBuf,
        why: &'static str,
    },
    /// Every record is read and holds, but nothing tells whether there were more.
    NothingTells {
        directory: PathBuf,
        last: Zxid,
    },
    /// What else there is of the data is elsewhere.
    DataDirNeeded {
        directory: PathBuf,
    },
    /// Generations in a `dataLogDir`, and only the `dataDir` says which one counts.
    WhichGeneration {
        directory: PathBuf,
        /// The directory of one of them.
        one: PathBuf,
    },
    /// There is no such generation, or nothing is left of its beginning.
    NoGeneration {
        directory: PathBuf,
    },
    Recovery(RecoveryError),
    /// The directory of a generation that does not count.
    NotPresent {
        directory: PathBuf,
        present: PathBuf,
    },
    /// It has what is to be cut.
    NewerSnapshot {
        zxid: Zxid,
        path: PathBuf,
    },
    /// It is there already, and nothing is written over.
    Exists(PathBuf),
    /// The shorter copy cannot be written.
    Copy {
        path: PathBuf,
        source: io::Error,
    },
    Output(io::Error),
}

impl fmt::Display for LogCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogCommandError::Log(error) => error.fmt(f),
            LogCommandError::Generation(error) => error.fmt(f),
            LogCommandError::Directory(error) => error.fmt(f),
            LogCommandError::Path { path, source } => {
                write!(f, "cannot look at {}: {source}; {}", path.display(), advice(source))
            }
            LogCommandError::NoDirectory(path) => {
                write!(f, "{} is no directory; give the dataLogDir (or dataDir) of a server", path.display())
            }
            LogCommandError::Damaged(damage) => f.write_str(damage),
            LogCommandError::NoLog { directory, instead } => {
                write!(f, "{} holds no transaction log: {instead}", directory.display())
            }
            LogCommandError::ZooKeepers { directory } => write!(
                f,
                "{} holds a ZooKeeper's files, which are not changed; give the one log file in which the transaction is, of \
                 which a shorter copy is made (`paddock log show {}` tells which)",
                directory.display(),
                directory.display()
            ),
            LogCommandError::NotALog { file, why } => write!(f, "{} is no transaction log: {why}", file.display()),
            LogCommandError::NothingTells { directory, last } => write!(
                f,
                "every record holds, up to {last}, but nothing in {} tells whether there were more, or whether some were cut; \
                 give the dataDir with --data-dir",
                directory.display()
            ),
            LogCommandError::DataDirNeeded { directory } => write!(
                f,
                "{} has neither a milestone nor a snapshot, so that it is not the dataDir; give that with --data-dir (the \
                 same directory again, if there is no other)",
                directory.display()
            ),
            LogCommandError::WhichGeneration { directory, one } => write!(
                f,
                "{} has generations, and only the dataDir says which one counts; give that with --data-dir, or the directory \
                 of one, such as {}",
                directory.display(),
                one.display()
            ),
            LogCommandError::NoGeneration { directory } => {
                write!(f, "{} holds no snapshot that a generation could begin with", directory.display())
            }
            LogCommandError::Recovery(error) => error.fmt(f),
            LogCommandError::NotPresent { directory, present } => write!(
                f,
                "{} does not count any more, or not yet; what counts is in {}: give that directory, if it is meant",
                directory.display(),
                present.display()
            ),
            LogCommandError::NewerSnapshot { zxid, path } => write!(
                f,
                "the snapshot {} holds transactions up to {zxid}; move it away first, then cut the log",
                path.display()
            ),
            LogCommandError::Exists(path) => {
                write!(f, "{} is there already; move it away, nothing is written over", path.display())
            }
            LogCommandError::Copy { path, source } => {
                write!(f, "cannot write {}: {source}; {}", path.display(), advice(source))
            }
            LogCommandError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<LogError> for LogCommandError {
    fn from(error: LogError) -> Self {
        LogCommandError::Log(error)
    }
}

impl From<io::Error> for LogCommandError {
    fn from(error: io::Error) -> Self {
        LogCommandError::Output(error)
    }
}
