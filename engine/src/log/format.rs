//! The bytes of groups and records. `FORMAT.md` has the tables; a test compares it with the constants here.

use std::fmt;

use paddock_consensus::Zxid;

use crate::io::sys::{WRITE_UNIT_MAX, WRITE_UNIT_MIN};

pub(super) const MAGIC: [u8; 8] = *b"PADDOCKG";
pub(super) const VERSION: u8 = 1;
pub(super) const HEADER_BYTES: usize = 96;
pub(super) const RECORD_HEADER_BYTES: usize = 20;

/// The largest payload of a record.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// The largest group with its header: what the length field of a write holds, less the padding.
pub const GROUP_BYTES_MAX: usize = 1 << 30;

/// No number of a group, life or segment is larger, so that the next one always exists: no log lives that long.
pub(super) const COUNT_MAX: u64 = u64::MAX / 2;

const CRC_AT: usize = 8;
const VERSION_AT: usize = 12;

/// A group's header, without the checksum over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub unit_log2: u8,
    pub body_length: u32,
    pub records: u32,
    pub log_id: u64,
    pub incarnation: u64,
    pub sequence: u64,
    pub first_number: u64,
    pub number: u64,
    pub durable: u64,
    pub before: Zxid,
    pub first: Zxid,
    pub previous_crc: u32,
}

/// Why bytes are not the group that should stand there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The file ends, or all is zero.
    Nothing,
    /// Not even the magic.
    Magic,
    /// The checksum is right, but a newer Paddock wrote it.
    Version(u8),
    Length,
    Checksum,
    /// A valid group that belongs elsewhere, and how one knows.
    Elsewhere(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Nothing => f.write_str("nothing is written there"),
            Fault::Magic => f.write_str("the bytes there are not the beginning of a group"),
            Fault::Version(version) => write!(f, "the group there has the unknown format {version}"),
            Fault::Length => f.write_str("the group there is longer than the file"),
            Fault::Checksum => f.write_str("the checksum of the group there is wrong"),
            Fault::Elsewhere(what) => write!(f, "the group there does not belong there: {what}"),
        }
    }
}

/// The bytes that a group takes of so many records with `payload` bytes each, with its padding to a multiple of `unit`.
pub fn group_bytes(records: u64, payload: u64, unit: u64) -> u64 {
    (HEADER_BYTES as u64 + records * (RECORD_HEADER_BYTES as u64 + payload)).next_multiple_of(unit)
}

impl Header {
    /// The bytes of a group without records that begins a segment, behind this transaction.
    #[cfg(test)]
    pub fn alone(sequence: u64, before: Zxid) -> Vec<u8> {
        let header = Header {
            unit_log2: 12,
            body_length: 0,
            records: 0,
            log_id: 1,
            incarnation: 1,
            sequence,
            first_number: sequence,
            number: sequence,
            durable: 0,
            before,
            first: Zxid(before.0 + 1),
            previous_crc: 0,
        };
        let mut group = vec![0; HEADER_BYTES];
        header.seal(&mut group);
        group
    }

    /// Bytes of header and records.
    pub fn length(&self) -> usize {
        HEADER_BYTES + self.body_length as usize
    }

    /// Bytes up to the next group.
    pub fn padded_length(&self) -> usize {
        self.length().next_multiple_of(1 << self.unit_log2)
    }

    /// Whether a log can have come to these numbers. A checksum does not say so: it tells what was written, not by whom.
    pub fn is_possible(&self) -> bool {
        (1..=COUNT_MAX).contains(&self.number) && self.incarnation <= COUNT_MAX
    }

