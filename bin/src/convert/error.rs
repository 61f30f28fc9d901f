//! Why a conversion failed. ZooKeeper's files are as they were, and so are Paddock's with transactions of its own. What was
//! converted before, and never written to, can be gone: the next conversion makes it again.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::io::{DirError, advice};
use paddock_engine::zookeeper::RecoveryError as ZooKeeperError;

use crate::config::ConfigError;
use crate::node::conversion::ConversionError;
use crate::node::recovery::RecoveryError;

#[derive(Debug)]
pub enum ConvertError {
    /// `by_file` says whether a zoo.cfg was given.
    Config {
        error: Box<ConfigError>,
        by_file: bool,
    },
    /// The name of a directory is not UTF-8, as every name in a zoo.cfg is.
    Name(PathBuf),
    Directory(DirError),
    From(ConversionError),
    /// There is no state of Paddock's to be written.
    Nothing {
        directory: PathBuf,
    },
    Recovery(RecoveryError),
    /// Something is in the directory that was to be written to.
    NotEmpty {
        directory: PathBuf,
    },
    Write {
        directory: PathBuf,
        source: io::Error,
    },
    /// What was written cannot be read as a ZooKeeper's, or is another state.
    ReadBack {
        directory: PathBuf,
        source: ZooKeeperError,
    },
    Differs {
        directory: PathBuf,
        what: String,
    },
    Output(io::Error),
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConvertError::Config { error, by_file: true } => {
                write!(f, "{error} (where only the directories count, give them with --data-dir instead of the file)")
            }
            ConvertError::Config { error, by_file: false } => error.fmt(f),
            ConvertError::Name(path) => write!(f, "the name {} is not UTF-8; give another path", path.display()),
            ConvertError::Directory(error) => error.fmt(f),
            ConvertError::From(error) => error.fmt(f),
            ConvertError::Nothing { directory } => {
                write!(f, "{} holds no state of Paddock's; give the dataDir of one", directory.display())
            }
            ConvertError::Recovery(error) => error.fmt(f),
            ConvertError::NotEmpty { directory } => write!(
                f,
                "{} is not empty; give another directory, nothing is written over or beside",
                directory.display()
            ),
            ConvertError::Write { directory, source } => {
                write!(f, "cannot write to {}: {source}; {}", directory.display(), advice(source))
            }
            ConvertError::ReadBack { directory, source } => {
                write!(f, "what was written to {} cannot be read back: {source}", directory.display())
            }
            ConvertError::Differs { directory, what } => write!(
                f,
                "what was written to {} is not read back as it was: {what}; do not use it",
                directory.display()
            ),
            ConvertError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<io::Error> for ConvertError {
    fn from(error: io::Error) -> Self {
        ConvertError::Output(error)
    }
}
