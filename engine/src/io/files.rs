//! Files by their names.
//!
//! Creating, renaming or removing a file changes its directory, and that change is durable only after the directory
//! itself has been synced; a file whose content was synced can otherwise be gone.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::access::Access;
use super::file::File;
use super::metadata::{Identity, Metadata};
use super::simulated::{FileSystem, OpenFile};
use super::{Map, sys};

/// The modes of what holds all data of a server, from which the umask may take more.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIRECTORY: u32 = 0o700;
/// The same where those of the server's group may read, as a service has it whose data another program copies.
const SHARED_FILE: u32 = 0o640;
const SHARED_DIRECTORY: u32 = 0o750;

/// Where files are: cheap to clone, and handed down to whoever has to do with files.
#[derive(Clone, Default, Debug)]
pub enum Files {
    /// Those of this machine. What is made is the user's and the group's: directories 0750, files 0640.
    #[default]
    Real,
    /// The same, but what is made is the user's alone: directories 0700, files 0600. What is there already keeps its mode.
    Private,
    Simulated(FileSystem),
}

impl Files {
    /// The same files, of which those that are made are for nobody else.
    pub fn private(&self) -> Files {
        match self {
            Files::Real | Files::Private => Files::Private,
            Files::Simulated(files) => Files::Simulated(files.clone()),
        }
    }

    /// Whether everything is to be done on the caller's thread, because a scheduler decides what happens when.
    pub fn is_simulated(&self) -> bool {
        matches!(self, Files::Simulated(_))
    }

    pub fn open(&self, path: &Path, access: Access) -> io::Result<File> {
        match self {
            Files::Real => access.options().mode(SHARED_FILE).open(path).map(File::Real),
            Files::Private => access.options().mode(PRIVATE_FILE).open(path).map(File::Real),
            Files::Simulated(files) => OpenFile::open(files, path, access).map(File::Simulated),
        }
    }

    /// A small file, of which at most so many bytes are read. Whatever lies there, nothing is waited for.
    pub fn read(&self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        match self {
            Files::Real | Files::Private => {
                let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
                let mut bytes = Vec::new();
                io::Read::read_to_end(&mut io::Read::take(file, most as u64), &mut bytes)?;
                Ok(bytes)
            }
            Files::Simulated(files) => {
                let mut bytes = vec![0; most];
                let count = OpenFile::open(files, path, Access::Read)?.read_at(&mut bytes, 0)?;
                bytes.truncate(count);
                Ok(bytes)
            }
        }
    }

