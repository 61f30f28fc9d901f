//! Which of ZooKeeper's files there are, and what their names say.

use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::io::Files;

use super::compression::Compression;

/// Where ZooKeeper keeps everything, below `dataDir` and `dataLogDir`: it is named by the version of the formats.
pub const VERSION_DIR: &str = "version-2";

/// A ZooKeeper's two directories, which are often one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directories {
    /// `dataDir`: snapshots and epochs.
    pub data: PathBuf,
    /// `dataLogDir`: logs.
    pub log: PathBuf,
}

impl Directories {
    /// `data_log_dir` is `None` where the configuration has none.
    pub fn new(data_dir: &Path, data_log_dir: Option<&Path>) -> Directories {
        Directories { data: data_dir.to_owned(), log: data_log_dir.unwrap_or(data_dir).to_owned() }
    }

    /// The directory with the snapshots.
    pub fn snapshot_dir(&self) -> PathBuf {
        self.data.join(VERSION_DIR)
    }

    /// The directory with the logs.
    pub fn log_dir(&self) -> PathBuf {
        self.log.join(VERSION_DIR)
    }

    /// A file that lies in the other directory than it belongs in. ZooKeeper does not start then: one of the two is not
    /// the one that it was.
    pub fn misplaced(&self, files: &Files) -> io::Result<Option<PathBuf>> {
        if files.is_same_directory(&self.data, &self.log) {
            return Ok(None);
        }
        if let Some(snapshot) = SnapshotFile::list(files, &self.log_dir())?.pop() {
            return Ok(Some(snapshot.path));
        }
        Ok(LogFile::list(files, &self.snapshot_dir())?.pop().map(|log| log.path))
    }
}

/// A snapshot by its name: `snapshot.<zxid>`, and how it is compressed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFile {
    pub path: PathBuf,
    /// The last transaction that is in it for certain.
    pub zxid: Zxid,
    pub compression: Compression,
}

impl SnapshotFile {
    pub fn of(path: &Path) -> Option<SnapshotFile> {
        let name = path.file_name()?.to_str()?.strip_prefix("snapshot.")?;
        let compressed = Compression::ALL.into_iter().rev();
        let (zxid, compression) =
            compressed.filter_map(|method| Some((name.strip_suffix(method.extension())?, method))).next()?;
        Some(SnapshotFile { path: path.to_owned(), zxid: zxid_of(zxid)?, compression })
    }

    /// The name that a snapshot of this transaction has.
    pub fn name(zxid: Zxid, compression: Compression) -> String {
        format!("snapshot.{:x}{}", zxid.0, compression.extension())
    }

    /// All of a directory, oldest first, whether they hold or not.
    pub fn list(files: &Files, directory: &Path) -> io::Result<Vec<SnapshotFile>> {
        let mut found: Vec<SnapshotFile> =
            paths_in(files, directory)?.iter().filter_map(|path| Self::of(path)).collect();
        found.sort_by(|one, other| (one.zxid, &one.path).cmp(&(other.zxid, &other.path)));
        Ok(found)
    }
}

/// A log by its name: `log.<zxid>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFile {
    pub path: PathBuf,
    /// Its first transaction.
    pub zxid: Zxid,
}

impl LogFile {
    pub fn of(path: &Path) -> Option<LogFile> {
        let zxid = zxid_of(path.file_name()?.to_str()?.strip_prefix("log.")?)?;
        Some(LogFile { path: path.to_owned(), zxid })
    }

    /// The name of the log that begins with this transaction.
    pub fn name(zxid: Zxid) -> String {
        format!("log.{:x}", zxid.0)
    }

    /// All of a directory, oldest first.
    pub fn list(files: &Files, directory: &Path) -> io::Result<Vec<LogFile>> {
        let mut found: Vec<LogFile> = paths_in(files, directory)?.iter().filter_map(|path| Self::of(path)).collect();
        found.sort_by(|one, other| (one.zxid, &one.path).cmp(&(other.zxid, &other.path)));
        Ok(found)
    }

    /// Those of a list, oldest first, that can have transactions behind this one.
    pub fn behind(files: &[LogFile], zxid: Zxid) -> &[LogFile] {
        let later = files.partition_point(|file| file.zxid <= zxid);
        &files[later.saturating_sub(1)..]
    }
}

/// As ZooKeeper writes it: hexadecimal without zeros in front; it reads others too.
fn zxid_of(text: &str) -> Option<Zxid> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { i64::from_str_radix(text, 16).ok().map(Zxid) } else { None }
}

/// None where there is no such directory.
fn paths_in(files: &Files, directory: &Path) -> io::Result<Vec<PathBuf>> {
    match files.list(directory) {
        Ok(names) => Ok(names.iter().map(|name| directory.join(name)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;

    use super::{Compression, LogFile, SnapshotFile};

    #[test]
    fn names_are_read() {
        for (name, expected) in [
            ("snapshot.0", Some((0, Compression::None))),
            ("snapshot.1a00000002", Some((0x1a_0000_0002, Compression::None))),
            ("snapshot.ff.gz", Some((255, Compression::Gzip))),
            ("snapshot.ff.snappy", Some((255, Compression::Snappy))),
            ("snapshot.ff.tmp", None),
            ("snapshot.", None),
            ("snapshot.-1", None),
            ("snapshot.+1", None),
            ("snapshot.x", None),
            ("snapshot.ffffffffffffffff", None),
            ("log.1", None),
        ] {
            let found = SnapshotFile::of(Path::new(name));
            assert_eq!(found.map(|file| (file.zxid.0, file.compression)), expected, "{name}");
            if let Some((zxid, compression)) = expected {
                assert_eq!(SnapshotFile::name(Zxid(zxid), compression), name);
            }
        }
        assert_eq!(LogFile::of(Path::new("/x/log.100000001")).map(|file| file.zxid), Some(Zxid(0x1_0000_0001)));
        assert_eq!(LogFile::of(Path::new("/x/log.1.gz")), None);
    }

    #[test]
    fn a_replay_begins_with_the_file_that_has_the_next_transaction() {
        let files = [5, 9, 20].map(|zxid| LogFile { path: LogFile::name(Zxid(zxid)).into(), zxid: Zxid(zxid) });
        for (zxid, first) in [(0, 5), (4, 5), (5, 5), (8, 5), (9, 9), (19, 9), (20, 20), (99, 20)] {
            assert_eq!(LogFile::behind(&files, Zxid(zxid))[0].zxid, Zxid(first), "{zxid}");
        }
        assert!(LogFile::behind(&[], Zxid(3)).is_empty());
    }
}
