//! A group without its newest records, and the segment that ends with it.

use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::LogError;
use super::format::{self, HEADER_BYTES, Header, RECORD_HEADER_BYTES};
use crate::io::{Access, Files};

/// The extension of a file that is written beside the one that it replaces.
const EXTENSION: &str = "cut";

/// The bytes of a group without the records after `zxid`, padded, and the checksum of the group.
pub(super) fn shorten(header: &Header, body: &[u8], zxid: Zxid) -> (Vec<u8>, u32) {
    let kept = || format::records(body).take_while(|record| record.zxid <= zxid);
    let length = kept().map(|record| RECORD_HEADER_BYTES + record.payload.len()).sum::<usize>();
    let body_length = u32::try_from(length).expect("shorter than the group");
    let header = Header { body_length, records: kept().count() as u32, ..*header };
    let mut group = vec![0; HEADER_BYTES];
    group.extend_from_slice(&body[..length]);
    let crc = header.seal(&mut group);
    group.resize(header.padded_length(), 0);
    (group, crc)
}

/// Replaces a segment by its first `length` bytes and a group behind them. After a crash the file has its old or its new
/// content, whole, and what was written beside may be left.
pub(super) fn replace(files: &Files, path: &Path, length: u64, group: &[u8]) -> Result<(), LogError> {
    let written = write_and_rename(files, path, &beside(path), length, group);
    written.map_err(|error| LogError::io("rewrite", path, error))
}

/// Where a file is written that is to replace one. What a crash leaves there [`remove_leftovers`] removes.
pub(super) fn beside(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.{EXTENSION}", path.extension().unwrap_or_default().display()))
}

fn write_and_rename(files: &Files, path: &Path, beside: &Path, length: u64, group: &[u8]) -> io::Result<()> {
    let file = files.open(beside, Access::Replace)?;
    file.copy_from(&files.open(path, Access::Read)?, 0, length)?;
    file.write_all_at(group, length)?;
    file.sync_all()?;
    files.rename(beside, path)?;
    files.sync_dir(path.parent().expect("a segment lies in a directory"))
}

/// Removes what crashes have left beside files that were to be replaced.
pub(super) fn remove_leftovers(files: &Files, directory: &Path) -> Result<(), LogError> {
    let Ok(names) = files.list(directory) else { return Ok(()) };
    let paths = names.into_iter().map(|name| directory.join(name));
    let left: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == EXTENSION)).collect();
    for path in left {
        files.remove(&path).map_err(|error| LogError::io("remove", &path, error))?;
    }
    Ok(())
}
