//! Writing a data directory from which a ZooKeeper starts.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::io::{Access, Files};
use crate::tree::View;

use super::compression::Compression;
use super::directory::{LogFile, SnapshotFile, VERSION_DIR};
use super::epochs::Epochs;
use super::snapshot;

/// What the snapshot is called until it is complete. No ZooKeeper takes it for one.
const TEMPORARY: &str = "paddock.tmp";

/// Writes `view`, which is the state after `zxid`, as the data directory of a ZooKeeper: the files with the epochs and one
/// snapshot, but no log, which ZooKeeper begins anew. Sessions are with their timeouts, ms. Returns the snapshot's path.
///
/// The snapshot is in place only when all is durable; without it there is nothing for a ZooKeeper to begin with.
///
/// # Errors
/// Of the file system; `AlreadyExists` where there are snapshots or logs, which are left as they are.
pub fn write_data_dir(
    files: &Files,
    data_dir: &Path,
    view: &View<'_>,
    zxid: Zxid,
    sessions: &[(i64, i32)],
    epochs: Epochs,
    compression: Compression,
) -> io::Result<PathBuf> {
    let directory = data_dir.join(VERSION_DIR);
    let snapshot = SnapshotFile::list(files, &directory)?.pop().map(|file| file.path);
    if let Some(path) = snapshot.or(LogFile::list(files, &directory)?.pop().map(|file| file.path)) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is there already", path.display())));
    }
    files.create_dir(&directory)?;
    epochs.write(files, &directory)?;
    let (temporary, place) = (directory.join(TEMPORARY), directory.join(SnapshotFile::name(zxid, compression)));
    let written = files
        .open(&temporary, Access::Replace)
        .and_then(|file| snapshot::write(compression.writer(file)?, view, zxid, sessions)?.finish()?.sync_all())
        .and_then(|()| files.rename(&temporary, &place));
    if written.is_err() {
        // The first error is the one to report; a leftover is written over by the next attempt.
        let _ = files.unlink(&temporary);
    }
    written?;
    files.sync_dir(&directory)?;
    Ok(place)
}
