//! Reading a log, and telling a torn tail from damage.
//!
//! The scan goes from group to group and checks that each is whole and follows the one before: number, chain of
//! checksums, identity, incarnation, zxids. At the first offset where that fails, the bytes beyond decide:
//!
//! ```text
//! ... [n-1] ??? [n+1, mark n-2] 000         torn: nothing proves that n was ever durable, and some of it is zero
//! ... [n-1] ??? 000                         damage: no sector of n is zero, as a crash would leave it
//! ... [n-1] ??? [n+1] [n+2, mark n] 000     damage: n was durable when n+2 was submitted
//! ... [n-1] ???  | next segment: [m]        damage: a segment begins after all before it is durable
//! ... [n-1] 000  | next segment: [n]        the log goes on there
//! ... [n-1] 000 000 000 000 000             a clean end
//! ```
//!
//! Evidence is looked for at every sector, since the length of a bad group is not known. A client's data may contain
//! the image of a group; it cannot contain the log's random identity, which is never sent to anybody.
//!
//! Costs: every byte up to the end is read once and checksummed twice (record and group, 9 GB/s each); the zeros behind
//! the end are read once, and a segment bounds them.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::chain::Link;
use super::format::{self, Fault, Group, HEADER_BYTES, Header};
use super::segment_path::SegmentPath;
use super::{Damage, LogError};
use crate::io::sys::WRITE_UNIT_MIN;
use crate::io::{Files, Map};

/// Zeros are looked over in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// A good group.
pub(super) struct GoodGroup<'a> {
    pub segment: &'a SegmentPath,
    pub offset: u64,
    pub header: Header,
    /// The records.
    pub body: &'a [u8],
    /// Checksum of the group.
    pub crc: u32,
}

impl GoodGroup<'_> {
    /// The zxid of the last record up to the group's end.
    pub fn last_zxid(&self) -> Zxid {
        format::records(self.body).last().map_or(self.header.before, |record| record.zxid)
    }
}

/// Where the good groups end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The last good group; `None` if there is none.
    pub last: Option<Link>,
    /// The segment in which the good groups end, as an index of those that were scanned, and the offset of the end in it.
    /// Everything beyond is to be cut.
    pub segment: usize,
    pub offset: u64,
    /// The highest incarnation of all valid groups, also of those that a torn tail cuts off.
    pub incarnation: u64,
    pub torn: Option<Torn>,
}

/// What a crash left of groups that nobody was told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    pub file: PathBuf,
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from byte {} of {} on", self.bytes, self.offset, self.file.display())
    }
}

/// See the module.
pub(super) struct Scan<'a> {
    files: &'a Files,
    data_log_dir: &'a Path,
    segments: &'a [SegmentPath],
    /// The snapshot has everything up to here; `None` if nobody asks for completeness.
    after: Option<Zxid>,
    /// Groups that begin after this transaction are not read; `None` if all are.
    until: Option<Zxid>,
    /// The last good group so far.
    last: Option<Link>,
    /// The highest incarnation of the valid groups so far.
    incarnation: Cell<u64>,
}

/// Receives each good group, in order.
pub(super) type Visit<'v> = dyn FnMut(&GoodGroup<'_>) -> Result<(), LogError> + 'v;

/// How the log goes on behind the good groups of a segment.
enum Next {
    Segment,
    End { torn: Option<Torn>, segment: usize, offset: u64 },
}

impl<'a> Scan<'a> {
    pub fn new(files: &'a Files, data_log_dir: &'a Path, segments: &'a [SegmentPath], after: Option<Zxid>) -> Self {
        Scan { files, data_log_dir, segments, after, until: None, last: None, incarnation: Cell::new(0) }
    }

    /// The newest segment from which a reader learns everything after `after`.
    pub fn start(&self) -> Result<usize, LogError> {
        for at in (1..self.segments.len()).rev() {
            let map = self.map(at)?;
            match self.group(at, &map, 0)? {
                Ok(group) if group.header.before <= self.floor() => return Ok(at),
                _ => {}
            }
        }
        Ok(0)
    }

