//! Reading the log of another process, which may go on writing to it. No lock is taken, and no file is changed.
//!
//! A server tells nobody outside how far its log is durable. The files tell it, some moments later:
//!
//! | what vouches | for |
//! |---|---|
//! | the durable mark of a group | every group up to that number |
//! | the first group of a segment | every group before |
//! | the milestone, which is written anew when the log has rested for a second or two | every group up to the one in it |
//! | a snapshot in place | every group up to its transaction |
//!
//! Groups behind all of that are in doubt: they may be under way. They are shown too, and whoever reads keeps of them what is
//! vouched for in the end ([`OutsideReader::certain`]).
//!
//! | what becomes of the files meanwhile | is met so |
//! |---|---|
//! | a group is being written | its checksum is wrong and nothing vouches for it: that is the end for now |
//! | the log goes on in the next segment | that is found by its first group |
//! | segments are purged | one that is open stays whole ([`Removed`](crate::io::Removed)); where the next one is gone, it is [`Changed`](OutsideError::Changed) |
//! | the log is cut | the last group that is vouched for is looked at once more in the end ([`OutsideReader::confirm`]): `Changed` |
//! | another generation counts | whoever reads looks that up before and after |
//!
//! Who vouches is looked up before a bad group is read once more, so that one that is bad even then was durable and is damaged.
//! Files are read and not mapped: what a page of a map showed of a file that is written to past the cache may be old.
//!
//! Memory: the largest group, as its writer had it, and where the groups end that are in doubt, of which some are forgotten beyond
//! a bound ([`InDoubt`]).

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::chain::Link;
use super::error::{Damage, LogError};
use super::format::{self, Fault, HEADER_BYTES, Header};
use super::group::GroupNumber;
use super::in_doubt::InDoubt;
use super::milestone::FoundMilestone;
use super::returned::take_returned;
use super::segment::list;
use super::segment_path::{SegmentPath, directory};
use crate::io::{Access, File, Files};

/// Bytes that are read at a time, so that what is claimed costs memory only as far as it is there.
const PIECE_BYTES: usize = 1 << 20;

/// Why a log cannot be read on from outside.
#[derive(Debug)]
pub enum OutsideError {
    Log(LogError),
    /// The files are no more those that were begun with, and why. Whoever reads begins again with those that are there now.
    Changed(String),
}

impl fmt::Display for OutsideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutsideError::Log(error) => error.fmt(f),
            OutsideError::Changed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for OutsideError {}

impl From<LogError> for OutsideError {
    fn from(error: LogError) -> Self {
        OutsideError::Log(error)
    }
}

/// A group whose checksum and order are right.
#[derive(Clone, Copy, Debug)]
pub struct OutsideGroup<'a> {
    /// The last transaction before it, and the last one up to its end.
    pub before: Zxid,
    pub last: Zxid,
    /// Bytes in the file, with header and padding.
    pub bytes: u64,
    body: &'a [u8],
}

impl<'a> OutsideGroup<'a> {
    /// Zxid and payload of each record.
    pub fn records(&self) -> impl Iterator<Item = (Zxid, &'a [u8])> + use<'a> {
        format::records(self.body).map(|record| (record.zxid, record.payload))
    }
}

/// Reads group by group. See the module.
pub struct OutsideReader {
    files: Files,
    data_dir: PathBuf,
    dir: PathBuf,
    /// The transaction that is looked for.
    from: Zxid,
    /// The segment that is read; `None` as long as the log has no group.
    open: Option<OpenSegment>,
    /// Identity of the log, and the number of the next group, once a segment is open.
    log_id: u64,
    expected: u64,
    /// The last group.
    last: Option<Link>,
    /// Each group up to this number is vouched for.
    vouched: u64,
    /// What was read and is not vouched for: a few groups of a log whose marks follow closely, and never more than a bound.
    in_doubt: InDoubt<ReadGroup>,
    /// The newest group that is.
    certain: Option<ReadGroup>,
    /// The group that was read last.
    bytes: Vec<u8>,
    /// Of the segments that were there at the beginning, from the first one that is read on.
    total: u64,
}

struct OpenSegment {
    at: SegmentPath,
    file: File,
    /// Where the next group should be.
    offset: u64,
}

/// A group that was read, and where it stands.
#[derive(Clone, Debug)]
struct ReadGroup {
    number: u64,
    crc: u32,
    /// The last zxid up to its end.
    last: Zxid,
    at: SegmentPath,
    offset: u64,
}

/// A segment with a first group, of which only the header was read.
struct Begun {
    at: SegmentPath,
    header: Header,
}

/// A good group in memory, with checksum and zxid of the last record up to its end.
struct Loaded {
    header: Header,
    crc: u32,
    record_crc: Option<u32>,
    last: Zxid,
}

impl OutsideReader {
    /// Begins with the newest segment that may have the transaction `from`; if there is none, with one that begins after it.
    ///
    /// # Errors
    /// [`LogError::Gap`] if the log begins later.
    pub fn begin(files: &Files, data_dir: &Path, dir: &Path, from: Zxid) -> Result<OutsideReader, OutsideError> {
        let mut reader = OutsideReader {
            files: files.clone(),
            data_dir: data_dir.to_owned(),
            dir: dir.to_owned(),
            from,
            open: None,
            log_id: 0,
            expected: 0,
            last: None,
            vouched: 0,
            in_doubt: InDoubt::new(),
            certain: None,
            bytes: Vec::new(),
            total: 0,
        };
        reader.open_first()?;
        Ok(reader)
    }