    /// Writes the header in front of the records that stand behind it in `group`, and returns the checksum of both.
    pub fn seal(&self, group: &mut [u8]) -> u32 {
        assert_eq!(group.len(), self.length(), "the header tells the length of its group");
        group[..HEADER_BYTES].copy_from_slice(&self.bytes());
        let crc = crc32c::crc32c(group);
        group[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC);
        put(12, &[VERSION, self.unit_log2]);
        put(16, &self.body_length.to_le_bytes());
        put(20, &self.records.to_le_bytes());
        put(24, &self.log_id.to_le_bytes());
        put(32, &self.incarnation.to_le_bytes());
        put(40, &self.sequence.to_le_bytes());
        put(48, &self.first_number.to_le_bytes());
        put(56, &self.number.to_le_bytes());
        put(64, &self.durable.to_le_bytes());
        put(72, &self.before.0.to_le_bytes());
        put(80, &self.first.0.to_le_bytes());
        put(88, &self.previous_crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the first of `bytes`, and the checksum that it claims for its group. That has not been looked at:
    /// nothing of this is certain.
    pub fn read(bytes: &[u8]) -> Result<(Header, u32), Fault> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>().ok_or(Fault::Nothing)?;
        if bytes[..8] != MAGIC {
            return Err(if bytes.iter().all(|byte| *byte == 0) { Fault::Nothing } else { Fault::Magic });
        }
        let header = Header {
            unit_log2: bytes[13],
            body_length: u32_at(bytes, 16),
            records: u32_at(bytes, 20),
            log_id: u64_at(bytes, 24),
            incarnation: u64_at(bytes, 32),
            sequence: u64_at(bytes, 40),
            first_number: u64_at(bytes, 48),
            number: u64_at(bytes, 56),
            durable: u64_at(bytes, 64),
            before: Zxid(u64_at(bytes, 72) as i64),
            first: Zxid(u64_at(bytes, 80) as i64),
            previous_crc: u32_at(bytes, 88),
        };
        let units = WRITE_UNIT_MIN.ilog2()..=WRITE_UNIT_MAX.ilog2();
        // A bit flip here must not make a shift overflow; the checksum would have found it, but comes later.
        if !units.contains(&u32::from(header.unit_log2)) || header.length() > GROUP_BYTES_MAX {
            return Err(Fault::Checksum);
        }
        Ok((header, u32_at(bytes, CRC_AT)))
    }
}

/// The checksum of the header at the first of `bytes`, to which that of its records is appended to give the group's.
pub(super) fn header_sum(bytes: &[u8]) -> u32 {
    let zeroed = crc32c::crc32c_append(crc32c::crc32c(&bytes[..CRC_AT]), &[0; 4]);
    crc32c::crc32c_append(zeroed, &bytes[CRC_AT + 4..HEADER_BYTES])
}

/// The length of the group that claims to begin with these bytes, so that a reader knows how much to bring in.
pub(super) fn claimed_length(bytes: &[u8]) -> Result<usize, Fault> {
    Header::read(bytes).map(|(header, _)| header.length())
}

/// What claims to be the header of a group; `None` if it cannot be one.
pub(super) fn claimed_header(bytes: &[u8]) -> Option<Header> {
    Header::read(bytes).ok().map(|(header, _)| header)
}

/// Identity of the log, incarnation and sequence in what claims to be the beginning of a group.
pub(super) fn claimed_identity(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let (header, _) = Header::read(bytes).ok()?;
    Some((header.log_id, header.incarnation, header.sequence))
}

/// A group whose checksum is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Group<'a> {
    pub header: Header,
    /// The records.
    pub body: &'a [u8],
    pub crc: u32,
}

/// Reads a group that begins at the first of `bytes`.
pub(super) fn read_group(bytes: &[u8]) -> Result<Group<'_>, Fault> {
    let (header, claimed) = Header::read(bytes)?;
    let (head, body) = bytes.get(..header.length()).ok_or(Fault::Length)?.split_at(HEADER_BYTES);
    if crc32c::crc32c_append(header_sum(head), body) != claimed {
        return Err(Fault::Checksum);
    }
    if head[VERSION_AT] != VERSION {
        return Err(Fault::Version(head[VERSION_AT]));
    }
    Ok(Group { header, body, crc: claimed })
}

/// Writes a record's header in front of the payload that stands behind it in `record`, and returns its checksum.
pub(super) fn seal_record(record: &mut [u8], zxid: Zxid, previous_crc: u32) -> u32 {
    let length = record.len() - RECORD_HEADER_BYTES;
    assert!(
        length <= RECORD_BYTES_MAX,
        "a transaction of {length} bytes exceeds the log's limit of {RECORD_BYTES_MAX}"
    );
    record[8..16].copy_from_slice(&zxid.0.to_le_bytes());
    record[16..20].copy_from_slice(&previous_crc.to_le_bytes());
    let crc = crc32c::crc32c(&record[8..]);
    record[..4].copy_from_slice(&(length as u32).to_le_bytes());
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    crc
}

/// One transaction as it stands in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub zxid: Zxid,
    pub payload: &'a [u8],
    pub crc: u32,
    pub previous_crc: u32,
}

/// Bytes of the record, with its header, that claims to begin with these bytes; `None` if they are too few.
pub(super) fn claimed_record_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
    (u32_at(head, 0) as usize).checked_add(RECORD_HEADER_BYTES)
}

