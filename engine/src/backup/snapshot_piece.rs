//! The copy of a snapshot: the file as it is. It is written beside as `snapshot.tmp`, and has its name when it is durable and was
//! found to hold.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::directory::snapshot_name;
use super::error::{BackupError, Failure};
use super::index::SnapshotPiece;
use super::log_piece::sum_of;
use super::observer::Observer;
use crate::io::{Access, File, Files};
use crate::snapshot::{self, SnapshotError};

const TEMPORARY: &str = "snapshot.tmp";
/// Copied at a time, and dirty at a time, bytes: see [`log_piece`](super::log_piece).
const PIECE_BYTES: usize = 256 << 10;
const SYNC_BYTES: usize = 4 << 20;

/// A server's snapshot that is going to be copied. It stays whole, whoever removes it meanwhile.
pub(super) struct OpenedSnapshot<'s> {
    from: &'s Path,
    zxid: Zxid,
    file: File,
}

impl<'s> OpenedSnapshot<'s> {
    /// # Errors
    /// [`Changed`](Failure::Changed): it was removed meanwhile.
    pub fn open(files: &Files, from: &'s Path, zxid: Zxid) -> Result<OpenedSnapshot<'s>, Failure> {
        match files.open(from, Access::Read) {
            Ok(file) => Ok(OpenedSnapshot { from, zxid, file }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(was_removed(from)),
            Err(error) => Err(BackupError::io("read", from)(error).into()),
        }
    }

    /// Copies it into the directory of a history, durably, as one of these files.
    ///
    /// # Errors
    /// `Ok(Err(_))`: it does not hold, and there is no copy. [`Changed`](Failure::Changed): it was being given back when it was opened.
    pub fn copy(
        &self,
        files: &Files,
        directory: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Result<SnapshotPiece, SnapshotError>, Failure> {
        let OpenedSnapshot { from, zxid, ref file } = *self;
        observer.expect(file.length().unwrap_or(0));
        let temporary = directory.join(TEMPORARY);
        let copied = Copying { files, source: file, from, to: &temporary }.run(observer);
        let held = copied.and_then(|(bytes, sum)| {
            observer.expect(bytes);
            let checked = check(files, &temporary, zxid, &mut |bytes| observer.note(bytes))?;
            Ok(checked.map(|taken| SnapshotPiece { zxid, taken, bytes, sum }))
        });
        match held {
            Ok(Ok(piece)) => {
                let path = directory.join(snapshot_name(zxid));
                let renamed = files.rename(&temporary, &path).and_then(|()| files.sync_dir(directory));
                renamed.map_err(BackupError::io("rename", &temporary))?;
                Ok(Ok(piece))
            }
            otherwise => {
                // What stays goes with the next backup.
                let _ = files.unlink(&temporary);
                let held = otherwise?;
                // It goes a piece at a time, once it has no name.
                if file.link_count().is_ok_and(|links| links == 0) {
                    return Err(was_removed(from));
                }
                Ok(held)
            }
        }
    }
}

fn was_removed(from: &Path) -> Failure {
    Failure::Changed(format!("the snapshot {} was removed while it was read", from.display()))
}

/// Whether a server's file is still as the one was that was copied.
pub(super) fn is_same(
    files: &Files,
    file: &Path,
    piece: &SnapshotPiece,
    observer: &mut dyn Observer,
) -> Result<bool, BackupError> {
    observer.expect(piece.bytes);
    match sum_of(files, file, &mut |bytes| observer.note(bytes)) {
        Ok(found) => Ok(found == (piece.bytes, piece.sum)),
        Err(BackupError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a file is the whole snapshot of a transaction. Returns when it was taken.
///
/// # Errors
/// [`GivenUp`](BackupError::GivenUp); `Ok(Err(_))`: it does not hold.
fn check(
    files: &Files,
    path: &Path,
    zxid: Zxid,
    note: &mut dyn FnMut(u64) -> bool,
) -> Result<Result<i64, SnapshotError>, BackupError> {
    match snapshot::check_watched(files, path, note) {
        Ok(true) => {}
        Ok(false) => return Err(BackupError::GivenUp),
        Err(error) => return Ok(Err(error)),
    }
    let header = snapshot::read_header(files, path);
    Ok(header.and_then(
        |(inside, taken)| {
            if inside == zxid { Ok(taken) } else { Err(SnapshotError::Misnamed { inside }) }
        },
    ))
}

struct Copying<'c> {
    files: &'c Files,
    source: &'c File,
    from: &'c Path,
    to: &'c Path,
}

impl Copying<'_> {
    /// Returns the bytes, and their CRC32C.
    fn run(&self, observer: &mut dyn Observer) -> Result<(u64, u32), BackupError> {
        let failed = BackupError::io;
        let to = self.files.open(self.to, Access::Replace).map_err(failed("write", self.to))?;
        let (mut piece, mut bytes, mut sum, mut dirty) = (vec![0; PIECE_BYTES], 0, 0, 0);
        loop {
            let read = match self.source.read_at(&mut piece, bytes) {
                Ok(0) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.map_err(failed("read", self.from))?,
            };
            to.write_all_at(&piece[..read], bytes).map_err(failed("write", self.to))?;
            (bytes, dirty) = (bytes + read as u64, dirty + read);
            sum = crc32c::crc32c_append(sum, &piece[..read]);
            if dirty >= SYNC_BYTES {
                to.sync_data().map_err(failed("write", self.to))?;
                dirty = 0;
            }
            if !observer.note(read as u64) {
                return Err(BackupError::GivenUp);
            }
        }
        to.sync_all().map_err(failed("write", self.to))?;
        Ok((bytes, sum))
    }
}

/// Reads the copy of a snapshot, and sees that it is as it was written.
///
/// # Errors
/// As for [a piece of the log](super::log_piece::verify).
pub(super) fn verify(
    files: &Files,
    path: &Path,
    piece: &SnapshotPiece,
    note: &mut dyn FnMut(u64) -> bool,
) -> Result<(), BackupError> {
    let damaged = |what: String| BackupError::Damaged { file: path.to_owned(), what };
    let (bytes, sum) = sum_of(files, path, note)?;
    if (bytes, sum) != (piece.bytes, piece.sum) {
        let (had, with) = (piece.bytes, piece.sum);
        return Err(damaged(format!("it has {bytes} bytes with the sum {sum:08x}, and had {had} with {with:08x}")));
    }
    check(files, path, piece.zxid, note)?.map(|_| ()).map_err(|error| damaged(error.to_string()))
}

/// Where the copy is.
pub(super) fn path(directory: &Path, zxid: Zxid) -> PathBuf {
    directory.join(snapshot_name(zxid))
}

/// What an error of the system is that a snapshot cannot be read for.
pub(super) fn unread(path: &Path, error: SnapshotError) -> BackupError {
    let action = "read";
    match error {
        SnapshotError::Io(source) => BackupError::Io { action, path: path.to_owned(), source },
        error => BackupError::Damaged { file: path.to_owned(), what: error.to_string() },
    }
}