    /// The next group; `None` where the log ends for now. It may be asked again.
    pub fn read_group(&mut self) -> Result<Option<OutsideGroup<'_>>, OutsideError> {
        if self.open.is_none() {
            self.open_first()?;
        }
        let loaded = loop {
            if self.open.is_none() {
                return Ok(None);
            }
            match self.load()? {
                Ok(loaded) => break loaded,
                Err(fault) if self.goes_on(fault)? => {}
                Err(_) => return Ok(None),
            }
        };
        let Loaded { header, last, .. } = loaded;
        self.take_in(&loaded);
        let (before, bytes) = (header.before, header.padded_length() as u64);
        let body = &self.bytes[HEADER_BYTES..header.length()];
        Ok(Some(OutsideGroup { before, last, bytes, body }))
    }

    /// Looks up who vouches by now, beside the groups that were read.
    pub fn look_again(&mut self) -> Result<(), OutsideError> {
        if self.open.is_some() {
            self.note_milestone()?;
        }
        Ok(())
    }

    /// A snapshot of this transaction is in place.
    pub fn note_snapshot(&mut self, zxid: Zxid) {
        self.certain = self.in_doubt.settle(|group| group.last <= zxid).or(self.certain.take());
    }

    /// The last transaction of the newest group that is vouched for; `None` if none is.
    pub fn certain(&self) -> Option<Zxid> {
        self.certain.as_ref().map(|group| group.last)
    }

    /// The last transaction that was read; `None` if there is no group.
    pub fn last(&self) -> Option<Zxid> {
        self.last.map(|last| last.zxid)
    }

    /// Bytes of the segments that there were at the beginning. A log that is written to has more in the end.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Sees that the newest group that is vouched for is still in the log, after everything that was wanted was read.
    ///
    /// # Errors
    /// [`Changed`](OutsideError::Changed) if it was cut off.
    pub fn confirm(&self) -> Result<(), OutsideError> {
        let Some(ReadGroup { number, crc, at, offset, .. }) = &self.certain else { return Ok(()) };
        let stands = match self.files.open(&at.path, Access::Read) {
            Ok(file) => {
                let mut head = Vec::new();
                let read = read_on(&file, *offset, HEADER_BYTES, &mut head);
                read.map_err(|error| LogError::io("read the log segment", &at.path, error))?;
                Header::read(&head).is_ok_and(|(header, claimed)| header.number == *number && claimed == *crc)
            }
            // It was purged, if the log goes on behind it.
            Err(error) if error.kind() == ErrorKind::NotFound => self
                .begun()?
                .last()
                .is_some_and(|newest| newest.header.log_id == self.log_id && newest.header.first_number > *number),
            Err(error) => return Err(LogError::io("read the log segment", &at.path, error).into()),
        };
        if stands { Ok(()) } else { Err(self.was_cut()) }
    }

    fn was_cut(&self) -> OutsideError {
        OutsideError::Changed(format!("the log in {} was cut while it was read", self.dir.display()))
    }