/// Splits the first record off the body of a group; `None` if it is cut off or its checksum is wrong.
pub(super) fn read_record<'a>(body: &mut &'a [u8]) -> Option<Record<'a>> {
    let head = body.first_chunk::<RECORD_HEADER_BYTES>()?;
    let length = u32_at(head, 0) as usize;
    let (record, rest) = body.split_at_checked(RECORD_HEADER_BYTES.checked_add(length)?)?;
    let crc = u32_at(head, 4);
    if crc32c::crc32c(&record[8..]) != crc {
        return None;
    }
    *body = rest;
    let (zxid, previous_crc) = (Zxid(u64_at(head, 8) as i64), u32_at(head, 16));
    Some(Record { zxid, payload: &record[RECORD_HEADER_BYTES..], crc, previous_crc })
}

/// The records of a group's body, up to its end or to the first that is not whole.
pub(super) fn records(mut body: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || read_record(&mut body))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the offset lies within a header"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the offset lies within a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_takes_header_records_and_padding() {
        assert_eq!(group_bytes(1, 200, 512), 512);
        assert_eq!(group_bytes(18, 200, 4096), 4096, "96 and 18 times 220 bytes are 4,056");
        assert_eq!(group_bytes(19, 200, 4096), 8192);
        let header = Header { body_length: 3 * 220, ..header() };
        assert_eq!(group_bytes(3, 200, 1 << header.unit_log2), header.padded_length() as u64);
    }

    fn header() -> Header {
        Header {
            unit_log2: 12,
            body_length: 23,
            records: 1,
            log_id: 0x1111_2222_3333_4444,
            incarnation: 3,
            sequence: 5,
            first_number: 7,
            number: 9,
            durable: 8,
            before: Zxid(0x1_0000_0001),
            first: Zxid(0x2_0000_0001),
            previous_crc: 0xaabb_ccdd,
        }
    }

    fn group() -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES + 23];
        bytes[HEADER_BYTES + RECORD_HEADER_BYTES..].copy_from_slice(b"abc");
        seal_record(&mut bytes[HEADER_BYTES..], Zxid(0x2_0000_0001), 0x77);
        header().seal(&mut bytes);
        bytes
    }

    #[test]
    fn a_group_reads_as_it_was_written() {
        let bytes = group();
        let Group { header: read, mut body, .. } = read_group(&bytes).unwrap();
        assert_eq!(read, header());
        let record = read_record(&mut body).unwrap();
        assert_eq!((record.zxid, record.payload, record.previous_crc), (Zxid(0x2_0000_0001), &b"abc"[..], 0x77));
        assert!(body.is_empty());
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let good = group();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read_group(&bytes).is_err(), "bit {bit}");
        }
        for end in 0..good.len() {
            assert!(read_group(&good[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let mut bytes = group();
        bytes[12] = 2;
        bytes[CRC_AT..CRC_AT + 4].fill(0);
        let crc = crc32c::crc32c(&bytes);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(read_group(&bytes), Err(Fault::Version(2)));
    }

    /// The rows of a table of the document below a heading: offset, bytes, text.
    fn rows(heading: &str) -> Vec<(usize, usize, &'static str)> {
        let document = include_str!("FORMAT.md");
        let (_, section) = document.split_once(heading).unwrap();
        let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        lines
            .skip(2)
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                (cells[1].parse().unwrap(), cells[2].parse().unwrap_or(0), cells[3])
            })
            .collect()
    }

    #[test]
    fn the_document_tells_the_truth() {
        let fields = rows("## Group header, 96 bytes");
        let mut at = 0;
        for (offset, bytes, _) in &fields {
            assert_eq!(*offset, at);
            at += bytes;
        }
        assert_eq!(at, HEADER_BYTES);
        let expected: [(&str, u64); 12] = [
            ("format version", u64::from(VERSION)),
            ("binary logarithm", 12),
            ("length of the records", 23),
            ("number of records", 1),
            ("identity", 0x1111_2222_3333_4444),
            ("incarnation", 3),
            ("sequence", 5),
            ("number of the first group", 7),
            ("number of the group", 9),
            ("durable mark", 8),
            ("zxid before", 0x1_0000_0001),
            ("CRC32C field of the group before", 0xaabb_ccdd),
        ];
        let bytes = group();
        for (name, value) in expected {
            let (offset, width, _) = fields.iter().find(|(_, _, text)| text.starts_with(name)).expect(name);
            let mut field = [0; 8];
            field[..*width].copy_from_slice(&bytes[*offset..offset + width]);
            assert_eq!(u64::from_le_bytes(field), value, "{name}");
        }
        let fields = rows("## Record, 20 bytes");
        assert_eq!(fields.last().unwrap().0, RECORD_HEADER_BYTES);
        assert_eq!(fields.iter().map(|(offset, _, _)| *offset).collect::<Vec<_>>(), [0, 4, 8, 16, 20]);
        assert!(include_str!("FORMAT.md").contains(std::str::from_utf8(&MAGIC).unwrap()));
    }
}
