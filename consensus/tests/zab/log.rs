//! A server's log: a base, the records after it, and how many of them a power cut leaves.

use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::{History, Zxid};

use crate::random::mix;

/// A transaction as a log holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub zxid: Zxid,
    /// What it is, a number of its own for each that is proposed: two leaders may give one zxid to different transactions.
    pub payload: u64,
    /// Stands for the state after it, and so for everything up to here.
    pub digest: u64,
    /// Of a reconfiguration.
    pub change: Option<Arc<Config>>,
}

/// The place of a transaction in a history: two histories with one point in common are the same up to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Point {
    pub zxid: Zxid,
    pub digest: u64,
}

impl Point {
    pub const START: Point = Point { zxid: Zxid::ZERO, digest: 0 };
}

impl Record {
    pub fn after(last: Point, zxid: Zxid, payload: u64, change: Option<Arc<Config>>) -> Record {
        let digest = mix(last.digest ^ mix(zxid.0 as u64 ^ mix(payload)));
        Record { zxid, payload, digest, change }
    }

    pub fn point(&self) -> Point {
        Point { zxid: self.zxid, digest: self.digest }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    base: Point,
    records: Vec<Record>,
    /// So many records are durable.
    durable: usize,
}

impl Log {
    pub fn new(base: Point) -> Log {
        Log { base, records: Vec::new(), durable: 0 }
    }

    pub fn base(&self) -> Point {
        self.base
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub fn last(&self) -> Point {
        self.records.last().map_or(self.base, Record::point)
    }

    pub fn durable_last(&self) -> Point {
        self.durable.checked_sub(1).map_or(self.base, |place| self.records[place].point())
    }

    /// The newest configuration that a durable record brings.
    pub fn newest_change(&self) -> Option<&Arc<Config>> {
        self.records[..self.durable].iter().rev().find_map(|record| record.change.as_ref())
    }

    /// How many records are not durable.
    pub fn pending(&self) -> usize {
        self.records.len() - self.durable
    }

    /// # Panics
    /// If it leaves a gap.
    pub fn append(&mut self, record: Record) {
        let last = self.last();
        let follows = last.zxid.next() == Some(record.zxid)
            || (record.zxid.epoch() > last.zxid.epoch() && record.zxid == Zxid::first_of(record.zxid.epoch()));
        assert!(follows, "(6) {} leaves a gap behind {}", record.zxid, last.zxid);
        let same = Record::after(last, record.zxid, record.payload, None).digest == record.digest;
        assert!(same, "(2) {} is not a transaction of this history, which ends with {last:?}", record.zxid);
        self.records.push(record);
    }

    /// The point of this zxid, if it is here or is the base.
    pub fn point(&self, zxid: Zxid) -> Option<Point> {
        match self.records.binary_search_by_key(&zxid, |record| record.zxid) {
            Ok(place) => Some(self.records[place].point()),
            Err(_) => (self.base.zxid == zxid).then_some(self.base),
        }
    }

    /// The records after `from` and up to `to`.
    pub fn between(&self, from: Zxid, to: Zxid) -> &[Record] {
        let place = |zxid: Zxid| self.records.partition_point(|record| record.zxid <= zxid);
        let begin = place(from).min(place(to));
        &self.records[begin..place(to)]
    }

    /// Makes everything up to here durable.
    pub fn sync(&mut self, to: Zxid) {
        let durable = self.records.partition_point(|record| record.zxid <= to);
        self.durable = self.durable.max(durable);
    }

    /// A power cut: of what is not durable so many records are left.
    pub fn lose_all_but(&mut self, kept: usize) {
        self.records.truncate(self.durable + kept);
        self.durable = self.records.len();
    }

    /// What comes after `last` goes, durably; whether `last` was here.
    pub fn cut_after(&mut self, last: Zxid) -> bool {
        if self.point(last).is_none() {
            return false;
        }
        self.records.retain(|record| record.zxid <= last);
        self.durable = self.records.len();
        true
    }

    /// What is up to here is in a snapshot only, from now on.
    pub fn forget_up_to(&mut self, zxid: Zxid) {
        let base = self.point(zxid).expect("a snapshot is of a transaction that is here");
        let forgotten = self.records.partition_point(|record| record.zxid <= zxid);
        self.records.drain(..forgotten);
        self.durable = self.durable.saturating_sub(forgotten);
        self.base = base;
    }

    /// The zxids of what is durable.
    pub fn history(&self) -> History {
        let mut history = History::new(self.base.zxid);
        self.records[..self.durable].iter().for_each(|record| history.push(record.zxid));
        history
    }
}