    fn open_first(&mut self) -> Result<(), OutsideError> {
        let begun = self.begun()?;
        let has_it = begun.iter().rposition(|begun| begun.header.before < self.from);
        let start = has_it.or_else(|| begun.iter().rposition(|begun| begun.header.before == self.from));
        let Some(start) = start else {
            let Some(oldest) = begun.first() else { return Ok(()) };
            let (file, have, before) = (oldest.at.path.clone(), self.from, oldest.header.before);
            return Err(LogError::Gap { file, offset: 0, have, before }.into());
        };
        self.total = begun[start..].iter().map(|begun| self.bytes_of(&begun.at)).sum();
        let Begun { at, header } = &begun[start];
        (self.log_id, self.expected) = (header.log_id, header.number);
        self.open = Some(self.open_segment(at)?);
        self.note_milestone()
    }

    /// 0 where it is gone: it is only told to people.
    fn bytes_of(&self, at: &SegmentPath) -> u64 {
        self.files.metadata(&at.path).map_or(0, |found| found.bytes)
    }

    fn open_segment(&self, at: &SegmentPath) -> Result<OpenSegment, OutsideError> {
        match self.files.open(&at.path, Access::Read) {
            Ok(file) => Ok(OpenSegment { at: at.clone(), file, offset: 0 }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(was_removed(at)),
            Err(error) => Err(LogError::io("read the log segment", &at.path, error).into()),
        }
    }

    /// The segments with a first group that have no hole behind them, the oldest first. One whose first group is not there
    /// yet, as of one that was prepared, is none of them.
    fn begun(&self) -> Result<Vec<Begun>, OutsideError> {
        let found = FoundMilestone::read(&self.files, &self.data_dir)?;
        let mut segments = list(&self.files, &directory(&self.dir))?;
        take_returned(&self.files, &found, &mut segments);
        let mut begun: Vec<Begun> = Vec::new();
        for at in segments {
            let head = match self.files.read(&at.path, HEADER_BYTES) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                head => head.map_err(|error| LogError::io("read the log segment", &at.path, error))?,
            };
            let Ok((header, _)) = Header::read(&head) else { continue };
            if !header.is_possible() || header.sequence != at.sequence {
                continue;
            }
            // A purged one may have come back, in front of others.
            if begun.last().is_some_and(|last| last.at.sequence + 1 != at.sequence) {
                begun.clear();
            }
            begun.push(Begun { at, header });
        }
        Ok(begun)
    }

    /// Reads what stands where the next group should; if it is not that, says why.
    fn load(&mut self) -> Result<Result<Loaded, Fault>, OutsideError> {
        let OutsideReader { open, bytes, last, .. } = self;
        let OpenSegment { at, file, offset } = open.as_ref().expect("a segment is open");
        let failed = |error| LogError::io("read the log segment", &at.path, error);
        bytes.clear();
        read_on(file, *offset, HEADER_BYTES, bytes).map_err(failed)?;
        let length = match format::claimed_length(bytes) {
            Ok(length) => length,
            Err(fault) => return Ok(Err(fault)),
        };
        read_on(file, *offset, length, bytes).map_err(failed)?;
        let group = match format::read_group(bytes) {
            Ok(group) => group,
            Err(Fault::Version(version)) => {
                return Err(LogError::Version { file: at.path.clone(), offset: *offset, version }.into());
            }
            Err(fault) => return Ok(Err(fault)),
        };
        let header = group.header;
        let checked = check_place(&header, at, *offset, *last)
            .and_then(|()| check_records(&header, group.body, last.and_then(|last| last.record_crc)));
        Ok(match checked {
            Ok((record_crc, last)) => Ok(Loaded { header, crc: group.crc, record_crc, last }),
            Err(what) => Err(Fault::Elsewhere(what)),
        })
    }

    /// Goes behind the group that was loaded, and heeds for which others it vouches.
    fn take_in(&mut self, loaded: &Loaded) {
        let Loaded { header, crc, record_crc, last } = loaded;
        let open = self.open.as_mut().expect("a segment is open");
        let (at, offset) = (open.at.clone(), open.offset);
        open.offset += header.padded_length() as u64;
        self.last = Some(Link {
            log_id: header.log_id,
            incarnation: header.incarnation,
            number: header.number,
            group_crc: *crc,
            record_crc: *record_crc,
            zxid: *last,
        });
        self.expected = header.number + 1;
        self.in_doubt.push(ReadGroup { number: header.number, crc: *crc, last: *last, at, offset });
        let before = if offset == 0 { header.number - 1 } else { 0 };
        self.vouch(header.durable.max(before));
    }

    /// Each group up to this number is durable.
    fn vouch(&mut self, number: u64) {
        self.vouched = self.vouched.max(number);
        let vouched = self.vouched;
        self.certain = self.in_doubt.settle(|group| group.number <= vouched).or(self.certain.take());
    }

