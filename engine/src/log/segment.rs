//! The files of the log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use super::format::COUNT_MAX;
use crate::io::sys::{WRITE_UNIT, free_bytes, identity, identity_at, link_count, write_unit};
use crate::io::{AlignedBuffer, create_dir, sync_dir, write_fully};

/// Below the `dataLogDir`. The number is that of the layout of files; ZooKeeper uses `version-2`.
const DIRECTORY: &str = "paddock-1";

const PREFIX: &str = "log.";

/// Zeros are written in pieces of this size, so that a group in between waits for one piece at most.
pub(super) const ZERO_BYTES: usize = 256 << 10;

/// Where the segments of a `dataLogDir` are.
pub fn directory(data_log_dir: &Path) -> PathBuf {
    data_log_dir.join(DIRECTORY)
}

/// A segment's file by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SegmentPath {
    pub sequence: u64,
    pub path: PathBuf,
}

impl SegmentPath {
    pub fn new(directory: &Path, sequence: u64) -> SegmentPath {
        SegmentPath { sequence, path: directory.join(format!("{PREFIX}{sequence:016x}")) }
    }
}

/// The segments of a directory, ascending; other files are not looked at. A missing directory has none.
pub(super) fn list(directory: &Path) -> Result<Vec<SegmentPath>, LogError> {
    let failed = |error| LogError::io("list the directory", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if let Some(sequence) = name.to_str().and_then(sequence_of) {
            found.push(SegmentPath::new(directory, sequence));
        }
    }
    found.sort_by_key(|segment| segment.sequence);
    Ok(found)
}

/// Only the one spelling that [`SegmentPath::new`] writes counts, so that two names never mean one segment, and only a
/// sequence that a log can reach.
fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let plain = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !plain {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().filter(|sequence| *sequence <= COUNT_MAX)
}

/// A segment that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub sequence: u64,
    pub path: PathBuf,
    pub file: Arc<File>,
    /// Bytes of zeros, written and synced, in which groups find their place.
    pub size: u64,
}

/// How segments of this directory are created.
#[derive(Clone, Debug)]
pub(super) struct Creator {
    directory: PathBuf,
    direct: bool,
    unit: usize,
}

impl Creator {
    /// Makes the directory and a first segment, and learns by that what its file system can do.
    pub fn new(directory: &Path, sequence: u64) -> Result<(Creator, Segment), LogError> {
        create_dir(directory).map_err(|error| LogError::io("create the directory", directory, error))?;
        let mut creator = Creator { directory: directory.to_owned(), direct: true, unit: WRITE_UNIT };
        let segment = match creator.try_create(sequence) {
            Ok(segment) => match write_unit(&segment.file) {
                Some(unit) => {
                    creator.unit = unit;
                    return Ok((creator, segment));
                }
                None => segment,
            },
            // A file system without O_DIRECT may refuse it only after it has created the file.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return creator.buffered(sequence),
            Err(error) => return Err(creator.failed(sequence, error)),
        };
        drop(segment);
        creator.buffered(sequence)
    }

    fn buffered(mut self, sequence: u64) -> Result<(Creator, Segment), LogError> {
        self.direct = false;
        let _ = std::fs::remove_file(SegmentPath::new(&self.directory, sequence).path);
        let segment = self.create(sequence)?;
        Ok((self, segment))
    }

    /// Where the segments are, and what is free on that file system, bytes, if it tells.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn free_bytes(&self) -> Option<u64> {
        free_bytes(&self.directory).ok()
    }

    /// What groups are aligned and padded to, in bytes.
    pub fn unit(&self) -> usize {
        self.unit
    }

    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// An empty segment. It must not exist yet. Nothing is synced.
    pub fn create(&self, sequence: u64) -> Result<Segment, LogError> {
        self.try_create(sequence).map_err(|error| self.failed(sequence, error))
    }

    fn try_create(&self, sequence: u64) -> io::Result<Segment> {
        let SegmentPath { path, .. } = SegmentPath::new(&self.directory, sequence);
        let flags = if self.direct { libc::O_DIRECT } else { 0 };
        let file = OpenOptions::new().write(true).create_new(true).custom_flags(flags).open(&path)?;
        Ok(Segment { sequence, path, file: Arc::new(file), size: 0 })
    }

    fn failed(&self, sequence: u64, error: io::Error) -> LogError {
        LogError::io("create the log segment", &SegmentPath::new(&self.directory, sequence).path, error)
    }

    /// Memory to zero segments with.
    pub fn zeros(&self) -> AlignedBuffer {
        AlignedBuffer::new(ZERO_BYTES, self.unit)
    }
}

impl Segment {
    /// Writes one piece of zeros, up to `end` at most.
    pub fn zero(&mut self, zeros: &AlignedBuffer, end: u64) -> Result<(), LogError> {
        let length = (end - self.size).min(zeros.len() as u64);
        let piece = &zeros[..usize::try_from(length).expect("not more than the buffer")];
        write_fully(&self.file, piece, self.size, zeros.alignment())
            .map_err(|error| LogError::io("zero the log segment", &self.path, error))?;
        self.size += length;
        Ok(())
    }

    /// An error if the file was removed: what is written to it is durable for nobody. It asks the open file only, so that
    /// it can be asked for each group.
    pub fn has_name(&self) -> Result<(), LogError> {
        match link_count(&self.file) {
            Ok(0) => Err(LogError::Vanished { path: self.path.clone() }),
            Ok(_) => Ok(()),
            Err(error) => Err(LogError::io("look at", &self.path, error)),
        }
    }

    /// Whether the name is still this file's, and not gone or another's, as when a directory on the way was moved.
    pub fn is_in_place(&self) -> io::Result<bool> {
        match identity_at(&self.path) {
            Ok(named) => Ok(named == identity(&self.file)?),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the file, its zeros and its name durable.
    pub fn sync(&self) -> Result<(), LogError> {
        let directory = self.path.parent().expect("a segment lies in a directory");
        self.file
            .sync_all()
            .and_then(|()| sync_dir(directory))
            .map_err(|error| LogError::io("sync the log segment", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::{COUNT_MAX, SegmentPath, sequence_of};
    use std::path::Path;

    #[test]
    fn names_are_exact() {
        let segment = SegmentPath::new(Path::new("/d"), 0x1f);
        assert_eq!(segment.path, Path::new("/d/log.000000000000001f"));
        assert_eq!(sequence_of("log.000000000000001f"), Some(0x1f));
        assert_eq!(sequence_of("log.7fffffffffffffff"), Some(COUNT_MAX));
        for name in [
            "log.1f",
            "log.000000000000001F",
            "log.+00000000000001f",
            "log.000000000000001f.cut",
            "snapshot.0",
            "log.8000000000000000",
        ] {
            assert_eq!(sequence_of(name), None, "{name}");
        }
    }
}
