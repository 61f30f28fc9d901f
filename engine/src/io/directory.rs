//! Directories: who may use one, and how a change to one survives a power cut.
//!
//! Creating, renaming or removing a file changes its directory, and that change is durable only after the directory
//! itself has been synced; a file whose content was synced can otherwise be gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::advice;
use super::sys::{identity, identity_at};

/// The file that tells who uses the directory, and is locked. It stays when the server ends; only its lock counts.
const LOCK_FILE: &str = "paddock.lock";

/// A directory that this process alone uses, until the value is dropped.
///
/// Two locks (flock) say so. That of the file can be seen and tells the process, but a person may delete the file, and then
/// its lock keeps nobody out; that of the directory itself cannot be deleted as long as there is something to protect.
#[derive(Debug)]
pub struct DataDir {
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
        let directory = File::open(path).map_err(not_writable)?;
        lock_directory(&directory, path)?;
        let lock = lock_file(path)?;
        directory.sync_all().map_err(not_writable)?;
        Ok(DataDir { path: path.to_owned(), directory, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the directory that is locked. If not, another process may have locked what is there
    /// now, and nothing may be written by that path any more.
    pub fn is_in_place(&self) -> io::Result<bool> {
        match identity_at(&self.path) {
            Ok(named) => Ok(named == identity(&self.directory)?),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn lock_directory(directory: &File, path: &Path) -> Result<(), DirError> {
    match directory.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(locked(path)),
        // NFS locks only what is open for writing, which no directory can be: there the file's lock has to do.
        Err(TryLockError::Error(error)) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::EOPNOTSUPP)) => {
            tracing::debug!(%error, directory = %path.display(), "the directory itself cannot be locked, only its lock file");
            Ok(())
        }
        Err(TryLockError::Error(source)) => Err(DirError::NotWritable { path: path.to_owned(), source }),
    }
}

fn lock_file(dir: &Path) -> Result<File, DirError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| DirError::Lock { file: path.clone(), source };
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(dir)),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let write = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    write.map_err(failed)?;
    Ok(file)
}

/// Another process uses the directory, which its lock file names if it is there.
fn locked(dir: &Path) -> DirError {
    let mut text = String::new();
    // Whatever a person has put in its place, nothing is waited for.
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(dir.join(LOCK_FILE));
    let read = open.and_then(|file| file.take(20).read_to_string(&mut text));
    let pid = read.ok().and_then(|_| text.trim().parse().ok());
    DirError::Locked { path: dir.to_owned(), pid }
}

/// Whether two paths name one directory, by a link perhaps. A path that leads nowhere is the same as no other.
pub fn is_same_directory(one: &Path, other: &Path) -> bool {
    one == other || identity_at(one).is_ok_and(|found| identity_at(other).is_ok_and(|also| also == found))
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
    use super::{DataDir, DirError, LOCK_FILE, is_same_directory, write_atomically};
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
    fn a_deleted_lock_file_lets_nobody_in() {
        let dir = fresh("deleted-lock");
        let first = DataDir::open(&dir, true).unwrap();
        std::fs::remove_file(dir.join(LOCK_FILE)).unwrap();
        assert!(matches!(DataDir::open(&dir, true), Err(DirError::Locked { pid: None, .. })));
        std::fs::write(dir.join(LOCK_FILE), b"another one").unwrap();
        assert!(matches!(DataDir::open(&dir, true), Err(DirError::Locked { pid: None, .. })));
        assert!(first.is_in_place().unwrap());
        std::fs::rename(&dir, dir.with_extension("moved")).unwrap();
        assert!(!first.is_in_place().unwrap());
        std::fs::create_dir(&dir).unwrap();
        assert!(!first.is_in_place().unwrap(), "another directory has the name");
        std::fs::remove_dir(&dir).unwrap();
        std::fs::rename(dir.with_extension("moved"), &dir).unwrap();
        assert!(first.is_in_place().unwrap());
        drop(first);
        DataDir::open(&dir, false).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_lock_file_that_cannot_be_used_is_named() {
        let dir = fresh("lock-directory");
        std::fs::create_dir_all(dir.join(LOCK_FILE)).unwrap();
        let error = DataDir::open(&dir, true).unwrap_err().to_string();
        assert!(error.contains(dir.join(LOCK_FILE).to_str().unwrap()), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
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
        assert!(matches!(error, DirError::Lock { .. }), "{error}");
    }

    #[test]
    fn one_directory_may_have_two_names() {
        let dir = fresh("names");
        std::fs::create_dir_all(dir.join("a")).unwrap();
        std::os::unix::fs::symlink(dir.join("a"), dir.join("b")).unwrap();
        assert!(is_same_directory(&dir.join("a"), &dir.join("b")));
        assert!(is_same_directory(&dir.join("a"), &dir.join("a/../a")));
        assert!(!is_same_directory(&dir.join("a"), &dir));
        assert!(!is_same_directory(&dir.join("none"), &dir.join("no other")));
        std::fs::remove_dir_all(&dir).unwrap();
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
