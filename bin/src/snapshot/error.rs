//! Why a command on a snapshot failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::generation::GenerationError;
use paddock_engine::io::advice;
use paddock_engine::snapshot::SnapshotError;
use paddock_engine::zookeeper::FormatError;

#[derive(Debug)]
pub enum SnapshotCommandError {
    /// The path is neither a file nor a directory that can be looked at.
    Path {
        path: PathBuf,
        source: io::Error,
    },
    NoSnapshot {
        directory: PathBuf,
    },
    Generation(GenerationError),
    /// A file that is no snapshot, and why.
    NotASnapshot {
        file: PathBuf,
        why: &'static str,
    },
    Snapshot {
        file: PathBuf,
        source: SnapshotError,
    },
    /// The same of a ZooKeeper's.
    Format {
        file: PathBuf,
        source: FormatError,
    },
    NoZnode {
        file: PathBuf,
        path: String,
    },
    Output(io::Error),
}

impl fmt::Display for SnapshotCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use SnapshotCommandError::{Format, Generation, NoSnapshot, NoZnode, NotASnapshot, Output, Path, Snapshot};
        match self {
            Path { path, source } => write!(f, "cannot look at {}: {source}; {}", path.display(), advice(source)),
            NoSnapshot { directory } => write!(
                f,
                "{} holds no snapshot; give a snapshot file, or the dataDir of a server (Paddock's are in paddock-1 below \
                 it, ZooKeeper's in version-2)",
                directory.display()
            ),
            Generation(error) => error.fmt(f),
            NotASnapshot { file, why } => write!(f, "{} is no snapshot: {why}", file.display()),
            Snapshot { file, source } => write!(f, "{}: {source}", file.display()),
            Format { file, source } => write!(f, "{}: {source}", file.display()),
            NoZnode { file, path } => write!(f, "{} has no znode {path:?}", file.display()),
            Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<io::Error> for SnapshotCommandError {
    fn from(error: io::Error) -> Self {
        SnapshotCommandError::Output(error)
    }
}
