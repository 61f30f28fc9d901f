//! A ZooKeeper's files, in the directories that Paddock is given.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::conversion::{Conversion, Listing};
use paddock_engine::io::Files;
use paddock_engine::snapshot::snapshot_dir;
use paddock_engine::zookeeper::log::{Entry, LogReader};
use paddock_engine::zookeeper::{Directories, LogFile, SnapshotFile, VERSION_DIR};

/// Longer transactions are damage, bytes.
const TXN_BYTES_MAX: usize = 1 << 30;

/// Where `zkServer.sh` notes the process that it starts.
const PID_FILE: &str = "zookeeper_server.pid";
/// No number of a process is longer, bytes.
const PID_BYTES_MAX: usize = 20;

/// Of what the kernel counts a file's size on disk in.
const BLOCK_BYTES: u64 = 512;

/// The directory with a ZooKeeper server's files, where this one holds some: the one inside, or itself.
pub fn foreign_data(files: &Files, directory: &Path) -> Option<PathBuf> {
    let has_data =
        |path: &PathBuf| files.list(path).unwrap_or_default().iter().any(|name| is_zookeepers(Path::new(name)));
    // What lies in a directory of ours is ours.
    let is_ours = directory.parent().is_some_and(|parent| snapshot_dir(parent) == directory);
    let places = [directory.join(VERSION_DIR), directory.to_owned()];
    places.into_iter().filter(|_| !is_ours).find(has_data)
}

/// Whether a file has a name that ZooKeeper gives.
fn is_zookeepers(path: &Path) -> bool {
    SnapshotFile::of(path).is_some() || LogFile::of(path).is_some()
}

/// The process that was started on a `dataDir` by `zkServer.sh`, if it still runs. One that was started otherwise leaves no
/// trace.
pub fn running(files: &Files, data_dir: &Path) -> Option<u32> {
    let text = files.read(&data_dir.join(PID_FILE), PID_BYTES_MAX).ok()?;
    let process: u32 = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
    // Another one may have its number by now.
    let command = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    String::from_utf8_lossy(&command).contains("org.apache.zookeeper").then_some(process)
}

/// How all snapshots and logs look at this moment.
pub fn listing(files: &Files, directories: &Directories) -> io::Result<Listing> {
    let snapshots = SnapshotFile::list(files, &directories.snapshot_dir())?.into_iter().map(|file| file.path);
    let logs = LogFile::list(files, &directories.log_dir())?.into_iter().map(|file| file.path);
    Listing::of(files, snapshots.chain(logs).collect())
}

/// Bytes of what is read to have the state, without what logs have been made longer by: the newest snapshot, and the logs
/// from there on.
pub fn stored_bytes(files: &Files, directories: &Directories) -> io::Result<u64> {
    let newest = SnapshotFile::list(files, &directories.snapshot_dir())?.pop();
    let logs = LogFile::list(files, &directories.log_dir())?;
    let behind = LogFile::behind(&logs, newest.as_ref().map_or(Zxid::ZERO, |file| file.zxid));
    let paths = newest.iter().map(|file| &file.path).chain(behind.iter().map(|file| &file.path));
    paths.map(|path| std::fs::metadata(path).map(|found| found.len().min(found.blocks() * BLOCK_BYTES))).sum()
}

/// The newest transaction in the files, if it is newer than what was converted. The logs are read.
pub fn newer(files: &Files, directories: &Directories, converted: &Conversion) -> io::Result<Option<Zxid>> {
    let snapshots = SnapshotFile::list(files, &directories.snapshot_dir())?;
    let mut newest = snapshots.last().map_or(Zxid::ZERO, |file| file.zxid);
    for file in LogFile::behind(&LogFile::list(files, &directories.log_dir())?, converted.zxid) {
        newest = newest.max(last_of(files, file));
    }
    Ok(Some(newest).filter(|newest| *newest > converted.zxid))
}

/// The last transaction of a log as far as it can be read: no ZooKeeper goes on behind what cannot.
fn last_of(files: &Files, file: &LogFile) -> Zxid {
    let mut last = Zxid::ZERO;
    let Ok(mut reader) = LogReader::open(files, &file.path, TXN_BYTES_MAX) else { return last };
    while let Ok(Entry::Record { zxid, .. }) = reader.read_entry() {
        last = last.max(zxid);
    }
    last
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_zookeepers;

    #[test]
    fn zookeepers_files_are_known_by_their_names() {
        for name in ["log.1", "log.100000a3f", "snapshot.0", "snapshot.12.gz", "snapshot.ff.snappy"] {
            assert!(is_zookeepers(Path::new(name)), "{name}");
        }
        for name in ["log.txt", "log.", "snapshot.tmp", "catalog.1", "log.1.gz"] {
            assert!(!is_zookeepers(Path::new(name)), "{name}");
        }
    }
}