    /// A whole file as bytes.
    pub fn map(&self, path: &Path) -> io::Result<Map> {
        self.open(path, Access::Read)?.map()
    }

    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self {
            Files::Real | Files::Private => {
                let found = std::fs::metadata(path)?;
                Ok(Metadata { is_directory: found.is_dir(), bytes: found.len(), modified: found.modified()? })
            }
            Files::Simulated(files) => files.metadata(path),
        }
    }

    /// Whether something has that name.
    pub fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a path itself is a symbolic link, which leads elsewhere.
    pub fn is_link(&self, path: &Path) -> io::Result<bool> {
        match self {
            Files::Real | Files::Private => Ok(std::fs::symlink_metadata(path)?.is_symlink()),
            Files::Simulated(_) => Ok(false),
        }
    }

    /// The names in a directory, in no order.
    pub fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        match self {
            Files::Real | Files::Private => std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect(),
            Files::Simulated(files) => files.list(directory),
        }
    }

    /// What tells the file or directory at a path from all others.
    pub fn identity(&self, path: &Path) -> io::Result<Identity> {
        match self {
            Files::Real | Files::Private => sys::identity_at(path),
            Files::Simulated(files) => files.identity(path),
        }
    }

    /// Whether two paths name one directory, by a link perhaps. A path that leads nowhere is the same as no other.
    pub fn is_same_directory(&self, one: &Path, other: &Path) -> bool {
        let is_same = || Some(self.identity(one).ok()? == self.identity(other).ok()?);
        one == other || is_same().unwrap_or(false)
    }

    /// What may still be written to the file system of a directory, in bytes, if that can be told.
    pub fn free_bytes(&self, directory: &Path) -> Option<u64> {
        match self {
            Files::Real | Files::Private => sys::free_bytes(directory).ok(),
            Files::Simulated(files) => files.free_bytes().ok(),
        }
    }

    /// The time by the clock that tells when files were changed.
    pub fn now(&self) -> SystemTime {
        match self {
            Files::Real | Files::Private => SystemTime::now(),
            Files::Simulated(files) => files.now(),
        }
    }

    /// The process that uses these files. A simulated one has the same id whenever it is simulated.
    pub fn process_id(&self) -> u32 {
        match self {
            Files::Real | Files::Private => std::process::id(),
            Files::Simulated(_) => 1,
        }
    }

    /// Gives a file another name in its directory, also one that another file has, which loses it. Not durable.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Files::Real | Files::Private => std::fs::rename(from, to),
            Files::Simulated(files) => files.rename(from, to),
        }
    }

    /// Takes a file's name away. Not durable: it may be there again after a power cut.
    pub fn unlink(&self, path: &Path) -> io::Result<()> {
        match self {
            Files::Real | Files::Private => std::fs::remove_file(path),
            Files::Simulated(files) => files.unlink(path),
        }
    }

    /// Makes creations, renames and removals in a directory durable.
    pub fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.open(directory, Access::Read)?.sync_all()
    }

    /// Removes a file so that it stays removed.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.unlink(path)?;
        self.sync_dir(parent_of(path))
    }

    /// Removes an empty directory so that it stays removed.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        match self {
            Files::Real | Files::Private => std::fs::remove_dir(path)?,
            Files::Simulated(files) => files.remove_dir(path)?,
        }
        self.sync_dir(parent_of(path))
    }

    /// Creates a directory and the missing ones above it; each survives a power cut. So does one that exists, which a process
    /// may have made that ended before it was durable.
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut at = path;
        while !at.as_os_str().is_empty() && !self.exists(at)? {
            missing.push(at);
            let Some(parent) = at.parent() else { break };
            at = parent;
        }
        if missing.is_empty() {
            return self.sync_dir(parent_of(path));
        }
        for directory in missing.into_iter().rev() {
            match self.create_one_dir(directory) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => self.sync_dir(parent_of(directory))?,
            }
        }
        Ok(())
    }

    fn create_one_dir(&self, path: &Path) -> io::Result<()> {
        match self {
            Files::Real => DirBuilder::new().mode(SHARED_DIRECTORY).create(path),
            Files::Private => DirBuilder::new().mode(PRIVATE_DIRECTORY).create(path),
            Files::Simulated(files) => files.create_dir(path),
        }
    }

    /// [Replaces](Files::write_atomically) a file with another that has the mode of `like`, and its owner where this process may
    /// give that: what only some may read stays so, also while it is written.
    pub fn write_atomically_like(&self, path: &Path, like: &Path, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, Some(like), bytes)
    }

    /// Replaces a file: after a power cut at any moment it has its old or its new content, whole. The new content is first
    /// written beside it, as `<name>.tmp`.
    pub fn write_atomically(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, None, bytes)
    }

    fn replace(&self, path: &Path, like: Option<&Path>, bytes: &[u8]) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let result = self.write_and_rename(path, &beside, like, bytes);
        if result.is_err() {
            // The first error is the one to report; a leftover is overwritten by the next attempt.
            let _ = self.unlink(&beside);
        }
        result
    }

    fn write_and_rename(&self, path: &Path, beside: &Path, like: Option<&Path>, bytes: &[u8]) -> io::Result<()> {
        let file = self.open(beside, Access::Replace)?;
        if let (false, Some(like)) = (self.is_simulated(), like) {
            let there = std::fs::metadata(like)?;
            // Only some processes may give a file away, and whoever may not has another's group at most.
            let _ = std::os::unix::fs::chown(beside, Some(there.uid()), Some(there.gid()));
            std::fs::set_permissions(beside, there.permissions())?;
        }
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        self.rename(beside, path)?;
        self.sync_dir(parent_of(path))
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Files};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn one_directory_may_have_two_names() {
        let dir = fresh("names");
        std::fs::create_dir_all(dir.join("a")).unwrap();
        std::os::unix::fs::symlink(dir.join("a"), dir.join("b")).unwrap();
        let is_same = |one: PathBuf, other: PathBuf| Files::Real.is_same_directory(&one, &other);
        assert!(is_same(dir.join("a"), dir.join("b")));
        assert!(is_same(dir.join("a"), dir.join("a/../a")));
        assert!(!is_same(dir.join("a"), dir.clone()));
        assert!(!is_same(dir.join("none"), dir.join("no other")));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_a_server_makes_is_not_for_others() {
        let dir = fresh("shared");
        Files::Real.create_dir(&dir).unwrap();
        Files::Real.write_atomically(&dir.join("whole"), b"1").unwrap();
        Files::Real.open(&dir.join("new"), Access::New { direct: false }).unwrap();
        for path in [dir.clone(), dir.join("whole"), dir.join("new")] {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0, "{}", path.display());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_private_is_the_users_alone() {
        let dir = fresh("private");
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (inner, files) = (dir.join("a/b"), Files::Real.private());
        files.create_dir(&inner).unwrap();
        files.write_atomically(&inner.join("whole"), b"1").unwrap();
        files.open(&inner.join("kept"), Access::Keep).unwrap();
        files.open(&inner.join("new"), Access::New { direct: false }).unwrap();
        assert_eq!([&dir, &dir.join("a"), &inner].map(|path| mode(path)), [0o700; 3]);
        assert_eq!(["whole", "kept", "new"].map(|name| mode(&inner.join(name))), [0o600; 3]);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = fresh("atomic");
        std::fs::create_dir(&dir).unwrap();
        let path = dir.join("acceptedEpoch");
        Files::Real.write_atomically(&path, b"1").unwrap();
        Files::Real.write_atomically(&path, b"22").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"22");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        assert!(Files::Real.write_atomically(&dir.join("none/x"), b"").is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
