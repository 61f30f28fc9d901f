//! A backup directory: its lock, its index, and what a crash has left in it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::error::BackupError;
use super::index::{BYTES_MAX, History, Index, NoIndex};
use super::owner::Owner;
use crate::io::{DataDir, DirError, Files};
use crate::zookeeper::LogFile;

/// The index, and the copy that is read where it is damaged.
const INDEX: &str = "paddock.backup";
const COPY: &str = "paddock.backup.copy";
/// What there may be before there is an index.
const FIRST_NAMES: [&str; 4] = [LOCK, "paddock.backup.tmp", "paddock.backup.copy.tmp", LOST_AND_FOUND];
/// What a lock leaves.
pub(super) const LOCK: &str = "paddock.lock";
/// What a file system of its own has at its root.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

/// How the names of the directories of histories begin, and of the files in them; behind that those have a zxid.
const HISTORY: &str = "history.";
const OWN_FILES: [&str; 2] = ["log.", "snapshot."];
/// What a file has instead of the zxid until it is whole.
const UNFINISHED: &str = "tmp";

/// Where a history has its files.
pub(super) fn history_dir(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{HISTORY}{number}"))
}

pub(super) fn snapshot_name(zxid: Zxid) -> String {
    format!("snapshot.{:016x}", zxid.0)
}

/// The name by which ZooKeeper's own tools know a log.
pub(super) fn log_name(first: Zxid) -> String {
    LogFile::name(first)
}

/// What was found of an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundIndex {
    pub index: Index,
    /// Why it was read from its copy, if it was.
    pub remark: Option<String>,
}

/// Reads the index of a backup directory, or its copy where the index is damaged or gone.
///
/// # Errors
/// [`NotABackup`](BackupError::NotABackup), [`Version`](BackupError::Version), [`Damaged`](BackupError::Damaged).
pub fn read_index(files: &Files, directory: &Path) -> Result<FoundIndex, BackupError> {
    let (file, copy) = (directory.join(INDEX), directory.join(COPY));
    let why = match read_one(files, &file)? {
        Ok(index) => return Ok(FoundIndex { index, remark: None }),
        Err(Unread::Version) => return Err(BackupError::Version { file }),
        Err(why) => why,
    };
    match read_one(files, &copy)? {
        Ok(index) => {
            let what = if why == Unread::Missing { "missing" } else { "damaged" };
            let remark = format!("{} is {what}, and {} was read in its place", file.display(), copy.display());
            Ok(FoundIndex { index, remark: Some(remark) })
        }
        Err(Unread::Missing) if why == Unread::Missing => {
            let is_empty = !files.list(directory).is_ok_and(|names| !names.is_empty());
            Err(BackupError::NotABackup { directory: directory.to_owned(), is_empty })
        }
        Err(_) => {
            let what = "neither this file nor its copy can be understood".to_owned();
            Err(BackupError::Damaged { file, what })
        }
    }
}

/// Why one of the two is not read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Missing,
    Version,
    Damaged,
}

