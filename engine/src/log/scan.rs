//! Reading a log, and telling a torn tail from damage.
//!
//! The scan goes from group to group and checks that each is whole and follows the one before: number, chain of
//! checksums, identity, incarnation, zxids. At the first place where that fails, the bytes beyond decide:
//!
//! ```text
//! ... [n-1] ??? [n+1, mark n-2] 000         torn: nothing proves that n was ever durable
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
use std::path::Path;

use paddock_consensus::Zxid;

use super::format::{self, Fault, Group, HEADER_BYTES, Header};
use super::segment::SegmentPath;
use super::{Damage, LogError};
use crate::io::Map;
use crate::io::sys::WRITE_UNIT_MIN;

/// Zeros are looked over in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// What is known after a good group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chain {
    pub log_id: u64,
    pub incarnation: u64,
    /// Of the last group.
    pub number: u64,
    pub group_crc: u32,
    /// Of the last record; `None` if none was seen.
    pub record_crc: Option<u32>,
    /// Of the last record, or what the log's first group says is before it.
    pub zxid: Zxid,
}

/// A good group.
pub(super) struct Found<'a> {
    pub segment: &'a SegmentPath,
    pub offset: u64,
    pub header: Header,
    pub body: &'a [u8],
}

/// Where the good groups end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// `None` if there is no good group.
    pub chain: Option<Chain>,
    /// Which segment, and where in it; everything beyond is to be cut.
    pub segment: usize,
    pub offset: u64,
    /// The highest of all valid groups, also of those that a torn tail cuts off.
    pub incarnation: u64,
    pub torn: Option<Torn>,
}

/// What a crash left of groups that nobody was told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    pub file: std::path::PathBuf,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// From there to the last byte that is not zero.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from byte {} of {} on", self.bytes, self.offset, self.file.display())
    }
}

/// See the module.
pub(super) struct Scan<'a> {
    pub data_log_dir: &'a Path,
    pub segments: &'a [SegmentPath],
    /// The snapshot has everything up to here; `None` if nobody asks for completeness.
    pub after: Option<Zxid>,
    chain: Option<Chain>,
    incarnation: Cell<u64>,
}

/// Receives each good group, in order.
pub(super) type Visit<'v> = dyn FnMut(&Found<'_>) -> Result<(), LogError> + 'v;

/// How the log goes on behind the good groups of a segment.
enum Next {
    Segment,
    End { torn: Option<Torn>, segment: usize, offset: u64 },
}

impl<'a> Scan<'a> {
    pub fn new(data_log_dir: &'a Path, segments: &'a [SegmentPath], after: Option<Zxid>) -> Self {
        Scan { data_log_dir, segments, after, chain: None, incarnation: Cell::new(0) }
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

    fn end(&self, segment: usize, offset: u64, torn: Option<Torn>) -> End {
        End { chain: self.chain, segment, offset, incarnation: self.incarnation.get(), torn }
    }

    fn map(&self, at: usize) -> Result<Map, LogError> {
        let path = &self.segments[at].path;
        Map::open(path).map_err(|error| LogError::io("read the log segment", path, error))
    }

    /// Segments follow each other without holes.
    fn check_sequence(&self, at: usize) -> Result<(), LogError> {
        let (before, this) = (&self.segments[at - 1], &self.segments[at]);
        if before.sequence + 1 == this.sequence {
            return Ok(());
        }
        let directory = this.path.parent().expect("a segment lies in a directory");
        let missing = SegmentPath::new(directory, before.sequence + 1);
        Err(self.damage(&missing, 0, format!("the file is missing, although {} exists", this.path.display())))
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
                return Ok((offset, Fault::Place(what)));
            }
            self.check_gap(at, offset, &header)?;
            let (record_crc, zxid) = self.check_records(at, offset, &header, body)?;
            visit(&Found { segment: &self.segments[at], offset: offset as u64, header, body })?;
            self.incarnation.set(self.incarnation.get().max(header.incarnation));
            self.chain = Some(Chain {
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
                Ok(Err(Fault::Place("it was written to another segment")))
            }
            Err(Fault::Version(version)) => {
                Err(LogError::Version { file: segment.path.clone(), offset: offset as u64, version })
            }
            result => Ok(result),
        }
    }

