//! ZooKeeper's log file.
//!
//! ```text
//! i32 "ZKLG", i32 version 2, i64 0     (i64 Adler-32 of the transaction, i32 length, transaction, 0x42)*     zeros
//! ```
//!
//! A file is made longer ahead of its records, so that zeros follow them; a length of 0 is its end. So is a record of which
//! the rest is missing: a crash tears the last one, and ZooKeeper goes on with the next file. A record that is there and
//! has another checksum is damage.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use adler2::adler32_slice;
use paddock_consensus::Zxid;

use crate::io::{Access, File, Files, Sequential};
use crate::jute::{Reader, Write as _};

use super::archive::InputArchive;
use super::directory::LogFile;
use super::error::FormatError;

const MAGIC: i32 = i32::from_be_bytes(*b"ZKLG");
const VERSION: i32 = 2;
/// Bytes of a record before its transaction.
const RECORD_HEAD_BYTES: usize = 12;
const WHOLE_HEAD: &str = "the head of a record is as long as its fields";
/// What ends every record.
const RECORD_END: u8 = 0x42;
/// Bytes of the header in front of a transaction's body.
const TXN_HEADER_BYTES: usize = 32;
/// Where in it the zxid stands, bytes.
const ZXID_AT: usize = 12;
/// A file is made longer when it is this close to its end, bytes.
const PADDING_MARGIN: u64 = 4096;
/// What `zookeeper.preAllocSize` is, unless it is set, bytes.
pub const PRE_ALLOC_SIZE: u64 = 64 << 20;

/// The beginning of a log.
pub fn put_header(out: &mut Vec<u8>) {
    out.put_i32(MAGIC);
    out.put_i32(VERSION);
    out.put_i64(0);
}

/// The record of an encoded transaction: header, body and digest.
pub fn put_record(txn: &[u8], out: &mut Vec<u8>) {
    out.put_i64(i64::from(adler32_slice(txn)));
    out.put_buffer(Some(txn));
    out.push(RECORD_END);
}

/// Whether a file that begins so is a log.
pub fn is_log(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC.to_be_bytes())
}

/// What comes next in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    Record {
        /// Of the record, bytes from the file's start.
        offset: u64,
        zxid: Zxid,
        /// Header, body and, where there is one, digest: what [`Txn::read`](crate::txn::Txn::read) takes.
        txn: &'a [u8],
    },
    /// The file, or what was written of it, ends between two records.
    End { offset: u64 },
    /// It ends within the record that begins here.
    Torn { offset: u64 },
}

/// What was read, but for the bytes of a record.
enum Next {
    /// And what is wrong with its checksum.
    Record(Zxid, Option<FormatError>),
    End,
    Torn,
}

/// Reads a log record by record.
#[derive(Debug)]
pub struct LogReader<R> {
    archive: InputArchive<R>,
    /// What the header says of the database.
    database: i64,
    txn: Vec<u8>,
    /// Behind the last whole record.
    end: u64,
}

impl LogReader<BufReader<Sequential>> {
    pub fn open(files: &Files, path: &Path, length_max: usize) -> Result<Self, FormatError> {
        let file = files.open(path, Access::Read).map_err(FormatError::Io)?;
        LogReader::new(BufReader::new(Sequential::new(file)), length_max)
    }
}

impl<R: BufRead> LogReader<R> {
    /// Reads the header. `length_max` bounds a transaction, bytes.
    pub fn new(input: R, length_max: usize) -> Result<LogReader<R>, FormatError> {
        let mut archive = InputArchive::new(input, length_max);
        let (magic, version) = (archive.i32()?, archive.i32()?);
        let database = archive.i64()?;
        if magic != MAGIC {
            return Err(archive.damaged("it does not begin as a log of ZooKeeper's".to_owned()));
        }
        if version != VERSION {
            return Err(archive.damaged(format!("its format has the version {version}, and {VERSION} is known")));
        }
        let end = archive.offset();
        Ok(LogReader { archive, database, txn: Vec::new(), end })
    }

    /// The number of the database, as the header says: ZooKeeper's dbid.
    pub fn database(&self) -> i64 {
        self.database
    }

