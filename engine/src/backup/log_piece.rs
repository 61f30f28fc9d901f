//! A part of the log, in a file of ZooKeeper's format: what is a transaction there is one here, byte for byte.
//!
//! It is written beside as `log.tmp`, and has its name when it is whole and durable. What was in doubt until the end is cut off
//! before that.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::directory::log_name;
use super::error::BackupError;
use super::index::LogPiece;
use super::observer::Observer;
use crate::io::{Access, File, Files};
use crate::log::RECORD_BYTES_MAX;
use crate::log::in_doubt::InDoubt;
use crate::txn::Txn;
use crate::zookeeper::FormatError;
use crate::zookeeper::log::{Entry, LogReader, put_header, put_record};

/// What is written until it is whole.
const TEMPORARY: &str = "log.tmp";
/// Written at a time, bytes.
const PIECE_BYTES: usize = 256 << 10;
/// The file is synced whenever so many bytes are dirty, so that the disk is never asked for much at once while a server's log
/// waits behind it.
const SYNC_BYTES: usize = 4 << 20;

/// What has been written up to some record.
#[derive(Clone, Copy, Debug)]
struct Extent {
    records: u64,
    first: Zxid,
    last: Zxid,
    time: i64,
    latest: i64,
    end: u32,
    bytes: u64,
    sum: u32,
}

/// Writes a piece. It takes no space on the disk before it has a record, and its file goes when it is not finished.
pub(super) struct PieceWriter {
    files: Files,
    /// The directory of the history.
    directory: PathBuf,
    /// The transaction before the first one.
    after: Zxid,
    file: Option<File>,
    written: Extent,
    /// The last bytes of what was written, which are not in the file yet, and where they begin there.
    buffer: Vec<u8>,
    buffer_at: u64,
    /// Bytes of the file since its last sync.
    dirty: usize,
    /// How far it goes up to the ends of groups that are in doubt, with the last transaction: see [`InDoubt`].
    in_doubt: InDoubt<(Zxid, Extent)>,
    /// The same for the newest group that is not.
    certain: Extent,
}

impl PieceWriter {
    /// Of what comes after the transaction `after`.
    pub fn new(files: &Files, directory: &Path, after: Zxid) -> PieceWriter {
        let mut buffer = Vec::new();
        put_header(&mut buffer);
        let (bytes, sum) = (buffer.len() as u64, crc32c::crc32c(&buffer));
        let (time, latest) = (0, i64::MIN);
        let begun = Extent { records: 0, first: after, last: after, time, latest, end: 0, bytes, sum };
        PieceWriter {
            files: files.clone(),
            directory: directory.to_owned(),
            after,
            file: None,
            written: begun,
            buffer,
            buffer_at: 0,
            dirty: 0,
            in_doubt: InDoubt::new(),
            certain: begun,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(TEMPORARY)
    }

    /// The last transaction that is not in doubt.
    pub fn certain(&self) -> Zxid {
        self.certain.last
    }

    pub fn append(&mut self, zxid: Zxid, txn: &[u8]) -> Result<(), BackupError> {
        let from = self.buffer.len();
        put_record(txn, &mut self.buffer);
        let Extent { records, first, latest, bytes, sum, .. } = self.written;
        let time = Txn::time_of(txn).unwrap_or(0);
        let record = &self.buffer[from..];
        self.written = Extent {
            records: records + 1,
            first: if records == 0 { zxid } else { first },
            last: zxid,
            time,
            latest: latest.max(time),
            end: crc32c::crc32c(txn),
            bytes: bytes + record.len() as u64,
            sum: crc32c::crc32c_append(sum, record),
        };
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// A group ends here, with all transactions up to this one.
    pub fn end_group(&mut self, last: Zxid) {
        self.in_doubt.push((last, self.written));
    }

    /// The groups up to this transaction are vouched for.
    pub fn settle(&mut self, zxid: Zxid) {
        if let Some((_, extent)) = self.in_doubt.settle(|(last, _)| *last <= zxid) {
            self.certain = extent;
        }
    }

    /// Gives it its name, with all that is not in doubt, durably; `None` if that is nothing.
    /// What was written is read back once more, which the observer is told of as well.
    pub fn finish(mut self, observer: &mut dyn Observer) -> Result<Option<LogPiece>, BackupError> {
        let Extent { records, first, last, time, latest, end, bytes, sum } = self.certain;
        if records == 0 {
            return Ok(None);
        }
        self.flush()?;
        let (temporary, path) = (self.path(), self.directory.join(log_name(first)));
        let file = self.file.take().expect("it was flushed");
        let kept = file.set_length(bytes).and_then(|()| file.sync_all());
        kept.map_err(BackupError::io("write", &temporary))?;
        let renamed = self.files.rename(&temporary, &path).and_then(|()| self.files.sync_dir(&self.directory));
        renamed.map_err(BackupError::io("rename", &temporary))?;
        let piece = LogPiece { first, after: self.after, last, records, time, latest, end, bytes, sum };
        observer.expect(2 * bytes);
        verify(&self.files, &path, &piece, &mut |bytes| observer.note(bytes))?;
        Ok(Some(piece))
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        let path = self.path();
        self.write_buffer(&path).map_err(BackupError::io("write", &path))
    }

    fn write_buffer(&mut self, path: &Path) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.files.open(path, Access::Replace)?);
        }
        let file = self.file.as_ref().expect("it is open");
        file.write_all_at(&self.buffer, self.buffer_at)?;
        self.buffer_at += self.buffer.len() as u64;
        self.dirty += self.buffer.len();
        self.buffer.clear();
        // A long record is no reason to keep so much memory.
        self.buffer.shrink_to(2 * PIECE_BYTES);
        if self.dirty >= SYNC_BYTES {
            file.sync_data()?;
            self.dirty = 0;
        }
        Ok(())
    }
}

