//! Directories, and who may use one.

use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::access::Access;
use super::advice;
use super::file::File;
use super::files::Files;

/// The file that tells who uses the directory, and is locked. It stays when the server ends; only its lock counts.
const LOCK_FILE: &str = "paddock.lock";

/// Of a process's number in that file, as much as is read.
const PID_BYTES: usize = 20;

/// A directory that this process alone uses, until the value is dropped.
///
/// Two locks (flock) say so. That of the file can be seen and tells the process, but a person may delete the file, and then
/// its lock keeps nobody out; that of the directory itself cannot be deleted as long as there is something to protect.
#[derive(Debug)]
pub struct DataDir {
    files: Files,
    path: PathBuf,
    directory: File,
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
    /// The file with the lock cannot be opened, locked or written.
    Lock {
        file: PathBuf,
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
    pub fn open(files: &Files, path: &Path, create: bool) -> Result<DataDir, DirError> {
        let not_writable = |source| DirError::NotWritable { path: path.to_owned(), source };
        match files.metadata(path) {
            Ok(found) if found.is_directory => {}
            Ok(_) => return Err(DirError::NotADirectory { path: path.to_owned() }),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return Err(DirError::NotADirectory { path: path.to_owned() });
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(not_writable(error)),
            Err(_) if !create => return Err(DirError::Missing { path: path.to_owned() }),
            Err(_) => files.create_dir(path).map_err(not_writable)?,
        }
        let directory = files.open(path, Access::Read).map_err(not_writable)?;
        lock_directory(files, &directory, path)?;
        let lock = lock_file(files, path)?;
        directory.sync_all().map_err(not_writable)?;
        Ok(DataDir { files: files.clone(), path: path.to_owned(), directory, _lock: lock })
    }

    /// The files that it is among.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the directory that is locked. If not, another process may have locked what is there
    /// now, and nothing may be written by that path any more.
    pub fn is_in_place(&self) -> io::Result<bool> {
        match self.files.identity(&self.path) {
            Ok(named) => Ok(named == self.directory.identity()?),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn lock_directory(files: &Files, directory: &File, path: &Path) -> Result<(), DirError> {
    match directory.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(locked(files, path)),
        // NFS locks only what is open for writing, which no directory can be: there the file's lock has to do.
        Err(TryLockError::Error(error)) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::EOPNOTSUPP)) => {
            tracing::debug!(%error, directory = %path.display(), "the directory itself cannot be locked, only its lock file");
            Ok(())
        }
        Err(TryLockError::Error(source)) => Err(DirError::NotWritable { path: path.to_owned(), source }),
    }
}

fn lock_file(files: &Files, dir: &Path) -> Result<File, DirError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| DirError::Lock { file: path.clone(), source };
    let file = files.open(&path, Access::Keep).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(files, dir)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let text = format!("{}\n", files.process_id());
    file.set_length(0).and_then(|()| file.write_all_at(text.as_bytes(), 0)).map_err(failed)?;
    Ok(file)
}

/// Another process uses the directory, which its lock file names if it is there.
fn locked(files: &Files, dir: &Path) -> DirError {
    let read = files.read(&dir.join(LOCK_FILE), PID_BYTES).ok();
    let pid = read.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.trim().parse().ok());
    DirError::Locked { path: dir.to_owned(), pid }
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
                write!(f, "the directory {} cannot be written: {source}; {}", path.display(), advice(source))
            }
            DirError::Lock { file, source } => {
                let file = file.display();
                write!(f, "the lock file {file} cannot be used: {source}; {}", advice(source))
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
            DirError::NotWritable { source, .. } | DirError::Lock { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DataDir, DirError, LOCK_FILE};
    use crate::io::Files;
    use std::path::{Path, PathBuf};

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-dir-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let dir = fresh("lock").join("a/b");
        assert!(matches!(DataDir::open(&Files::Real, &dir, false), Err(DirError::Missing { .. })));
        let first = DataDir::open(&Files::Real, &dir, true).unwrap();
        assert_eq!(first.path(), dir);
        let error = DataDir::open(&Files::Real, &dir, true).unwrap_err();
        assert!(matches!(error, DirError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::open(&Files::Real, &dir, false).unwrap();
        std::fs::remove_dir_all(dir.parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn a_deleted_lock_file_lets_nobody_in() {
        let dir = fresh("deleted-lock");
        let first = DataDir::open(&Files::Real, &dir, true).unwrap();
        std::fs::remove_file(dir.join(LOCK_FILE)).unwrap();
        assert!(matches!(DataDir::open(&Files::Real, &dir, true), Err(DirError::Locked { pid: None, .. })));
        std::fs::write(dir.join(LOCK_FILE), b"another one").unwrap();
        assert!(matches!(DataDir::open(&Files::Real, &dir, true), Err(DirError::Locked { pid: None, .. })));
        assert!(first.is_in_place().unwrap());
        std::fs::rename(&dir, dir.with_extension("moved")).unwrap();
        assert!(!first.is_in_place().unwrap());
        std::fs::create_dir(&dir).unwrap();
        assert!(!first.is_in_place().unwrap(), "another directory has the name");
        std::fs::remove_dir(&dir).unwrap();
        std::fs::rename(dir.with_extension("moved"), &dir).unwrap();
        assert!(first.is_in_place().unwrap());
        drop(first);
        DataDir::open(&Files::Real, &dir, false).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_lock_file_that_cannot_be_used_is_named() {
        let dir = fresh("lock-directory");
        std::fs::create_dir_all(dir.join(LOCK_FILE)).unwrap();
        let error = DataDir::open(&Files::Real, &dir, true).unwrap_err().to_string();
        assert!(error.contains(dir.join(LOCK_FILE).to_str().unwrap()), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_cannot_be_a_data_directory_is_refused() {
        let dir = fresh("file");
        std::fs::write(&dir, b"").unwrap();
        assert!(matches!(DataDir::open(&Files::Real, &dir, true), Err(DirError::NotADirectory { .. })));
        assert!(matches!(DataDir::open(&Files::Real, &dir.join("below"), true), Err(DirError::NotADirectory { .. })));
        std::fs::remove_file(&dir).unwrap();
        // No user, not even root, can create files there.
        let error = DataDir::open(&Files::Real, Path::new("/proc/self/fdinfo"), false).unwrap_err();
        assert!(matches!(error, DirError::Lock { .. }), "{error}");
    }
}