    fn note_milestone(&mut self) -> Result<(), OutsideError> {
        let found = FoundMilestone::read(&self.files, &self.data_dir)?;
        let GroupNumber(number) = match found.milestone() {
            Some(milestone) if milestone.log_id == self.log_id => milestone.group,
            _ => GroupNumber(0),
        };
        self.vouch(number);
        Ok(())
    }

    /// The next group is not where it should be. Whether it is to be looked for once more, there or in the next segment.
    fn goes_on(&mut self, fault: Fault) -> Result<bool, OutsideError> {
        // Whatever vouches from here on vouches for something that is there when it is read the next time.
        self.note_milestone()?;
        let begun = self.begun()?;
        let at = self.open.as_ref().expect("a segment is open").at.clone();
        let later: Vec<Begun> = begun.into_iter().filter(|begun| begun.at.sequence > at.sequence).collect();
        if let Some(newest) = later.last().filter(|newest| newest.header.log_id == self.log_id) {
            self.vouch(newest.header.first_number.saturating_sub(1));
        }
        if self.load()?.is_ok() {
            return Ok(true);
        }
        let next = later.first().filter(|next| next.at.sequence == at.sequence + 1);
        match next {
            Some(next) if next.header.first_number == self.expected => {
                self.open = Some(self.open_segment(&next.at)?);
                return Ok(true);
            }
            Some(next) if next.header.first_number < self.expected => return Err(self.was_cut()),
            _ if self.vouched < self.expected => return Ok(false),
            _ => {}
        }
        let OpenSegment { file, offset, .. } = self.open.as_ref().expect("a segment is open");
        let links = file.link_count().map_err(|error| LogError::io("look at", &at.path, error))?;
        if links == 0 {
            return Err(was_removed(&at));
        }
        Err(OutsideError::Log(LogError::Damaged(Box::new(Damage {
            dir: self.dir.clone(),
            data_dir: (self.dir != self.data_dir).then(|| self.data_dir.clone()),
            file: at.path,
            offset: *offset,
            after: self.last.map_or(self.from, |last| last.zxid),
            evidence: format!("{fault}, but group {} was durable", self.expected),
        }))))
    }
}

fn was_removed(at: &SegmentPath) -> OutsideError {
    OutsideError::Changed(format!("the log segment {} was removed while the log was read", at.path.display()))
}

/// Whether a good group belongs where it stands, behind the `last` one if one was read; if not, why.
fn check_place(header: &Header, at: &SegmentPath, offset: u64, last: Option<Link>) -> Result<(), &'static str> {
    if !header.is_possible() {
        return Err("its numbers are none that a log can reach");
    }
    if header.sequence != at.sequence {
        return Err("it was written to another segment");
    }
    if offset == 0 && header.first_number != header.number {
        return Err("it is not the first of its segment");
    }
    let offset = usize::try_from(offset).map_err(|_| "it is beyond what a file can have")?;
    last.map_or(Ok(()), |last| last.check_next(header, offset))
}

/// Checks each record and their order behind the record with the checksum `before`, if that is known. Returns checksum and zxid
/// of the last one up to the group's end.
fn check_records(header: &Header, body: &[u8], before: Option<u32>) -> Result<(Option<u32>, Zxid), &'static str> {
    let (mut crc, mut zxid, mut count, mut rest) = (before, header.before, 0, body);
    while !rest.is_empty() {
        let record = format::read_record(&mut rest).ok_or("one of its records is not whole")?;
        if crc.is_some_and(|crc| crc != record.previous_crc) {
            return Err("one of its records does not follow the one before");
        }
        if record.zxid <= zxid || (count == 0 && record.zxid != header.first) {
            return Err("one of its records is out of order");
        }
        (crc, zxid, count) = (Some(record.crc), record.zxid, count + 1);
    }
    if count == header.records { Ok((crc, zxid)) } else { Err("it has not as many records as it says") }
}

/// Reads on from `offset` until so many bytes are there, or the file has no more.
fn read_on(file: &File, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    while bytes.len() < length {
        let have = bytes.len();
        bytes.resize(have + (length - have).min(PIECE_BYTES), 0);
        match file.read_at(&mut bytes[have..], offset + have as u64) {
            Ok(read) => {
                bytes.truncate(have + read);
                if read == 0 {
                    break;
                }
            }
            Err(error) => {
                bytes.truncate(have);
                if error.kind() != ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
