//! How a group shows that it follows the one before.
//!
//! A group names its log, the log's opening, its own number, and the checksum of the group before; a record carries the
//! checksum of the record before. A reader compares these ([`Link`]), and the writer hands them on ([`Chain`]).

use std::sync::Arc;

use paddock_consensus::Zxid;

use super::LogError;
use super::current::Current;
use super::format::{HEADER_BYTES, Header};
use super::group::{GroupBuffer, GroupNumber};
use crate::io::Files;

/// What is known after a good group, for the next one to be compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    /// Identity of the log.
    pub log_id: u64,
    pub incarnation: u64,
    /// Number of the group.
    pub number: u64,
    /// Checksum of the group.
    pub group_crc: u32,
    /// Checksum of the last record; `None` if no record was seen.
    pub record_crc: Option<u32>,
    /// The zxid of the last record, or what the first group that was seen says is before it.
    pub zxid: Zxid,
}

impl Link {
    /// Whether a header was written by a life of this log before the one of this group.
    pub fn is_of_earlier_life(&self, header: &Header) -> bool {
        header.log_id == self.log_id && header.incarnation < self.incarnation
    }

    /// Whether a valid group at this offset of its segment is the next one; if not, why.
    pub fn check_next(&self, header: &Header, offset: usize) -> Result<(), &'static str> {
        if header.log_id != self.log_id {
            return Err("it was written to another log");
        }
        if header.number != self.number + 1 {
            return Err("its number does not follow");
        }
        if header.previous_crc != self.group_crc {
            return Err("another group was before it");
        }
        let same_life = header.incarnation == self.incarnation;
        if !same_life && (offset > 0 || header.incarnation < self.incarnation) {
            return Err("it is of another life of the log");
        }
        if header.before < self.zxid { Err("its transactions are older than those before it") } else { Ok(()) }
    }
}

/// What the writer's next record and next group have to follow.
pub(super) struct Chain {
    /// Identity of the log.
    log_id: u64,
    incarnation: u64,
    /// Number of the last submitted group, 0 before the first of the log.
    number: u64,
    /// Checksum of that group.
    group_crc: u32,
    submitted: LastRecord,
    appended: LastRecord,
}

/// The last record up to some point of the log.
#[derive(Clone, Copy)]
struct LastRecord {
    zxid: Zxid,
    /// Checksum of the record, 0 if there is none.
    crc: u32,
}

impl Chain {
    /// Goes on after `last`, the last good group if there is one, and after the transaction `zxid`, which a snapshot may
    /// have and the log not.
    pub fn new(log_id: u64, incarnation: u64, last: Option<Link>, zxid: Zxid) -> Chain {
        let record = LastRecord { zxid, crc: last.and_then(|last| last.record_crc).unwrap_or(0) };
        Chain {
            log_id,
            incarnation,
            number: last.map_or(0, |last| last.number),
            group_crc: last.map_or(0, |last| last.group_crc),
            submitted: record,
            appended: record,
        }
    }

    /// Identity of the log.
    pub fn log_id(&self) -> u64 {
        self.log_id
    }

    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Number of the last submitted group.
    pub fn group(&self) -> GroupNumber {
        GroupNumber(self.number)
    }

    /// The zxid of the last submitted record.
    pub fn submitted(&self) -> Zxid {
        self.submitted.zxid
    }

    /// The zxid of the last appended record.
    pub fn appended(&self) -> Zxid {
        self.appended.zxid
    }

    /// Checksum of the last appended record.
    pub fn record_crc(&self) -> u32 {
        self.appended.crc
    }

    /// A record has been encoded behind the others.
    pub fn append(&mut self, zxid: Zxid, crc: u32) {
        self.appended = LastRecord { zxid, crc };
    }

    /// What has been appended and not been submitted is given up.
    pub fn give_up(&mut self) {
        self.appended = self.submitted;
    }

    /// The header of the next group, which goes to the end of `current`. `durable` is the newest group that is known to be.
    pub fn header(&self, filling: &GroupBuffer, current: &Current, durable: GroupNumber) -> Header {
        let number = self.number + 1;
        let records = filling.records();
        Header {
            unit_log2: current.unit_log2(),
            body_length: u32::try_from(filling.length() - HEADER_BYTES).expect("below 1 GiB"),
            records,
            log_id: self.log_id,
            incarnation: self.incarnation,
            sequence: current.sequence(),
            first_number: current.first_number(number),
            number,
            durable: durable.0,
            before: self.submitted.zxid,
            first: if records == 0 { self.submitted.zxid } else { filling.first() },
            previous_crc: self.group_crc,
        }
    }

    /// The group with this header and checksum is the last one now, and has all that was appended.
    pub fn submit(&mut self, header: &Header, crc: u32) {
        (self.number, self.group_crc, self.submitted) = (header.number, crc, self.appended);
    }
}

/// The identity of a new log, which nobody can guess, unless its files are simulated. An error says that the system has no
/// randomness.
pub(super) fn new_log_id(files: &Files) -> Result<u64, LogError> {
    match files {
        Files::Real | Files::Private => {
            getrandom::u64().map_err(|error| LogError::Identity { source: Arc::new(error.into()) })
        }
        Files::Simulated(machine) => Ok(machine.draw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_must_follow_in_every_respect() {
        let link = Link { log_id: 9, incarnation: 2, number: 6, group_crc: 77, record_crc: Some(5), zxid: Zxid(40) };
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
        assert_eq!(link.check_next(&next, 4096), Ok(()));
        let first = Header { first_number: 7, incarnation: 5, ..next };
        assert_eq!(link.check_next(&first, 0), Ok(()), "a segment may begin another life");
        for (other, offset) in [
            (Header { log_id: 8, ..next }, 4096),
            (Header { number: 8, ..next }, 4096),
            (Header { number: 6, ..next }, 4096),
            (Header { previous_crc: 78, ..next }, 4096),
            (Header { incarnation: 3, ..next }, 4096),
            (Header { incarnation: 1, ..next }, 4096),
            (Header { before: Zxid(39), ..next }, 4096),
            (Header { incarnation: 1, ..first }, 0),
        ] {
            assert!(link.check_next(&other, offset).is_err(), "{other:?} at {offset}");
        }
    }
}
