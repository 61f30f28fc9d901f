//! Reading the records of an open log, in another thread than the one that writes it.
//!
//! A reader knows from its beginning which segments it will go through, and how far what was complete then goes in the newest
//! of them: it asks the log nothing afterwards, and the log waits for it nowhere. Its hold keeps these files from being
//! purged. A cut goes before it: from then on the reader gives nothing but an error, so that nobody is shown what the log has
//! no longer.
//!
//! Every record is checked by its own checksum and by that of the record before, and every group by that of the group before,
//! so that records are handed out before all of their group has been read. Memory: the chunk, one record and a piece of the
//! file ([`Window`]).

use std::collections::VecDeque;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::chain::Link;
use super::format::{self, Fault, HEADER_BYTES, Header, RECORD_BYTES_MAX, RECORD_HEADER_BYTES};
use super::holds::Hold;
use super::segment_path::{SegmentPath, directory};
use super::window::Window;
use super::{Damage, LogError};
use crate::io::Files;

/// Records in their order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Chunk {
    /// The payloads, one behind the other.
    payloads: Vec<u8>,
    /// The zxid of each record, and where its payload ends.
    records: Vec<(Zxid, usize)>,
}

impl Chunk {
    /// Zxid and payload of each record.
    pub fn records(&self) -> impl Iterator<Item = (Zxid, &[u8])> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|(_, end)| *end));
        self.records.iter().zip(starts).map(|((zxid, end), start)| (*zxid, &self.payloads[start..*end]))
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.payloads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn clear(&mut self) {
        self.payloads.clear();
        self.records.clear();
    }

    fn push(&mut self, zxid: Zxid, payload: &[u8]) {
        self.payloads.extend_from_slice(payload);
        self.records.push((zxid, self.payloads.len()));
    }
}

/// Reads the records after one transaction up to another. See the module; made by [`Log::reader`](super::Log::reader).
pub struct Reader {
    files: Files,
    /// The `dataLogDir`.
    dir: PathBuf,
    /// Keeps what is to be read; the reader begins after its zxid.
    hold: Hold,
    to: Zxid,
    /// The segments that have not been begun, the oldest first, with the bytes of each that may be looked at.
    segments: VecDeque<(SegmentPath, u64)>,
    open: Option<OpenSegment>,
    /// The last group that was read to its end.
    group: Option<Link>,
    /// The last record that was passed by or handed out.
    record: Option<(Zxid, u32)>,
}

struct OpenSegment {
    at: SegmentPath,
    window: Window,
    /// The group that is being read.
    group: Option<OpenGroup>,
}

struct OpenGroup {
    header: Header,
    /// The checksum that the group claims, and that of the bytes so far.
    claimed: u32,
    sum: u32,
    /// Bytes of records that are still to be read, and records that were read.
    left: usize,
    records: u32,
}

/// Whether a chunk takes more.
#[derive(PartialEq, Eq)]
enum Room {
    More,
    Full,
}

impl Reader {
    /// Of these segments, the oldest first, with the bytes of each that may be looked at.
    pub(super) fn new(
        files: &Files,
        dir: &Path,
        hold: Hold,
        to: Zxid,
        segments: VecDeque<(SegmentPath, u64)>,
    ) -> Reader {
        Reader { files: files.clone(), dir: dir.to_owned(), hold, to, segments, open: None, group: None, record: None }
    }

    /// Replaces what is in the chunk by the next records, of at most `bytes_max` bytes of payload, unless one record alone is
    /// larger. An empty chunk says that all records have been read. It may have to pass by a whole segment first.
    ///
    /// # Errors
    /// [`LogError::WasCut`] once the log has been cut, and [`LogError::Damaged`] or [`LogError::Gap`] where the files are not
    /// what they should be.
    pub fn read(&mut self, chunk: &mut Chunk, bytes_max: usize) -> Result<(), LogError> {
        chunk.clear();
        let filled = self.fill(chunk, bytes_max);
        // A cut takes files away, and then whatever was found instead means nothing.
        if self.hold.is_cut() {
            chunk.clear();
            return Err(LogError::WasCut { dir: self.dir.clone() });
        }
        filled
    }

