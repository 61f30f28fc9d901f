//! The files of the log: how they are listed, made, zeroed and cut.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use super::segment_path::SegmentPath;
use crate::io::sys::WRITE_UNIT;
use crate::io::{Access, AlignedBuffer, File, Files, write_fully};

/// Zeros are written in pieces of this size, so that a group in between waits for one piece at most.
pub(super) const ZERO_BYTES: usize = 256 << 10;
/// What is written anew goes in pieces of this size.
const ANEW_BYTES: usize = 256 << 10;

/// The segments of a directory, ascending; other files are not looked at. A missing directory has none.
pub(super) fn list(files: &Files, directory: &Path) -> Result<Vec<SegmentPath>, LogError> {
    let names = match files.list(directory) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::io("list the directory", directory, error)),
    };
    let mut found = Vec::new();
    for name in names {
        found.extend(name.to_str().and_then(|name| SegmentPath::of_name(directory, name)));
    }
    found.sort_by_key(|segment| segment.sequence);
    Ok(found)
}

/// Cuts a segment to its first `length` bytes, durably.
pub(super) fn truncate(files: &Files, path: &Path, length: u64) -> Result<(), LogError> {
    let file = files.open(path, Access::Write);
    let cut = file.and_then(|file| {
        if file.length()? > length {
            file.set_length(length)?;
        }
        file.sync_all()
    });
    cut.map_err(|error| LogError::io("cut", path, error))
}

/// Removes the segment behind the newest one, which may be on the disk although nobody sees it, because the sync of its removal
/// failed: no later sync makes that durable, but a file that is made under its name takes its place.
pub(super) fn remove_unseen_behind(files: &Files, newest: &SegmentPath) -> Result<(), LogError> {
    let SegmentPath { path, .. } = SegmentPath::new(newest.parent(), newest.sequence + 1);
    let made = files.open(&path, Access::Replace).and_then(|_| files.sync_dir(parent(&path)));
    made.and_then(|()| files.remove(&path)).map_err(|error| LogError::io("remove", &path, error))
}

/// Writes anew, durably, what a segment holds from offset `from` up to `to`. It may be in the file system's cache alone: what a
/// sync that failed has lost no later sync writes, and reads show it until the power is cut.
pub(super) fn write_anew(files: &Files, path: &Path, from: u64, to: u64) -> Result<(), LogError> {
    let failed = |error| LogError::io("write what may not be durable of", path, error);
    let source = files.open(path, Access::Read).map_err(failed)?;
    let file = files.open(path, Access::Write).map_err(failed)?;
    let mut piece = vec![0; ANEW_BYTES];
    let mut at = from;
    while at < to {
        let most = usize::try_from(to - at).unwrap_or(ANEW_BYTES).min(ANEW_BYTES);
        match source.read_at(&mut piece[..most], at) {
            // The padding of the last group may be missing.
            Ok(0) => break,
            Ok(read) => {
                file.write_all_at(&piece[..read], at).map_err(failed)?;
                at += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    file.sync_all().map_err(failed)
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("a segment lies in a directory")
}

/// A segment that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub sequence: u64,
    pub path: PathBuf,
    pub file: Arc<File>,
    /// Bytes from the file's start that were written as zeros, for groups to be written over.
    pub size: u64,
}

/// How segments of this directory are created.
#[derive(Clone, Debug)]
pub(super) struct Creator {
    files: Files,
    directory: PathBuf,
    /// Whether files are opened with O_DIRECT.
    direct: bool,
    /// Bytes that groups are aligned and padded to.
    unit: usize,
}

impl Creator {
    /// Makes the directory and a first segment, and learns by that what its file system can do.
    pub fn new(files: &Files, directory: &Path, sequence: u64) -> Result<(Creator, Segment), LogError> {
        files.create_dir(directory).map_err(|error| LogError::io("create the directory", directory, error))?;
        let mut creator =
            Creator { files: files.clone(), directory: directory.to_owned(), direct: true, unit: WRITE_UNIT };
        let segment = match creator.try_create(sequence) {
            Ok(segment) => match segment.file.write_unit() {
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
        let _ = self.files.unlink(&SegmentPath::new(&self.directory, sequence).path);
        let segment = self.create(sequence)?;
        Ok((self, segment))
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Where the segments are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Bytes that are free on that file system, if it tells.
    pub fn free_bytes(&self) -> Option<u64> {
        self.files.free_bytes(&self.directory)
    }

    /// Bytes that groups are aligned and padded to.
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
        let file = self.files.open(&path, Access::New { direct: self.direct })?;
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
        match self.file.link_count() {
            Ok(0) => Err(LogError::Vanished { path: self.path.clone() }),
            Ok(_) => Ok(()),
            Err(error) => Err(LogError::io("look at", &self.path, error)),
        }
    }

    /// Whether the path still leads to this file. It does not when the file, or a directory on the way, was moved or removed.
    pub fn is_at_its_path(&self, files: &Files) -> io::Result<bool> {
        match files.identity(&self.path) {
            Ok(named) => Ok(named == self.file.identity()?),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the file, its zeros and its name durable.
    pub fn sync(&self, files: &Files) -> Result<(), LogError> {
        self.file
            .sync_all()
            .and_then(|()| files.sync_dir(parent(&self.path)))
            .map_err(|error| LogError::io("sync the log segment", &self.path, error))
    }
}
