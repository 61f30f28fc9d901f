//! Which snapshots there are.

use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::io::{Files, Removed};

const PREFIX: &str = "snapshot.";
const DIRECTORY: &str = "paddock-1";

/// Where a data directory keeps its snapshots.
pub fn snapshot_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(DIRECTORY)
}

/// Where the snapshot of a transaction is.
pub fn snapshot_path(data_dir: &Path, zxid: Zxid) -> PathBuf {
    snapshot_dir(data_dir).join(format!("{PREFIX}{:016x}", zxid.0))
}

/// The snapshots in place, oldest first, whether they hold or not.
pub fn list(files: &Files, data_dir: &Path) -> io::Result<Vec<(Zxid, PathBuf)>> {
    let directory = snapshot_dir(data_dir);
    if !files.exists(&directory).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for name in files.list(&directory)? {
        let Some(hex) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if hex.len() == 16
            && let Ok(zxid) = i64::from_str_radix(hex, 16)
        {
            found.push((Zxid(zxid), directory.join(&name)));
        }
    }
    found.sort();
    Ok(found)
}

/// What [`purge`] has done.
#[derive(Debug)]
pub struct Purged {
    /// `None` while there are not so many snapshots as are to be kept: the log before them is still a way to recover.
    pub oldest_kept: Option<Zxid>,
    /// Some of the removed files, which may be given back with regard for who else uses the disk.
    pub removed: Vec<Removed>,
}

/// Removed files that are kept open at one time.
pub const REMOVED_MAX: usize = 4;

/// Removes all but the newest `keep` snapshots. `is_valid` is asked for those to be kept: one that does not hold is not
/// counted, and not removed.
pub fn purge(
    files: &Files,
    data_dir: &Path,
    keep: usize,
    mut is_valid: impl FnMut(&Path) -> bool,
) -> io::Result<Purged> {
    let mut snapshots = list(files, data_dir)?;
    let mut kept = 0;
    let mut oldest_kept = None;
    while kept < keep
        && let Some((zxid, path)) = snapshots.pop()
    {
        if is_valid(&path) {
            kept += 1;
            oldest_kept = Some(zxid);
        }
    }
    if kept < keep {
        return Ok(Purged { oldest_kept: None, removed: Vec::new() });
    }
    let mut removed = Vec::new();
    for (_, path) in &snapshots {
        removed.push(Removed::begin(files, path)?);
        removed.truncate(REMOVED_MAX);
    }
    files.sync_dir(&snapshot_dir(data_dir))?;
    Ok(Purged { oldest_kept, removed })
}
