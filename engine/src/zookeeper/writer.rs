//! Writing a data directory from which a ZooKeeper starts.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::io::{create_dir, sync_dir};
use crate::tree::View;

use super::compression::Compression;
use super::directory::{SnapshotFile, VERSION_DIR};
use super::epochs::Epochs;
use super::snapshot;

/// What is written until it is complete.
const TEMPORARY: &str = "version-2.paddock.tmp";

/// Writes `view`, which is the state after `zxid`, as the data directory of a ZooKeeper: one snapshot, the files with the
/// epochs, and no log, which ZooKeeper begins anew. Sessions are with their timeouts, ms. Returns the snapshot's path.
///
/// The directory with the files, `version-2`, is in place only when all of it is durable.
///
/// # Errors
/// Of the file system; `AlreadyExists` where there is a `version-2`, which is left as it is.
pub fn write_data_dir(
    data_dir: &Path,
    view: &View<'_>,
    zxid: Zxid,
    sessions: &[(i64, i32)],
    epochs: Epochs,
    compression: Compression,
) -> io::Result<PathBuf> {
    let (place, temporary) = (data_dir.join(VERSION_DIR), data_dir.join(TEMPORARY));
    if place.try_exists()? {
        return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is there already", place.display())));
    }
    create_dir(data_dir)?;
    remove(&temporary)?;
    let written = write_files(&temporary, view, zxid, sessions, epochs, compression).and_then(|name| {
        std::fs::rename(&temporary, &place)?;
        sync_dir(data_dir)?;
        Ok(place.join(name))
    });
    if written.is_err() {
        // The first error is the one to report; a leftover is removed by the next attempt.
        let _ = remove(&temporary);
    }
    written
}

/// The name of the snapshot.
fn write_files(
    directory: &Path,
    view: &View<'_>,
    zxid: Zxid,
    sessions: &[(i64, i32)],
    epochs: Epochs,
    compression: Compression,
) -> io::Result<String> {
    create_dir(directory)?;
    let name = SnapshotFile::name(zxid, compression);
    let output = compression.writer(File::create_new(directory.join(&name))?)?;
    snapshot::write(output, view, zxid, sessions)?.finish()?.sync_all()?;
    epochs.write(directory)?;
    sync_dir(directory)?;
    Ok(name)
}

/// Removes what an attempt has left, if anything.
fn remove(temporary: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