    /// Whether a valid group is the next one.
    fn follows(&self, header: &Header, offset: usize) -> Result<(), &'static str> {
        if offset == 0 && header.first_number != header.number {
            return Err("it is not the first of its segment");
        }
        let Some(chain) = &self.chain else { return Ok(()) };
        if header.log_id != chain.log_id {
            return Err("it was written to another log");
        }
        if header.number != chain.number + 1 {
            return Err("its number does not follow");
        }
        if header.previous_crc != chain.group_crc {
            return Err("another group was before it");
        }
        let same_life = header.incarnation == chain.incarnation;
        if !same_life && (offset > 0 || header.incarnation < chain.incarnation) {
            return Err("it is of another life of the log");
        }
        if header.before < chain.zxid { Err("its transactions are older than those before it") } else { Ok(()) }
    }

    /// A group may begin later than the one before has ended, if a snapshot has what is between.
    fn check_gap(&self, at: usize, offset: usize, header: &Header) -> Result<(), LogError> {
        let have = self.chain.map_or(self.floor(), |chain| chain.zxid.max(self.floor()));
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
        let mut last = (self.chain.and_then(|chain| chain.record_crc), header.before);
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
            let found = self.map(later)?;
            let Some((header, place)) = self.next_valid(later, &found, 0)? else { continue };
            if self.chain.map_or(1, |chain| chain.number + 1) == header.first_number {
                return Ok(Next::Segment);
            }
            let evidence = format!("{fault}, but group {} stands later, in {} at offset {place}", header.number, {
                self.segments[later].path.display()
            });
            return Err(self.damage(&self.segments[at], offset as u64, evidence));
        }
        self.tail(at, map, offset)
    }

    /// Whether a segment begins with exactly the next group; nothing is missing then.
    fn goes_on(&self, at: usize) -> Result<bool, LogError> {
        let map = self.map(at)?;
        let group = self.group(at, &map, 0)?;
        Ok(group.is_ok_and(|group| self.chain.is_some() && self.follows(&group.header, 0).is_ok()))
    }

    /// Looks in the rest of the segment for a group that knew the missing one to be durable.
    fn look_for_marks(&self, at: usize, map: &Map, offset: usize, fault: Fault) -> Result<(), LogError> {
        let mut place = offset;
        while let Some((header, found)) = self.next_valid(at, map, place)? {
            let missing = self.chain.map_or(header.first_number, |chain| chain.number + 1);
            if header.number >= missing && header.durable >= missing {
                let proof = format!("group {} at offset {found} was written when it was durable", header.number);
                let evidence = format!("{fault}, but group {missing} should be, and {proof}");
                return Err(self.damage(&self.segments[at], offset as u64, evidence));
            }
            place = found + header.padded_length();
        }
        Ok(())
    }

    /// The first valid group of this log and of no earlier life from `place` on, and where it is.
    fn next_valid(&self, at: usize, map: &Map, place: usize) -> Result<Option<(Header, usize)>, LogError> {
        for offset in (place.next_multiple_of(WRITE_UNIT_MIN)..map.len()).step_by(WRITE_UNIT_MIN) {
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
        let ours = |chain: &Chain| log_id == chain.log_id && incarnation >= chain.incarnation;
        sequence == self.segments[at].sequence && self.chain.as_ref().is_none_or(ours)
    }

    /// Nothing was lost that was durable. Is anything there at all?
    fn tail(&self, at: usize, map: &Map, offset: usize) -> Result<Next, LogError> {
        if let Some(torn) = self.torn(at, map, offset)? {
            return Ok(Next::End { torn: Some(torn), segment: at, offset: offset as u64 });
        }
        for later in at + 1..self.segments.len() {
            if let Some(torn) = self.torn(later, &self.map(later)?, 0)? {
                // The segments between are empty and go as well: numbering goes on behind the last group.
                return Ok(Next::End { torn: Some(torn), segment: at, offset: offset as u64 });
            }
        }
        Ok(Next::End { torn: None, segment: at, offset: offset as u64 })
    }

    fn torn(&self, at: usize, map: &Map, offset: usize) -> Result<Option<Torn>, LogError> {
        let mut last = None;
        for start in (offset..map.len()).step_by(PIECE_BYTES) {
            let piece = map.read(start..start + PIECE_BYTES).map_err(|unreadable| {
                self.damage(&self.segments[at], unreadable.offset as u64, "the disk cannot read it".to_owned())
            })?;
            if !is_zero(piece) {
                last = piece.iter().rposition(|byte| *byte != 0).map(|place| start + place);
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
            after: self.chain.map_or(self.floor(), |chain| chain.zxid),
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
    fn a_group_must_follow_in_every_respect() {
        let chain = Chain { log_id: 9, incarnation: 2, number: 6, group_crc: 77, record_crc: Some(5), zxid: Zxid(40) };
        let next = Header {
            unit_log2: 12,
            body_length: 0,
            records: 0,
            log_id: 9,
            incarnation: 2,
            sequence: 3,
            first_number: 5,
            number: 7,
            durable: 6,
            before: Zxid(40),
            first: Zxid(41),
            previous_crc: 77,
        };
        let scan = Scan { chain: Some(chain), ..Scan::new(Path::new("/"), &[], Some(Zxid::ZERO)) };
        assert_eq!(scan.follows(&next, 4096), Ok(()));
        let first = Header { first_number: 7, incarnation: 5, ..next };
        assert_eq!(scan.follows(&first, 0), Ok(()), "a segment may begin another life");
        for (other, offset) in [
            (Header { log_id: 8, ..next }, 4096),
            (Header { number: 8, ..next }, 4096),
            (Header { number: 6, ..next }, 4096),
            (Header { previous_crc: 78, ..next }, 4096),
            (Header { incarnation: 3, ..next }, 4096),
            (Header { incarnation: 1, ..next }, 4096),
            (Header { before: Zxid(39), ..next }, 4096),
            (next, 0),
            (Header { incarnation: 1, ..first }, 0),
        ] {
            assert!(scan.follows(&other, offset).is_err(), "{other:?} at {offset}");
        }
    }
}
