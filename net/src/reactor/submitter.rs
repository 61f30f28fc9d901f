//! What a reactor asks of the replica: a turn's requests go into one submission, and that into the queue.
//!
//! While the queue is full the submission stays here. Once it is full as well, nothing is decoded that would add to it:
//! the connections whose next request finds no room are *starved*, and are served again when there is some.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::exchange::{ConnectionId, Exchange, Heard, Request, Submission};
use crate::slots::SlotList;

/// A full queue is tried again after this at first.
pub const RETRY: Duration = Duration::from_millis(1);
/// Then it is tried ever more seldom: each time after this part of the time that it has been full.
const RETRY_PART: u32 = 8;
/// It is tried again after no more than this.
pub const RETRY_MAX: Duration = Duration::from_millis(20);

/// The submission of the turn, and what waits for room in it.
pub struct Submitter {
    /// The queues of this reactor.
    exchange: Arc<Exchange>,
    submission: Submission,
    /// Since when the queue has had no room for the submission.
    stuck: Option<Instant>,
    /// Connections whose next request waits for room in the submission.
    starved: SlotList,
    /// How many of this reactor's requests the replica has not answered.
    outstanding: usize,
    /// The same of the other reactors, as it was at the beginning of the turn.
    outstanding_elsewhere: u64,
}

impl Submitter {
    pub fn new(exchange: Arc<Exchange>) -> Submitter {
        Submitter {
            exchange,
            submission: Submission::default(),
            stuck: None,
            starved: SlotList::default(),
            outstanding: 0,
            outstanding_elsewhere: 0,
        }
    }

    /// Another serving period begins, and no connection of the former one is there any more: the replica drops what they
    /// have asked and what is told of them.
    pub fn begin_period(&mut self, number: u64) {
        self.submission = Submission { period: number, ..Submission::default() };
        self.stuck = None;
        while self.exchange.gone.pop().is_some() {}
    }

    /// Requests of this reactor that are not answered.
    pub fn outstanding(&self) -> u64 {
        self.outstanding as u64
    }

    /// Requests of all reactors that are not answered.
    #[inline]
    pub fn outstanding_in_all(&self) -> u64 {
        self.outstanding() + self.outstanding_elsewhere
    }

    pub fn note_outstanding_elsewhere(&mut self, count: u64) {
        self.outstanding_elsewhere = count;
    }

    pub fn note_asked(&mut self) {
        self.outstanding += 1;
    }

    /// So many requests are answered, or will not be.
    pub fn note_answered(&mut self, count: usize) {
        self.outstanding -= count;
    }

    /// Whether the submission has no room for another request.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.submission.is_full()
    }

    /// Since when the queue has had no room for the submission.
    pub fn stuck(&self) -> Option<Instant> {
        self.stuck
    }

    /// After which time a full queue is to be tried again; `None` if it is not full.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        self.stuck.map(|since| (now.saturating_duration_since(since) / RETRY_PART).clamp(RETRY, RETRY_MAX))
    }

    /// Copies the body of a request into the submission.
    pub fn append_body(&mut self, body: &[u8]) -> Range<u32> {
        let bytes = &mut self.submission.bytes;
        let start = bytes.len() as u32;
        bytes.extend_from_slice(body);
        start..bytes.len() as u32
    }

    /// The body of a request of this submission.
    pub fn body(&self, body: &Range<u32>) -> &[u8] {
        &self.submission.bytes[body.start as usize..body.end as usize]
    }

    pub fn request(&mut self, request: Request) {
        self.submission.requests.push(request);
    }

    /// Tells the replica ahead of the submission that a connection is gone. Where there is no room for that, the replica
    /// hears of it in its turn.
    pub fn tell_gone(&self, id: ConnectionId) {
        let _ = self.exchange.gone.push(id);
    }

    /// Whether the last report has not gone out yet.
    pub fn holds_report(&self) -> bool {
        self.submission.heard.is_some()
    }

    pub fn report(&mut self, heard: Heard) {
        self.submission.heard = Some(heard);
    }

    /// Hands the submission over, if there is anything in it. Where that has made room, returns the connections that have
    /// waited for it.
    #[must_use]
    pub fn submit(&mut self, now: Instant) -> Vec<u32> {
        if self.submission.requests.is_empty() && self.submission.heard.is_none() {
            return Vec::new();
        }
        if self.exchange.submissions.is_full() {
            self.stuck.get_or_insert(now);
            return Vec::new();
        }
        match self.exchange.submissions.push(self.submission.take()) {
            Ok(()) => {
                self.stuck = None;
                self.exchange.replica_bell.ring();
                self.starved.take()
            }
            Err(back) => {
                self.submission = back;
                Vec::new()
            }
        }
    }

    /// Lets a connection wait for room in the submission.
    pub fn starve(&mut self, connection: &mut Connection) {
        self.starved.add(connection.id.slot, &mut connection.lists.starved);
    }

    /// A connection that closes waits no more, and its requests are not answered.
    pub fn forget(&mut self, connection: &mut Connection) {
        self.starved.remove(connection.id.slot, &mut connection.lists.starved);
        self.note_answered(connection.pending.writes());
    }
}

#[cfg(test)]
impl Submitter {
    pub fn submission(&mut self) -> &mut Submission {
        &mut self.submission
    }

    pub fn starved(&self) -> usize {
        self.starved.len()
    }
}
