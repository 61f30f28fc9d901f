//! Why it is not known which generation is present, or why there is no next one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::io::{advice, is_shortage};
use crate::log::LogError;

/// Why it is not known which generation is present, or why there is no next one.
#[derive(Debug)]
pub enum GenerationError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// The file is not there, but a directory is that it must have been there for.
    Missing {
        file: PathBuf,
        directory: PathBuf,
    },
    /// The file cannot be understood. A crash does not do that: it is replaced whole.
    Damaged {
        file: PathBuf,
    },
    /// The file is in a later format than is known here.
    Version {
        file: PathBuf,
    },
    /// The generation that the file names has no snapshot, though each but the first begins with one.
    Gone {
        file: PathBuf,
        directory: PathBuf,
    },
    Log(LogError),
}

/// The command that says which generation counts, once it is seen to be whole.
struct UseCommand<'a>(&'a Path);

impl fmt::Display for UseCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data_dir = self.0.parent().unwrap_or(self.0).display();
        write!(
            f,
            "`paddock log generation {data_dir}` (with --log-dir for another dataLogDir) shows what each generation there \
             holds, and with `--use N` has one of them count"
        )
    }
}

impl fmt::Display for GenerationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GenerationError::Io { path, source } => {
                write!(f, "cannot use {}: {source}; {}", path.display(), advice(source))
            }
            GenerationError::Missing { file, directory } => write!(
                f,
                "{} is missing, which says whether the data in {} counts; put the file back, or correct dataDir and \
                 dataLogDir if they were changed; {}",
                file.display(),
                directory.display(),
                UseCommand(file)
            ),
            GenerationError::Damaged { file } => write!(
                f,
                "{} is damaged, which says what of the data beside it counts; put it back from a backup; without one, {}",
                file.display(),
                UseCommand(file)
            ),
            GenerationError::Version { file } => {
                write!(
                    f,
                    "{} is in a later format than this version knows; start the newer version that wrote it",
                    file.display()
                )
            }
            GenerationError::Gone { file, directory } => write!(
                f,
                "{} has no snapshot, though {} says that it holds the data; put the directory back; without it, {}",
                directory.display(),
                file.display(),
                UseCommand(file)
            ),
            GenerationError::Log(error) => error.fmt(f),
        }
    }
}

impl GenerationError {
    /// Whether something of the `dataDir` is gone or changed that was there, so that another server's copy makes it good. A
    /// generation that only the `dataLogDir` has shows that one of the two directories is not the right one.
    pub fn is_damage(&self) -> bool {
        match self {
            GenerationError::Damaged { .. } | GenerationError::Gone { .. } => true,
            GenerationError::Missing { file, directory } => file.parent() == directory.parent(),
            GenerationError::Io { .. } | GenerationError::Version { .. } | GenerationError::Log(_) => false,
        }
    }

    /// Whether something was short that may be had again later.
    pub fn is_shortage(&self) -> bool {
        match self {
            GenerationError::Io { source, .. } => is_shortage(source),
            GenerationError::Log(error) => error.is_shortage(),
            _ => false,
        }
    }
}

impl std::error::Error for GenerationError {}

impl From<LogError> for GenerationError {
    fn from(error: LogError) -> Self {
        GenerationError::Log(error)
    }
}

/// What an error of the system with this path is.
pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> GenerationError {
    move |source| GenerationError::Io { path: path.to_owned(), source }
}
