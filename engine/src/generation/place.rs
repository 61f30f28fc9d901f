//! What one generation has in a `dataDir` or a `dataLogDir`, and how that goes.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::{GenerationError, failed};
use super::number::Generation;
use crate::io::{Access, Files, Removed};
use crate::snapshot::snapshot_dir;

/// How the names of Paddock's own files in the directory inside begin; nothing else is removed.
const OWN_FILES: &[&str] = &["conversion", "log.", "milestone", "snapshot.", "torn."];
/// Those in a `dataLogDir` that is another directory than the `dataDir`. Any of the others there is another server's.
const LOG_FILES: &[&str] = &["log.", "torn."];

/// A file in the directory of a generation that has never counted.
const UNFINISHED: &str = "unfinished";

/// Names that are tried for what is set aside.
const ASIDE_MAX: u32 = 1000;

/// The directory of a generation in a `dataDir` or a `dataLogDir`.
#[derive(Clone, Debug)]
pub(super) struct GenerationPlace {
    files: Files,
    is_first: bool,
    /// The directory itself; of the first generation it is the `dataDir` or the `dataLogDir`.
    dir: PathBuf,
    /// The one inside, with the files.
    inner: PathBuf,
    /// How the names of the files begin that are its own.
    own_files: &'static [&'static str],
}

impl GenerationPlace {
    pub fn new(files: &Files, generation: Generation, directory: &Path, data_dir: &Path) -> GenerationPlace {
        let dir = generation.dir(directory);
        GenerationPlace {
            files: files.clone(),
            is_first: generation == Generation::FIRST,
            inner: snapshot_dir(&dir),
            dir,
            own_files: if files.is_same_directory(directory, data_dir) { OWN_FILES } else { LOG_FILES },
        }
    }

    /// Whether there is anything of it.
    pub fn exists(&self) -> Result<bool, GenerationError> {
        let path = if self.is_first { &self.inner } else { &self.dir };
        self.files.exists(path).map_err(failed(path))
    }

    /// What is made in it from now on does not count, until [`count`](Self::count).
    pub fn begin(&self) -> Result<(), GenerationError> {
        self.files.create_dir(&self.dir).map_err(failed(&self.dir))?;
        let mark = self.dir.join(UNFINISHED);
        let made = self.files.open(&mark, Access::Replace).and_then(|file| file.sync_all());
        made.and_then(|()| self.files.sync_dir(&self.dir)).map_err(failed(&mark))?;
        self.files.create_dir(&self.inner).map_err(failed(&self.inner))
    }

    /// It is one that counts, or has counted: what is in it is never taken for what was not finished.
    pub fn count(&self) -> Result<(), GenerationError> {
        if self.is_first {
            // It has no directory of its own, and is never unfinished.
            return Ok(());
        }
        let mark = self.dir.join(UNFINISHED);
        match self.files.remove(&mark) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&mark)(error)),
            _ => Ok(()),
        }
    }

    /// Whether it has never counted. A crash may have left no more than an empty directory of it.
    pub fn is_unfinished(&self) -> Result<bool, GenerationError> {
        let exists = |path: &Path| self.files.exists(path).map_err(failed(path));
        if self.is_first {
            return Ok(false);
        }
        Ok(exists(&self.dir.join(UNFINISHED))? || !exists(&self.inner)?)
    }

    /// Gives it a name that no start looks at, and returns that.
    pub fn set_aside(&self) -> Result<PathBuf, GenerationError> {
        let mut path = self.dir.clone().into_os_string();
        path.push(".aside");
        for number in 1..=ASIDE_MAX {
            let mut path = path.clone();
            if number > 1 {
                path.push(format!("-{number}"));
            }
            let path = PathBuf::from(path);
            if !self.files.exists(&path).map_err(failed(&path))? {
                let parent = self.dir.parent().unwrap_or(&self.dir);
                let renamed = self.files.rename(&self.dir, &path).and_then(|()| self.files.sync_dir(parent));
                return renamed.map(|()| path.clone()).map_err(failed(&path));
            }
        }
        Err(failed(&self.dir)(ErrorKind::AlreadyExists.into()))
    }

    /// Removes it all at once.
    pub fn remove(self) -> Result<(), GenerationError> {
        let mut removal = Removal::new(self);
        while removal.step()? {}
        Ok(())
    }
}

/// The removal of what a generation has in one place, a file at a time: the files whose names begin as those of its own. What
/// else is there stays, with the directories around it, and is an error. A crash leaves some of it, and then it is begun again.
#[derive(Debug)]
pub(super) struct Removal {
    place: GenerationPlace,
    /// The files that are still to go; `None` before they were looked for.
    names: Option<VecDeque<OsString>>,
    /// A file without a name, of which some is still to be given back.
    removed: Option<Removed>,
}

impl Removal {
    pub fn new(place: GenerationPlace) -> Removal {
        Removal { place, names: None, removed: None }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        if self.place.is_first { &self.place.inner } else { &self.place.dir }
    }

    /// Takes a step. Whether more is to do.
    pub fn step(&mut self) -> Result<bool, GenerationError> {
        if let Some(removed) = &mut self.removed {
            if !removed.shrink() {
                self.removed = None;
            }
            return Ok(true);
        }
        let GenerationPlace { files, inner, own_files, .. } = &self.place;
        let Some(names) = &mut self.names else {
            let is_own =
                |name: &OsString| own_files.iter().any(|own| name.as_encoded_bytes().starts_with(own.as_bytes()));
            let names = match files.list(inner) {
                Ok(names) => names,
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(failed(inner)(error)),
            };
            self.names = Some(names.into_iter().filter(is_own).collect());
            return Ok(true);
        };
        if let Some(name) = names.pop_front() {
            let file = inner.join(name);
            match Removed::begin(files, &file) {
                Ok(removed) => self.removed = Some(removed),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&file)(error)),
            }
            return Ok(true);
        }
        self.remove_directories().map(|()| false)
    }

    fn remove_directories(&self) -> Result<(), GenerationError> {
        let GenerationPlace { files, inner, dir, is_first, .. } = &self.place;
        if files.exists(inner).map_err(failed(inner))? {
            files.remove_dir(inner).map_err(failed(inner))?;
            tracing::info!(directory = %inner.display(), "removed: what it held is not of the present generation");
        }
        if !is_first && files.exists(dir).map_err(failed(dir))? {
            self.place.count()?;
            files.remove_dir(dir).map_err(failed(dir))?;
        }
        Ok(())
    }
}