    fn fill(&mut self, chunk: &mut Chunk, bytes_max: usize) -> Result<(), LogError> {
        while self.last() < self.to {
            let left = self.open.as_ref().map(|segment| segment.group.as_ref().map(|group| group.left));
            match left {
                None => self.open_next()?,
                Some(None) => self.begin_group()?,
                Some(Some(0)) => self.end_group()?,
                Some(Some(_)) => {
                    if self.next_record(chunk, bytes_max)? == Room::Full {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The last transaction that was passed by, or after which the reader begins.
    fn last(&self) -> Zxid {
        self.record.map_or(self.hold.after(), |(zxid, _)| zxid.max(self.hold.after()))
    }

    fn open_next(&mut self) -> Result<(), LogError> {
        let Some((at, limit)) = self.segments.pop_front() else {
            let (last, to) = (self.last(), self.to);
            let evidence = format!("its segments end with {last}, although {to} was completed");
            return Err(self.damage(&directory(&self.dir), 0, evidence));
        };
        let window = Window::open(&self.files, &at.path, limit)
            .map_err(|error| LogError::io("read the log segment", &at.path, error))?;
        self.open = Some(OpenSegment { at, window, group: None });
        Ok(())
    }

    /// Reads a group's header, or leaves the segment where there is no more.
    fn begin_group(&mut self) -> Result<(), LogError> {
        let OpenSegment { at, window, .. } = self.open.as_mut().expect("a segment is open");
        let (path, offset) = (at.path.clone(), window.offset());
        let failed = |error| LogError::io("read the log segment", &path, error);
        let head = window.peek(HEADER_BYTES).map_err(failed)?;
        let (header, claimed) = match Header::read(head) {
            Ok(read) => read,
            Err(Fault::Nothing) => {
                self.open = None;
                return Ok(());
            }
            Err(fault) => return Err(self.damage(&path, offset, fault)),
        };
        let sum = format::header_sum(head);
        if let Err(what) = self.check_header(&header, offset) {
            return Err(self.damage(&path, offset, Fault::Elsewhere(what)));
        }
        let have = self.group.map_or(self.hold.after(), |group| group.zxid);
        if header.before > have {
            return Err(LogError::Gap { file: path, offset, have, before: header.before });
        }
        let group = OpenGroup { header, claimed, sum, left: header.body_length as usize, records: 0 };
        let segment = self.open.as_mut().expect("a segment is open");
        segment.window.pass(HEADER_BYTES);
        segment.group = Some(group);
        Ok(())
    }

    fn check_header(&self, header: &Header, offset: u64) -> Result<(), &'static str> {
        let at = &self.open.as_ref().expect("a segment is open").at;
        if !header.is_possible() {
            return Err("its numbers are none that a log can reach");
        }
        if header.sequence != at.sequence {
            return Err("it was written to another segment");
        }
        if offset == 0 && header.first_number != header.number {
            return Err("it is not the first of its segment");
        }
        let offset = usize::try_from(offset).expect("a file fits the address space");
        self.group.map_or(Ok(()), |group| group.check_next(header, offset))
    }

    /// Passes by a group that was read to the end of its records.
    fn end_group(&mut self) -> Result<(), LogError> {
        let OpenSegment { at, window, group } = self.open.as_mut().expect("a segment is open");
        let OpenGroup { header, claimed, sum, records, .. } = group.take().expect("a group is open");
        window.pass(header.padded_length() - header.length());
        if sum != claimed || records != header.records {
            let (path, offset) = (at.path.clone(), window.offset() - header.padded_length() as u64);
            return Err(self.damage(&path, offset, Fault::Checksum));
        }
        self.group = Some(Link {
            log_id: header.log_id,
            incarnation: header.incarnation,
            number: header.number,
            group_crc: claimed,
            record_crc: self.record.map(|(_, crc)| crc),
            zxid: self.record.map_or(header.before, |(zxid, _)| zxid.max(header.before)),
        });
        Ok(())
    }

    /// Passes by the next record of the group, and puts it into the chunk if it is asked for and finds room.
    fn next_record(&mut self, chunk: &mut Chunk, bytes_max: usize) -> Result<Room, LogError> {
        let (after, to) = (self.hold.after(), self.to);
        let OpenSegment { at, window, group } = self.open.as_mut().expect("a segment is open");
        let group = group.as_mut().expect("a group is open");
        let offset = window.offset();
        let failed = |error| LogError::io("read the log segment", &at.path, error);
        let length = match format::claimed_record_length(window.peek(RECORD_HEADER_BYTES).map_err(failed)?) {
            Some(length) if length <= group.left && length <= RECORD_HEADER_BYTES + RECORD_BYTES_MAX => length,
            _ => return Err(self.bad_record(offset)),
        };
        let bytes = window.peek(length).map_err(failed)?;
        let Some(record) = format::read_record(&mut &*bytes) else { return Err(self.bad_record(offset)) };
        let before = self.record.map_or(group.header.before, |(zxid, _)| zxid.max(group.header.before));
        let is_next = record.zxid > before && self.record.is_none_or(|(_, crc)| crc == record.previous_crc);
        if !is_next || (group.records == 0 && record.zxid != group.header.first) {
            return Err(self.bad_record(offset));
        }
        if record.zxid > after && record.zxid <= to {
            if !chunk.is_empty() && chunk.bytes() + record.payload.len() > bytes_max {
                return Ok(Room::Full);
            }
            chunk.push(record.zxid, record.payload);
        }
        self.record = Some((record.zxid, record.crc));
        group.sum = crc32c::crc32c_append(group.sum, bytes);
        (group.left, group.records) = (group.left - length, group.records + 1);
        window.pass(length);
        Ok(Room::More)
    }

    fn bad_record(&self, offset: u64) -> LogError {
        let path = self.open.as_ref().map(|segment| segment.at.path.clone()).expect("a segment is open");
        self.damage(&path, offset, "the record there is not whole, or does not follow the one before")
    }

    fn damage(&self, file: &Path, offset: u64, evidence: impl Display) -> LogError {
        LogError::Damaged(Box::new(Damage {
            dir: self.dir.clone(),
            data_dir: None,
            file: file.to_owned(),
            offset,
            after: self.last(),
            evidence: evidence.to_string(),
        }))
    }
}
