//! The temporary directory of the demo. Each server has one in it, with its zoo.cfg, its dataDir and its log.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::zoo_cfg::{self, Ports};

/// Names that are tried. More than one directory with the number of this process is left by nobody.
const NAMES: usize = 100;

/// Goes with the value, unless it is kept.
pub struct Directory {
    path: PathBuf,
    keep: bool,
}

/// What cannot be done, and with which file.
#[derive(Debug)]
pub struct DirectoryError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// The files of one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub zoo_cfg: PathBuf,
    pub log: PathBuf,
}

impl Directory {
    /// An empty directory, of this user alone, where the system has its temporary files (`TMPDIR`, `/tmp`).
    pub fn create(keep: bool) -> Result<Directory, DirectoryError> {
        let base = std::env::temp_dir();
        let base = std::path::absolute(&base).map_err(|source| DirectoryError { path: base, source })?;
        if base.to_str().is_none() {
            let source = io::Error::new(ErrorKind::InvalidData, "its name is no UTF-8, as a zoo.cfg needs it");
            return Err(DirectoryError { path: base, source });
        }
        let names = (0..NAMES).map(|n| base.join(format!("paddock-demo-{}-{n}", std::process::id())));
        let mut taken = None;
        for path in names {
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Directory { path, keep }),
                Err(source) if source.kind() == ErrorKind::AlreadyExists => {
                    taken = Some(DirectoryError { path, source });
                }
                Err(source) => return Err(DirectoryError { path, source }),
            }
        }
        Err(taken.expect("at least one name was tried"))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        self.keep
    }

    /// Writes what servers with these ports are told, in place of what was there before.
    pub fn furnish(&self, servers: &[Ports]) -> Result<Vec<Place>, DirectoryError> {
        (1..=servers.len()).map(|number| self.furnish_one(number, servers)).collect()
    }

    fn furnish_one(&self, number: usize, servers: &[Ports]) -> Result<Place, DirectoryError> {
        let dir = self.path.join(number.to_string());
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError { path, source }
        };
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(wrong(&dir)(error)),
            _ => {}
        }
        let data_dir = dir.join("data");
        fs::create_dir_all(&data_dir).map_err(wrong(&data_dir))?;
        let (zoo_cfg, my_id) = (dir.join("zoo.cfg"), data_dir.join("myid"));
        fs::write(&zoo_cfg, zoo_cfg::text(number, &data_dir, servers)).map_err(wrong(&zoo_cfg))?;
        fs::write(&my_id, format!("{number}\n")).map_err(wrong(&my_id))?;
        Ok(Place { zoo_cfg, log: dir.join("server.log") })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("paddock: {} cannot be removed: {error}; remove it yourself", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Directory, Ports};

    #[test]
    fn servers_are_furnished_and_all_of_it_goes() {
        let directory = Directory::create(false).expect("a writable temporary directory");
        let path = directory.path().to_owned();
        let ports = [1, 4].map(|first| Ports { client: first, quorum: first + 1, election: first + 2 });
        let first = directory.furnish(&ports).expect("it is writable");
        fs::write(&first[1].log, "of a server that found its port taken").expect("it is writable");
        assert_eq!(directory.furnish(&ports).expect("it is writable"), first);
        assert!(!first[1].log.exists(), "nothing is left of what was there before");
        assert_eq!(fs::read_to_string(path.join("2/data/myid")).expect("it was written"), "2\n");
        assert!(fs::read_to_string(&first[1].zoo_cfg).expect("it was written").contains("clientPort=4\n"));
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_to_be_kept_stays() {
        let directory = Directory::create(true).expect("a writable temporary directory");
        let path = directory.path().to_owned();
        drop(directory);
        fs::remove_dir(&path).expect("it is still there");
    }
}