impl Drop for PieceWriter {
    fn drop(&mut self) {
        // What stays goes with the next backup.
        if self.file.take().is_some() {
            let _ = self.files.unlink(&self.path());
        }
    }
}

/// Reads a piece twice, its bytes and its records, and sees that it is as it was written. `note` is told how many bytes were read more; `false` gives up.
///
/// # Errors
/// [`Damaged`](BackupError::Damaged), [`Io`](BackupError::Io), [`GivenUp`](BackupError::GivenUp).
pub(super) fn verify(
    files: &Files,
    path: &Path,
    piece: &LogPiece,
    note: &mut dyn FnMut(u64) -> bool,
) -> Result<(), BackupError> {
    let damaged = |what: String| BackupError::Damaged { file: path.to_owned(), what };
    let (bytes, sum) = sum_of(files, path, note)?;
    if (bytes, sum) != (piece.bytes, piece.sum) {
        return Err(damaged(format!(
            "it has {bytes} bytes with the sum {sum:08x}, and had {} with {:08x}",
            piece.bytes, piece.sum
        )));
    }
    let mut records = 0;
    let mut last = piece.after;
    let mut goes_on = true;
    read(files, path, &mut |zxid, txn| {
        goes_on = note(txn.len() as u64);
        records += 1;
        let follows = zxid > last && (records > 1 || zxid == piece.first);
        last = zxid;
        follows && goes_on
    })?;
    if !goes_on {
        return Err(BackupError::GivenUp);
    }
    if (records, last) != (piece.records, piece.last) {
        return Err(damaged(format!(
            "its transactions are not the {} up to {} that it had",
            piece.records, piece.last
        )));
    }
    Ok(())
}

/// Shows zxid and bytes of each transaction of a piece, until `show` says `false`.
pub(super) fn read(files: &Files, path: &Path, show: &mut dyn FnMut(Zxid, &[u8]) -> bool) -> Result<(), BackupError> {
    let failed = |error: FormatError| match error {
        FormatError::Io(source) => BackupError::Io { action: "read", path: path.to_owned(), source },
        error => BackupError::Damaged { file: path.to_owned(), what: error.to_string() },
    };
    let mut reader = LogReader::open(files, path, RECORD_BYTES_MAX).map_err(failed)?;
    loop {
        match reader.read_entry().map_err(failed)? {
            Entry::Record { zxid, txn, .. } => {
                if !show(zxid, txn) {
                    return Ok(());
                }
            }
            Entry::End { .. } => return Ok(()),
            Entry::Torn { offset } => {
                let what = format!("it ends in the middle of the record at byte {offset}");
                return Err(BackupError::Damaged { file: path.to_owned(), what });
            }
        }
    }
}

/// Bytes of a file, and the CRC32C of all of them.
pub(super) fn sum_of(files: &Files, path: &Path, note: &mut dyn FnMut(u64) -> bool) -> Result<(u64, u32), BackupError> {
    let file = files.open(path, Access::Read).map_err(BackupError::io("read", path))?;
    let (mut piece, mut bytes, mut sum) = (vec![0; PIECE_BYTES], 0, 0);
    loop {
        match file.read_at(&mut piece, bytes) {
            Ok(0) => return Ok((bytes, sum)),
            Ok(read) => {
                bytes += read as u64;
                sum = crc32c::crc32c_append(sum, &piece[..read]);
                if !note(read as u64) {
                    return Err(BackupError::GivenUp);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(BackupError::io("read", path)(error)),
        }
    }
}