    /// Where the last whole record ends, bytes from the file's start.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The next record. After an end or an error there is nothing more to be asked for.
    pub fn read_entry(&mut self) -> Result<Entry<'_>, FormatError> {
        match self.read_next()? {
            Next::Record(_, Some(damage)) => Err(damage),
            next => Ok(self.entry(next)),
        }
    }

    /// The next record whatever its checksum, and what is wrong with that.
    pub fn read_any(&mut self) -> Result<(Entry<'_>, Option<FormatError>), FormatError> {
        match self.read_next()? {
            Next::Record(zxid, damage) => Ok((self.entry(Next::Record(zxid, None)), damage)),
            next => Ok((self.entry(next), None)),
        }
    }

    fn entry(&mut self, next: Next) -> Entry<'_> {
        let offset = self.end;
        match next {
            Next::Record(zxid, _) => {
                self.end = self.archive.offset();
                Entry::Record { offset, zxid, txn: &self.txn }
            }
            Next::End => Entry::End { offset },
            Next::Torn => Entry::Torn { offset },
        }
    }

    fn read_next(&mut self) -> Result<Next, FormatError> {
        if self.archive.is_at_end()? {
            return Ok(Next::End);
        }
        match self.read_record() {
            Ok(Some((zxid, damage))) => Ok(Next::Record(zxid, damage)),
            Ok(None) => Ok(Next::End),
            Err(FormatError::CutShort { .. }) => Ok(Next::Torn),
            Err(error) => Err(error),
        }
    }

    /// The zxid, and what is wrong with the checksum; `None` at the zeros behind the last record.
    fn read_record(&mut self) -> Result<Option<(Zxid, Option<FormatError>)>, FormatError> {
        let archive = &mut self.archive;
        if let Err(error) = archive.bytes(RECORD_HEAD_BYTES, &mut self.txn) {
            let is_padding = matches!(error, FormatError::CutShort { .. }) && self.txn.iter().all(|byte| *byte == 0);
            return if is_padding { Ok(None) } else { Err(error) };
        }
        let mut head = Reader::new(&self.txn);
        let (written, claimed) = (head.i64().expect(WHOLE_HEAD), head.i32().expect(WHOLE_HEAD));
        let length = match archive.check_length(claimed)? {
            Some(0) if written == 0 => return Ok(None),
            // Zeros behind the checksum: the rest of the record was never written.
            Some(0) => return Err(FormatError::CutShort { offset: archive.offset() }),
            Some(length) => length,
            None => return Err(archive.damaged("a transaction is null".to_owned())),
        };
        archive.restart_checksum();
        archive.bytes(length, &mut self.txn)?;
        let computed = i64::from(archive.checksum());
        if archive.array::<1>()? != [RECORD_END] {
            return Err(FormatError::CutShort { offset: archive.offset() });
        }
        let damage = (written != computed).then(|| {
            archive.damaged(format!("the checksum of the record before this is {computed:x}, but was {written:x}"))
        });
        match self.txn.get(ZXID_AT..TXN_HEADER_BYTES).and_then(|rest| rest.first_chunk()) {
            Some(zxid) => Ok(Some((Zxid(i64::from_be_bytes(*zxid)), damage))),
            None => Err(damage.unwrap_or_else(|| {
                archive.damaged(format!("a transaction of {length} bytes, which have no room for its header"))
            })),
        }
    }
}

/// Writes a log.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    pre_alloc_size: u64,
    /// Where the next record goes, bytes.
    position: u64,
    /// How long the file was made, bytes. A long record goes beyond it.
    size: u64,
    record: Vec<u8>,
}

impl LogWriter {
    /// Makes the file for the log that begins with this transaction. `pre_alloc_size` is by how much it is made longer at
    /// a time, bytes; at 0 it is as long as its records.
    pub fn create(files: &Files, directory: &Path, first: Zxid, pre_alloc_size: u64) -> io::Result<LogWriter> {
        let file = files.open(&directory.join(LogFile::name(first)), Access::New { direct: false })?;
        let mut record = Vec::new();
        put_header(&mut record);
        file.write_all_at(&record, 0)?;
        files.sync_dir(directory)?;
        let position = record.len() as u64;
        Ok(LogWriter { file, pre_alloc_size, position, size: position, record })
    }

    /// Appends an encoded transaction: header, body and digest. It is durable after [`LogWriter::sync`].
    pub fn append(&mut self, txn: &[u8]) -> io::Result<()> {
        let size = padded_size(self.position, self.size, self.pre_alloc_size);
        if size != self.size {
            self.file.set_length(size)?;
            self.size = size;
        }
        self.record.clear();
        put_record(txn, &mut self.record);
        self.file.write_all_at(&self.record, self.position)?;
        self.position += self.record.len() as u64;
        Ok(())
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// How long a file is made before the next record is written to it.
fn padded_size(position: u64, size: u64, pre_alloc_size: u64) -> u64 {
    if pre_alloc_size == 0 || position + PADDING_MARGIN < size {
        size
    } else if position > size {
        (position / pre_alloc_size + 1) * pre_alloc_size
    } else {
        size + pre_alloc_size
    }
}