    /// Reads from a segment to the end of the log.
    pub fn run(mut self, start: usize, visit: &mut Visit<'_>) -> Result<End, LogError> {
        for at in start..self.segments.len() {
            let map = self.map(at)?;
            let (offset, fault) = self.read_segment(at, &map, visit)?;
            if at + 1 < self.segments.len() {
                self.check_sequence(at + 1)?;
            }
            if let Next::End { torn, segment, offset } = self.judge(at, &map, offset, fault)? {
                return Ok(self.end(segment, offset, torn));
            }
        }
        Ok(self.end(start, 0, None))
    }

    /// Reads one segment from its first group to the last that does not begin after `zxid`.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if the good groups end before.
    pub fn run_until(mut self, at: usize, zxid: Zxid, visit: &mut Visit<'_>) -> Result<(), LogError> {
        self.until = Some(zxid);
        let map = self.map(at)?;
        let (offset, fault) = self.read_segment(at, &map, visit)?;
        match self.last {
            Some(last) if last.zxid >= zxid => Ok(()),
            _ => Err(self.damage(&self.segments[at], offset as u64, fault.to_string())),
        }
    }

    fn end(&self, segment: usize, offset: u64, torn: Option<Torn>) -> End {
        End { last: self.last, segment, offset, incarnation: self.incarnation.get(), torn }
    }

    fn map(&self, at: usize) -> Result<Map, LogError> {
        let path = &self.segments[at].path;
        self.files.map(path).map_err(|error| LogError::io("read the log segment", path, error))
    }

    /// Segments follow each other without holes. Files without a byte do not count, since a crash leaves them, when one is made
    /// and when one is removed that nobody sees.
    fn check_sequence(&self, at: usize) -> Result<(), LogError> {
        let (before, this) = (&self.segments[at - 1], &self.segments[at]);
        if before.sequence + 1 == this.sequence || self.are_empty_from(at)? {
            return Ok(());
        }
        let missing = SegmentPath::new(this.parent(), before.sequence + 1);
        Err(self.damage(&missing, 0, format!("the file is missing, although {} exists", this.path.display())))
    }

    fn are_empty_from(&self, at: usize) -> Result<bool, LogError> {
        for segment in &self.segments[at..] {
            let found = self.files.metadata(&segment.path);
            if found.map_err(|error| LogError::io("look at", &segment.path, error))?.bytes > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Visits the good groups of a segment. Returns where they end, and why.
    fn read_segment(&mut self, at: usize, map: &Map, visit: &mut Visit<'_>) -> Result<(usize, Fault), LogError> {
        let mut offset = 0;
        loop {
            let Group { header, body, crc } = match self.group(at, map, offset)? {
                Ok(group) => group,
                Err(fault) => return Ok((offset, fault)),
            };
            if let Err(what) = self.follows(&header, offset) {
                return Ok((offset, Fault::Elsewhere(what)));
            }
            if self.until.is_some_and(|until| header.before > until) {
                return Ok((offset, Fault::Elsewhere("it begins after what is read")));
            }
            self.check_gap(at, offset, &header)?;
            let (record_crc, zxid) = self.check_records(at, offset, &header, body)?;
            visit(&GoodGroup { segment: &self.segments[at], offset: offset as u64, header, body, crc })?;
            self.incarnation.set(self.incarnation.get().max(header.incarnation));
            self.last = Some(Link {
                log_id: header.log_id,
                incarnation: header.incarnation,
                number: header.number,
                group_crc: crc,
                record_crc,
                zxid,
            });
            offset += header.padded_length();
        }
    }

    /// A group that is valid by itself and belongs to this segment.
    fn group<'m>(&self, at: usize, map: &'m Map, offset: usize) -> Result<Result<Group<'m>, Fault>, LogError> {
        let segment = &self.segments[at];
        let read = |end: usize| {
            map.read(offset..end).map_err(|unreadable| {
                self.damage(segment, unreadable.offset as u64, "the disk cannot read it".to_owned())
            })
        };
        let length = match format::claimed_length(read(offset + HEADER_BYTES)?) {
            Ok(length) => length,
            Err(fault) => return Ok(Err(fault)),
        };
        if offset + length > map.len() {
            return Ok(Err(Fault::Length));
        }
        match format::read_group(read(offset + length)?) {
            Ok(group) if !group.header.is_possible() => {
                let what = "the numbers of the group there are none that a log can reach";
                Err(self.damage(segment, offset as u64, what.to_owned()))
            }
            Ok(group) if group.header.sequence != segment.sequence => {
                Ok(Err(Fault::Elsewhere("it was written to another segment")))
            }
            Err(Fault::Version(version)) => {
                Err(LogError::Version { file: segment.path.clone(), offset: offset as u64, version })
            }
            result => Ok(result),
        }
    }

