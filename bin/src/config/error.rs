//! Why a configuration cannot be served.

use super::place::Place;
use paddock_engine::io::advice;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Each variant prints as one sentence: where, what is wrong, what to do.
#[derive(Debug)]
pub enum ConfigError {
    /// The file, or the dynamic file that it names, cannot be read.
    Unreadable { file: PathBuf, source: io::Error },
    /// The file is longer than [`super::MAX_FILE_BYTES`].
    TooLong { file: PathBuf },
    /// Not a Java properties file.
    Syntax { place: Place, problem: String },
    /// A value that is not of its key's type or range.
    Value { place: Place, key: String, problem: String, expected: String },
    /// A key that must be there; `advice` says what to add.
    Missing { file: PathBuf, key: &'static str, advice: &'static str },
    /// A value that is well formed and contradicts another, or cannot be served; `problem` says what to do.
    Refused { place: Place, key: String, problem: String },
    /// The host of a listener has no address.
    Unresolved { place: Place, key: String, host: String, source: io::Error },
    /// `myid` does not hold a server id, or not the one in the member list.
    ServerId { file: PathBuf, problem: String },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => {
                write!(f, "{}: the file cannot be read: {source}; {}", file.display(), advice(source))
            }
            Self::TooLong { file } => write!(
                f,
                "{}: the file is longer than {} bytes, which no configuration is; give the path of a zoo.cfg",
                file.display(),
                super::MAX_FILE_BYTES
            ),
            Self::Syntax { place, problem } => write!(f, "{place}: {problem}"),
            Self::Value { place, key, problem, expected } => {
                write!(f, "{place}: {key}: {problem}; expected {expected}")
            }
            Self::Missing { file, key, advice } => write!(f, "{}: {key} is not set; {advice}", file.display()),
            Self::Refused { place, key, problem } => write!(f, "{place}: {key}: {problem}"),
            Self::Unresolved { place, key, host, source } => write!(
                f,
                "{place}: {key}: the host {host:?} has no address: {source}; give an IP address or a name that resolves"
            ),
            Self::ServerId { file, problem } => write!(f, "{}: {problem}", file.display()),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } | Self::Unresolved { source, .. } => Some(source),
            _ => None,
        }
    }
}