fn read_one(files: &Files, file: &Path) -> Result<Result<Index, Unread>, BackupError> {
    let found = files.metadata(file).and_then(|found| {
        // A longer one is none, however much is there.
        let most = found.bytes.min(BYTES_MAX) + 1;
        files.read(file, usize::try_from(most).expect("it is bounded"))
    });
    match found {
        Ok(bytes) => Ok(Index::parse(&bytes).map_err(|why| match why {
            NoIndex::Version => Unread::Version,
            NoIndex::Damaged => Unread::Damaged,
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Err(Unread::Missing)),
        Err(error) => Err(BackupError::io("read", file)(error)),
    }
}

/// A backup directory that is written to, by one process at a time.
#[derive(Debug)]
pub struct BackupDirectory {
    files: Files,
    path: PathBuf,
    index: Index,
    /// The file says what `index` does. After a failure it may say either of two.
    is_known: bool,
    /// Whoever it is of, from now on it is of the server that is backed up.
    is_taken_over: bool,
    /// What is to be known of how it was found.
    remark: Option<String>,
    _lock: DataDir,
}

impl BackupDirectory {
    /// Takes a directory for this process, and makes it if it is not there. What a crash has left in it goes.
    ///
    /// # Errors
    /// As [`read_index`]; a directory that is empty is made one of backups.
    pub fn open(files: &Files, path: &Path) -> Result<BackupDirectory, BackupError> {
        // It has the passwords of sessions, and all that ACLs keep from others.
        let files = &files.private();
        if let Some(is_fresh) = is_fresh(files, path)?
            && !is_fresh
        {
            // Before anything is written to it.
            read_index(files, path)?;
        }
        let lock = DataDir::open(files, path, true).map_err(BackupError::Directory)?;
        let found = match read_index(files, path) {
            Err(BackupError::NotABackup { .. }) if is_fresh(files, path)? == Some(true) => {
                FoundIndex { index: Index::default(), remark: None }
            }
            found => found?,
        };
        let FoundIndex { index, remark } = found;
        let mut directory = BackupDirectory {
            files: files.clone(),
            path: path.to_owned(),
            index,
            is_known: false,
            is_taken_over: false,
            remark,
            _lock: lock,
        };
        // What was read may not be durable, and its copy may be an older one.
        if let Err(error) = directory.replace_index(directory.index.clone()) {
            // The disk may be full of what an attempt has left.
            if !error.is_shortage() || !directory.remove_unknown()? {
                return Err(error);
            }
            directory.replace_index(directory.index.clone())?;
        }
        directory.remove_leftovers()?;
        Ok(directory)
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Has the next backup be of whatever server it is: of one that began anew, and has another number since.
    pub fn take_over(&mut self) {
        self.is_taken_over = true;
    }

    /// Sees that the directory may have a server's backups.
    ///
    /// # Errors
    /// [`AnotherServer`](BackupError::AnotherServer).
    pub(super) fn refuse_unless_of(&self, is: Owner) -> Result<(), BackupError> {
        match self.index.server {
            Some(noted) if !self.is_taken_over && !noted.is_same(is) => {
                Err(BackupError::AnotherServer { directory: self.path.clone(), noted, is })
            }
            _ => Ok(()),
        }
    }

    /// What is to be known of how it was found, once.
    pub fn take_remark(&mut self) -> Option<String> {
        self.remark.take()
    }

    /// Where a history has its files, durably made.
    pub(super) fn make_history(&self, number: u64) -> Result<PathBuf, BackupError> {
        let directory = history_dir(&self.path, number);
        self.files.create_dir(&directory).map_err(BackupError::io("create the directory", &directory))?;
        Ok(directory)
    }

    /// Has other files count, all of which are durable. The index is replaced first: that is the moment from which it is so. Its
    /// copy follows before anything is removed that only the copy names.
    pub(super) fn replace_index(&mut self, index: Index) -> Result<(), BackupError> {
        let text = index.text();
        if text.len() as u64 > BYTES_MAX {
            return Err(BackupError::TooMany { directory: self.path.clone() });
        }
        self.is_known = false;
        for name in [INDEX, COPY] {
            let file = self.path.join(name);
            self.files.write_atomically(&file, text.as_bytes()).map_err(BackupError::io("write", &file))?;
        }
        (self.index, self.is_known) = (index, true);
        Ok(())
    }

    /// Removes what the index does not name: of an attempt that came to nothing, or of backups that are not kept. Other names
    /// than ours stay, and so does everything as long as it is not known what the index names.
    pub(super) fn remove_leftovers(&self) -> Result<(), BackupError> {
        if self.is_known { self.remove_all_but(&[&self.index]) } else { Ok(()) }
    }

    /// Removes what neither the index nor its copy names, as they are: a power cut leaves one of these two. `false` if one of them
    /// cannot be read.
    fn remove_unknown(&self) -> Result<bool, BackupError> {
        let (index, copy) = (self.path.join(INDEX), self.path.join(COPY));
        let (Ok(index), Ok(copy)) = (read_one(&self.files, &index)?, read_one(&self.files, &copy)?) else {
            return Ok(false);
        };
        self.remove_all_but(&[&index, &copy])?;
        Ok(true)
    }

    fn remove_all_but(&self, indices: &[&Index]) -> Result<(), BackupError> {
        for name in self.list(&self.path)? {
            let number = name.to_str().and_then(|name| name.strip_prefix(HISTORY)?.parse::<u64>().ok());
            let Some(number) = number.filter(|number| name == *format!("{HISTORY}{number}")) else { continue };
            let directory = self.path.join(&name);
            // What a link leads to is not ours alone.
            if !self.files.is_link(&directory).map_err(BackupError::io("look at", &directory))? {
                let histories: Vec<&History> = indices.iter().filter_map(|index| index.history(number)).collect();
                self.remove_unnamed(&directory, &histories)?;
            }
        }
        Ok(())
    }

    fn remove_unnamed(&self, directory: &Path, histories: &[&History]) -> Result<(), BackupError> {
        let named: BTreeSet<String> = histories.iter().copied().flat_map(names).collect();
        let (mut removed, mut others) = (false, false);
        for name in self.list(directory)? {
            let text = name.to_str().unwrap_or_default();
            if named.contains(text) || !is_own(text) {
                others = true;
                continue;
            }
            let file = directory.join(&name);
            self.files.unlink(&file).map_err(BackupError::io("remove", &file))?;
            removed = true;
        }
        if removed {
            self.files.sync_dir(directory).map_err(BackupError::io("sync", directory))?;
        }
        if histories.is_empty() && !others {
            self.files.remove_dir(directory).map_err(BackupError::io("remove", directory))?;
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, BackupError> {
        self.files.list(directory).map_err(BackupError::io("list the directory", directory))
    }
}

/// The names of the files of a history.
fn names(history: &History) -> impl Iterator<Item = String> {
    let snapshots = history.snapshots.iter().map(|snapshot| snapshot_name(snapshot.zxid));
    snapshots.chain(history.logs.iter().map(|log| log_name(log.first)))
}

/// Whether a backup gives a file such a name.
fn is_own(name: &str) -> bool {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let behind = OWN_FILES.iter().find_map(|own| name.strip_prefix(own));
    behind.is_some_and(|behind| behind == UNFINISHED || is_hex(behind))
}

/// Whether a directory has nothing in it but what a first beginning may have left; `None` if it is not there.
fn is_fresh(files: &Files, directory: &Path) -> Result<Option<bool>, BackupError> {
    match files.list(directory) {
        Ok(names) => Ok(Some(names.iter().all(|name| FIRST_NAMES.iter().any(|first| name == first)))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) if source.kind() == ErrorKind::NotADirectory => {
            Err(BackupError::Directory(DirError::NotADirectory { path: directory.to_owned() }))
        }
        Err(error) => Err(BackupError::io("list the directory", directory)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{BackupDirectory, is_own};
    use crate::io::Files;

    /// Goes with the value.
    struct Directory(PathBuf);

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn only_names_of_backups_are_ones_own() {
        for name in ["log.1", "log.1a00000002", "log.tmp", "snapshot.000000000000002a", "snapshot.tmp"] {
            assert!(is_own(name), "{name}");
        }
        for name in ["log.", "log.1.txt", "log.1A", "log", "snapshot.1.gz", "snapshots.1", "notes", ""] {
            assert!(!is_own(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_removed_that_is_not_ones_own() {
        let path = std::env::temp_dir().join(format!("paddock-backup-directory-{}", std::process::id()));
        let directory = Directory(path);
        let _ = fs::remove_dir_all(&directory.0);
        let (backups, elsewhere) = (directory.0.join("backups"), directory.0.join("elsewhere"));
        drop(BackupDirectory::open(&Files::Real, &backups).unwrap());
        let (void, noted) = (backups.join("history.7"), backups.join("history.8"));
        for made in [&elsewhere, &void, &noted] {
            fs::create_dir(made).unwrap();
            fs::write(made.join("log.5"), b"left").unwrap();
        }
        fs::write(noted.join("log.5.txt"), b"a person's").unwrap();
        std::os::unix::fs::symlink(&elsewhere, backups.join("history.9")).unwrap();
        drop(BackupDirectory::open(&Files::Real, &backups).unwrap());
        assert!(elsewhere.join("log.5").exists(), "a link leads there");
        assert!(!void.exists() && !noted.join("log.5").exists() && noted.join("log.5.txt").exists());
    }
}
