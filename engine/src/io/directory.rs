//! Directories: who may use one, and how a change to one survives a power cut.
//!
//! Creating, renaming or removing a file changes its directory, and that change is durable only after the directory
//! itself has been synced; a file whose content was synced can otherwise be gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file whose lock says that a server uses the directory. It stays when the server ends; only its lock counts.
const LOCK_FILE: &str = "paddock.lock";

/// A directory that this process alone uses, until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the flock.
    _lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug)]
pub enum DirError {
    Missing {
        path: PathBuf,
    },
    NotADirectory {
        path: PathBuf,
    },
    NotWritable {
        path: PathBuf,
        source: io::Error,
    },
    /// `pid` as the holder wrote it; `None` if it did not get so far.
    Locked {
        path: PathBuf,
        pid: Option<u32>,
    },
}

impl DataDir {
    /// Takes the directory for this process: checks that it can be written and locks it. With `create`, missing
    /// directories on the way are made.
    pub fn open(path: &Path, create: bool) -> Result<DataDir, DirError> {
        let not_writable = |source| DirError::NotWritable { path: path.to_owned(), source };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(DirError::NotADirectory { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(DirError::NotADirectory { path: path.to_owned() });
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(not_writable(error)),
            Err(_) if !create => return Err(DirError::Missing { path: path.to_owned() }),
            Err(_) => create_dir(path).map_err(not_writable)?,
        }
        let lock = lock(path)?;
        sync_dir(path).map_err(not_writable)?;
        Ok(DataDir { path: path.to_owned(), _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(dir: &Path) -> Result<File, DirError> {
    let not_writable = |source| DirError::NotWritable { path: dir.to_owned(), source };
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK_FILE));
    let mut file = open.map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = (&file).take(20).read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(DirError::Locked { path: dir.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(not_writable(error)),
    }
    let write = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    write.map_err(not_writable)?;
    Ok(file)
}

/// Creates a directory and the missing ones above it; each survives a power cut. An existing one is fine.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = path;
    while !at.as_os_str().is_empty() && !at.try_exists()? {
        missing.push(at);
        let Some(parent) = at.parent() else { break };
        at = parent;
    }
    for dir in missing.into_iter().rev() {
        match std::fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_dir(parent_of(dir))?,
        }
    }
    Ok(())
}

/// Makes creations, renames and removals in a directory durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file so that it stays removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)?;
    sync_dir(parent_of(path))
}

/// Replaces a file: after a power cut at any moment it has its old or its new content, whole. The new content is first
/// written beside it, as `<name>.tmp`.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let result = write_and_rename(path, &beside, bytes);
    if result.is_err() {
        // The first error is the one to report; a leftover is overwritten by the next attempt.
        let _ = std::fs::remove_file(&beside);
    }
    result
}

fn write_and_rename(path: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(beside, path)?;
    sync_dir(parent_of(path))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

impl std::fmt::Display for DirError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DirError::Missing { path } => {
                write!(f, "the directory {} does not exist; create it, or correct the path", path.display())
            }
            DirError::NotADirectory { path } => {
                write!(f, "{} is not a directory; the path must name one", path.display())
            }
            DirError::NotWritable { path, source } => {
                write!(f, "the directory {} cannot be written: {source}; give this user the right to", path.display())
            }
            DirError::Locked { path, pid: Some(pid) } => {
                let path = path.display();
                write!(f, "the directory {path} is in use by process {pid}; stop that one, or use another directory")
            }
            DirError::Locked { path, pid: None } => {
                let path = path.display();
                write!(f, "the directory {path} is in use by another process; stop that one, or use another directory")
            }
        }
    }
}

impl std::error::Error for DirError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DirError::NotWritable { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DataDir, DirError, write_atomically};
    use std::path::{Path, PathBuf};

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-dir-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let dir = fresh("lock").join("a/b");
        assert!(matches!(DataDir::open(&dir, false), Err(DirError::Missing { .. })));
        let first = DataDir::open(&dir, true).unwrap();
        assert_eq!(first.path(), dir);
        let error = DataDir::open(&dir, true).unwrap_err();
        assert!(matches!(error, DirError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::open(&dir, false).unwrap();
        std::fs::remove_dir_all(dir.parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn what_cannot_be_a_data_directory_is_refused() {
        let dir = fresh("file");
        std::fs::write(&dir, b"").unwrap();
        assert!(matches!(DataDir::open(&dir, true), Err(DirError::NotADirectory { .. })));
        assert!(matches!(DataDir::open(&dir.join("below"), true), Err(DirError::NotADirectory { .. })));
        std::fs::remove_file(&dir).unwrap();
        // No user, not even root, can create files there.
        let error = DataDir::open(Path::new("/proc/self/fdinfo"), false).unwrap_err();
        assert!(matches!(error, DirError::NotWritable { .. }), "{error}");
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = fresh("atomic");
        std::fs::create_dir(&dir).unwrap();
        let path = dir.join("acceptedEpoch");
        write_atomically(&path, b"1").unwrap();
        write_atomically(&path, b"22").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"22");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        assert!(write_atomically(&dir.join("none/x"), b"").is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
