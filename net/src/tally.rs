//! What is counted of one connection, for the words that tell of it.

use std::time::Instant;

/// What the words `stat` and `cons` tell of a connection. Latencies are in milliseconds.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Frames and four-letter words that have come.
    pub received: u64,
    /// Notifications, and other answers that have no latency.
    pub sent_besides: u64,
    /// When the connection was accepted, by the wall clock, ms.
    pub established_ms: u64,
    /// The operation that was answered last. `None` before the first answer, and after a write that failed, of which ZooKeeper
    /// does not tell what it was.
    pub last_opcode: Option<i32>,
    /// The xid of the last request that had one of its own. Pings and their like have a negative xid that says what they are.
    pub last_xid: i32,
    /// The newest transaction of the view when the last answer was given.
    pub last_zxid: i64,
    /// When the last answer was given.
    pub last_answer: Option<Instant>,
    pub latency_last: u64,
    pub latency_min: u64,
    pub latency_max: u64,
    pub latency_sum: u64,
    pub answered: u64,
}

impl Tally {
    pub fn new(established_ms: u64) -> Tally {
        Tally {
            received: 0,
            sent_besides: 0,
            established_ms,
            last_opcode: None,
            last_xid: 0,
            last_zxid: 0,
            last_answer: None,
            latency_last: 0,
            latency_min: u64::MAX,
            latency_max: 0,
            latency_sum: 0,
            answered: 0,
        }
    }

    /// All is counted anew, but for when the connection was accepted.
    pub fn reset(&mut self) {
        *self = Tally { last_xid: -1, last_zxid: -1, ..Tally::new(self.established_ms) };
    }

    /// Replies, notifications and other answers.
    pub fn sent(&self) -> u64 {
        self.answered.wrapping_add(self.sent_besides)
    }

    /// Notes a frame or a four-letter word that has come.
    #[inline]
    pub fn note_received(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    /// Notes an answer that has no latency.
    pub fn note_besides(&mut self) {
        self.sent_besides = self.sent_besides.wrapping_add(1);
    }

    /// Notes an answer that was given after `millis`.
    #[inline]
    pub fn note_answer(&mut self, opcode: Option<i32>, xid: i32, zxid: i64, now: Instant, millis: u64) {
        self.last_opcode = opcode;
        if xid >= 0 {
            self.last_xid = xid;
        }
        self.last_zxid = zxid;
        self.last_answer = Some(now);
        self.latency_last = millis;
        self.latency_min = self.latency_min.min(millis);
        self.latency_max = self.latency_max.max(millis);
        self.latency_sum = self.latency_sum.wrapping_add(millis);
        self.answered = self.answered.wrapping_add(1);
    }
}
