//! The directories that a command was given, and which generation of them is meant: the present one, unless the directory of
//! one was given by its name.

use std::path::{Path, PathBuf};

use paddock_engine::generation::{self, Generation, GenerationError};
use paddock_engine::io::Files;
use paddock_engine::log::FoundMilestone;
use paddock_engine::snapshot;

use super::LogCommandError;

/// A path that was given. A server's messages name the directories of its generation, which may be gone.
pub struct Given {
    /// The `dataDir` or `dataLogDir`, or a file.
    pub path: PathBuf,
    /// The directory of a generation in that, if this was given.
    generation: Option<PathBuf>,
}

/// The `dataLogDir` and the `dataDir` of one generation.
pub struct Directories {
    pub dir: PathBuf,
    pub data_dir: PathBuf,
}

impl Given {
    pub fn new(path: &Path) -> Given {
        // A generation's directory has other names too: a link, or `.` from inside.
        let real = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
        let above = Generation::above(&real);
        if above == real {
            Given { path: path.to_owned(), generation: None }
        } else {
            Given { path: above.to_owned(), generation: Some(real) }
        }
    }

    /// The generation that was given by the name of its directory.
    fn named(&self) -> Option<Generation> {
        self.generation.as_deref().map(Generation::of_dir)
    }

    pub fn refuse_unless_present(&self, present: &Path) -> Result<(), LogCommandError> {
        match &self.generation {
            Some(directory) if directory != present => {
                Err(LogCommandError::NotPresent { directory: directory.clone(), present: present.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

impl Directories {
    /// Of the generation that one of the two names, or of the present one, which the `dataDir` tells; without a `dataDir` the
    /// other directory has to tell itself.
    pub fn meant(log: &Given, data: Option<&Given>) -> Result<Directories, LogCommandError> {
        match log.named().or_else(|| data?.named()) {
            Some(generation) => Ok(Directories::of(generation, log, data)),
            None => Directories::present(log, data),
        }
    }

    /// Of the present generation, whichever was named.
    pub fn present(log: &Given, data: Option<&Given>) -> Result<Directories, LogCommandError> {
        let data_dir = &data.unwrap_or(log).path;
        match generation::present(&Files::Real, data_dir, &log.path) {
            Ok(present) => Ok(Directories::of(present, log, data)),
            Err(GenerationError::Missing { directory, .. }) if data.is_none() && !is_data_dir(&log.path)? => {
                Err(LogCommandError::WhichGeneration { directory: log.path.clone(), one: directory })
            }
            Err(error) => Err(LogCommandError::Generation(error)),
        }
    }

    fn of(generation: Generation, log: &Given, data: Option<&Given>) -> Directories {
        Directories { dir: generation.dir(&log.path), data_dir: generation.dir(&data.unwrap_or(log).path) }
    }
}

/// Whether there is anything beside a log that could tell of it.
pub fn is_data_dir(dir: &Path) -> Result<bool, LogCommandError> {
    Ok(FoundMilestone::read(&Files::Real, dir)? != FoundMilestone::Nothing
        || !snapshot::list(&Files::Real, dir)?.is_empty())
}