    /// Whether a valid group is the next one; if not, why.
    fn follows(&self, header: &Header, offset: usize) -> Result<(), &'static str> {
        if offset == 0 && header.first_number != header.number {
            return Err("it is not the first of its segment");
        }
        self.last.map_or(Ok(()), |last| last.check_next(header, offset))
    }

    /// A group may begin later than the one before has ended, if a snapshot has what is between.
    fn check_gap(&self, at: usize, offset: usize, header: &Header) -> Result<(), LogError> {
        let have = self.last.map_or(self.floor(), |last| last.zxid.max(self.floor()));
        if self.after.is_none() || header.before <= have {
            return Ok(());
        }
        let file = self.segments[at].path.clone();
        Err(LogError::Gap { file, offset: offset as u64, have, before: header.before })
    }

    /// Checks each record and their order. Returns the checksum and zxid of the last.
    fn check_records(
        &self,
        at: usize,
        offset: usize,
        header: &Header,
        body: &[u8],
    ) -> Result<(Option<u32>, Zxid), LogError> {
        let mut last = (self.last.and_then(|last| last.record_crc), header.before);
        let wrong = |what: String| self.damage(&self.segments[at], offset as u64, what);
        let (mut rest, mut count) = (body, 0);
        while !rest.is_empty() {
            let record = format::read_record(&mut rest)
                .ok_or_else(|| wrong(format!("record {count} of the group there is not whole")))?;
            if last.0.is_some_and(|crc| crc != record.previous_crc) {
                return Err(wrong(format!("record {count} of the group there does not follow the one before")));
            }
            if record.zxid <= last.1 || (count == 0 && record.zxid != header.first) {
                return Err(wrong(format!("record {count} of the group there is out of order: {}", record.zxid)));
            }
            last = (Some(record.crc), record.zxid);
            count += 1;
        }
        if count != header.records {
            return Err(wrong(format!("the group there has {count} records instead of {}", header.records)));
        }
        Ok(last)
    }

    /// The good groups of a segment end at `offset`: is this the end of the log, and of which kind?
    fn judge(&self, at: usize, map: &Map, offset: usize, fault: Fault) -> Result<Next, LogError> {
        if at + 1 < self.segments.len() && self.goes_on(at + 1)? {
            return Ok(Next::Segment);
        }
        self.look_for_marks(at, map, offset, fault)?;
        for later in at + 1..self.segments.len() {
            let map = self.map(later)?;
            let Some((header, offset_there)) = self.next_valid(later, &map, 0)? else { continue };
            if self.last.map_or(1, |last| last.number + 1) == header.first_number {
                return Ok(Next::Segment);
            }
            let (number, file) = (header.number, self.segments[later].path.display());
            let between: String = self.segments[at + 1..later]
                .iter()
                .map(|without| format!(", and {} at offset 0 holds none", without.path.display()))
                .collect();
            let evidence =
                format!("{fault}, but group {number} stands later, in {file} at offset {offset_there}{between}");
            return Err(self.damage(&self.segments[at], offset as u64, evidence));
        }
        self.tail(at, map, offset)
    }

    /// Whether a segment begins with exactly the next group; nothing is missing then.
    fn goes_on(&self, at: usize) -> Result<bool, LogError> {
        let map = self.map(at)?;
        let group = self.group(at, &map, 0)?;
        Ok(group.is_ok_and(|group| self.last.is_some() && self.follows(&group.header, 0).is_ok()))
    }

    /// Looks in the rest of the segment for a group that knew the missing one to be durable.
    fn look_for_marks(&self, at: usize, map: &Map, offset: usize, fault: Fault) -> Result<(), LogError> {
        let mut from = offset;
        while let Some((header, valid)) = self.next_valid(at, map, from)? {
            let missing = self.last.map_or(header.first_number, |last| last.number + 1);
            if header.number >= missing && header.durable >= missing {
                let proof = format!("group {} at offset {valid} was written when it was durable", header.number);
                let evidence = format!("{fault}, but group {missing} should be, and {proof}");
                return Err(self.damage(&self.segments[at], offset as u64, evidence));
            }
            from = valid + header.padded_length();
        }
        Ok(())
    }

    /// The first valid group of this log and of no earlier life at the offset `from` or later, and its offset.
    fn next_valid(&self, at: usize, map: &Map, from: usize) -> Result<Option<(Header, usize)>, LogError> {
        for offset in (from.next_multiple_of(WRITE_UNIT_MIN)..map.len()).step_by(WRITE_UNIT_MIN) {
            let head = map.read(offset..offset + HEADER_BYTES).unwrap_or_default();
            if !format::claimed_identity(head).is_some_and(|identity| self.is_ours(identity, at)) {
                continue;
            }
            if let Ok(Group { header, .. }) = self.group(at, map, offset)? {
                self.incarnation.set(self.incarnation.get().max(header.incarnation));
                return Ok(Some((header, offset)));
            }
        }
        Ok(None)
    }

    /// Looked at before the checksum is computed: what a client has planted must not cost time for every sector.
    fn is_ours(&self, (log_id, incarnation, sequence): (u64, u64, u64), at: usize) -> bool {
        let is_ours = |last: Link| log_id == last.log_id && incarnation >= last.incarnation;
        sequence == self.segments[at].sequence && self.last.is_none_or(is_ours)
    }

    /// Nothing was lost that was durable. Is anything there at all?
    fn tail(&self, at: usize, map: &Map, offset: usize) -> Result<Next, LogError> {
        if let Some(torn) = self.torn(at, map, offset)? {
            self.refuse_changed(at, map, offset)?;
            return Ok(Next::End { torn: Some(torn), segment: at, offset: offset as u64 });
        }
        for later in at + 1..self.segments.len() {
            let map = self.map(later)?;
            if let Some(torn) = self.torn(later, &map, 0)? {
                self.refuse_changed(later, &map, 0)?;
                // The segments between are empty and go as well: numbering goes on behind the last group.
                return Ok(Next::End { torn: Some(torn), segment: at, offset: offset as u64 });
            }
        }
        Ok(Next::End { torn: None, segment: at, offset: offset as u64 })
    }

    /// A group is written to zeros, sector by sector, so that a crash leaves some sector of it zero, and every other as it was
    /// written. One of which none is zero, or whose first sector is neither zero nor the beginning of the next group, was whole
    /// once, and has been changed since; what is in it may have been acknowledged. What an earlier life of the log has left there
    /// is nobody's: the zeros that came over it have not got to the disk.
    fn refuse_changed(&self, at: usize, map: &Map, offset: usize) -> Result<(), LogError> {
        let Ok(head) = map.read(offset..offset + WRITE_UNIT_MIN) else { return Ok(()) };
        if is_zero(head) {
            return Ok(());
        }
        let claimed = format::claimed_header(head);
        if claimed.is_some_and(|header| self.last.is_some_and(|last| last.is_of_earlier_life(&header))) {
            return Ok(());
        }
        let evidence = match claimed.filter(|header| self.may_be_next(header, at, offset)) {
            None => "what is there is not the beginning of a group, and no crash leaves that",
            Some(header) => {
                // The padding is zero in any case.
                let sectors = (offset..offset + header.length()).step_by(WRITE_UNIT_MIN);
                let mut contents = sectors.map(|sector| map.read(sector..sector + WRITE_UNIT_MIN));
                let may_be_torn =
                    contents.any(|content| content.is_ok_and(|content| content.is_empty() || is_zero(content)));
                if may_be_torn {
                    return Ok(());
                }
                "the group there has the wrong checksum, and a crash would have left zeros in it"
            }
        };
        Err(self.damage(&self.segments[at], offset as u64, evidence.to_owned()))
    }

    /// Whether a header that may be changed is as that of the next group.
    fn may_be_next(&self, header: &Header, at: usize, offset: usize) -> bool {
        header.is_possible()
            && header.sequence == self.segments[at].sequence
            && self.follows(header, offset).is_ok()
            && (header.records > 0) == (header.body_length > 0)
    }

    fn torn(&self, at: usize, map: &Map, offset: usize) -> Result<Option<Torn>, LogError> {
        let mut last = None;
        for start in (offset..map.len()).step_by(PIECE_BYTES) {
            let piece = map.read(start..start + PIECE_BYTES).map_err(|unreadable| {
                self.damage(&self.segments[at], unreadable.offset as u64, "the disk cannot read it".to_owned())
            })?;
            if !is_zero(piece) {
                last = piece.iter().rposition(|byte| *byte != 0).map(|index| start + index);
            }
        }
        let bytes = |last: usize| (last + 1 - offset) as u64;
        let file = &self.segments[at].path;
        Ok(last.map(|last| Torn { file: file.clone(), offset: offset as u64, bytes: bytes(last) }))
    }

    fn floor(&self) -> Zxid {
        self.after.unwrap_or_default()
    }

    fn damage(&self, segment: &SegmentPath, offset: u64, evidence: String) -> LogError {
        LogError::Damaged(Box::new(Damage {
            dir: self.data_log_dir.to_owned(),
            data_dir: None,
            file: segment.path.clone(),
            offset,
            after: self.last.map_or(self.floor(), |last| last.zxid),
            evidence,
        }))
    }
}

/// Whether all bytes are zero. Lines are looked at whole, without a branch for each byte.
fn is_zero(piece: &[u8]) -> bool {
    piece.chunks(64).all(|line| line.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_not_zero() {
        let mut piece = vec![0; 1000];
        assert!(is_zero(&piece) && is_zero(&[]));
        for at in [0, 1, 63, 64, 500, 999] {
            piece[at] = 1;
            assert!(!is_zero(&piece), "{at}");
            piece[at] = 0;
        }
    }

    #[test]
    fn a_segment_begins_with_its_first_group() {
        let header = Header {
            unit_log2: 12,
            body_length: 0,
            records: 0,
            log_id: 9,
            incarnation: 1,
            sequence: 3,
            first_number: 5,
            number: 5,
            durable: 4,
            before: Zxid(40),
            first: Zxid(40),
            previous_crc: 77,
        };
        let scan = Scan::new(&Files::Real, Path::new("/"), &[], None);
        assert_eq!(scan.follows(&header, 0), Ok(()));
        let other = Header { number: 6, ..header };
        assert!(scan.follows(&other, 0).is_err());
        assert_eq!(scan.follows(&other, 4096), Ok(()), "nothing is known of the group before");
    }
}
