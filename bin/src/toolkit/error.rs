//! Why a tool failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::generation::GenerationError;
use paddock_engine::io::{DirError, advice};
use paddock_engine::log::LogError;
use paddock_engine::zookeeper::FormatError;

use crate::log::LogCommandError;
use crate::snapshot::SnapshotCommandError;

#[derive(Debug)]
pub enum ToolkitError {
    /// What ZooKeeper's tool says on stderr, and the code that it ends with.
    Refused {
        text: String,
        code: u8,
    },
    Format {
        file: PathBuf,
        source: FormatError,
    },
    Log(LogCommandError),
    Segments(LogError),
    Snapshot(SnapshotCommandError),
    Generation(GenerationError),
    Directory(DirError),
    /// It cannot be made, written or removed.
    Path {
        path: PathBuf,
        source: io::Error,
    },
    Output(io::Error),
}

impl ToolkitError {
    pub fn refused(text: impl Into<String>, code: u8) -> ToolkitError {
        ToolkitError::Refused { text: text.into(), code }
    }

    /// What the process ends with.
    pub fn code(&self) -> u8 {
        if let ToolkitError::Refused { code, .. } = self { *code } else { 1 }
    }
}

impl fmt::Display for ToolkitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolkitError::Refused { text, .. } => f.write_str(text),
            ToolkitError::Format { file, source } => write!(f, "{}: {source}", file.display()),
            ToolkitError::Log(error) => error.fmt(f),
            ToolkitError::Segments(error) => error.fmt(f),
            ToolkitError::Snapshot(error) => error.fmt(f),
            ToolkitError::Generation(error) => error.fmt(f),
            ToolkitError::Directory(error) => error.fmt(f),
            ToolkitError::Path { path, source } => {
                write!(f, "{} cannot be changed: {source}; {}", path.display(), advice(source))
            }
            ToolkitError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<LogCommandError> for ToolkitError {
    fn from(error: LogCommandError) -> ToolkitError {
        ToolkitError::Log(error)
    }
}

impl From<SnapshotCommandError> for ToolkitError {
    fn from(error: SnapshotCommandError) -> ToolkitError {
        ToolkitError::Snapshot(error)
    }
}

impl From<io::Error> for ToolkitError {
    fn from(error: io::Error) -> ToolkitError {
        ToolkitError::Output(error)
    }
}
