//! What one connection has asked for and has not been answered, in the order in which it asked.
//!
//! Writes are in the hands of the replica. A read that comes behind one waits here with its body until the write is
//! answered, and so does a reply that is ready but has to come after others.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use paddock_engine::acl::Id;
use paddock_engine::request::opcode;

use crate::bodies::Bodies;
use crate::read::count::Count;

/// Something that must be answered before what came after it.
pub enum Pending {
    Write(PendingWrite),
    Read(PendingRead),
    /// A getAllChildrenNumber whose znodes are being counted.
    Count {
        xid: i32,
        count: Count,
        received: Instant,
    },
    /// A reply that is ready and waits for those before it.
    Ready(ReadyReply),
}

/// A request that the replica has.
pub struct PendingWrite {
    pub opcode: i32,
    pub received: Instant,
    /// Its share of the limit for large requests, bytes.
    pub large: usize,
}

/// A read behind a write, with the credentials of the moment at which it came.
pub struct PendingRead {
    pub xid: i32,
    pub opcode: i32,
    /// The length of its body, which is the first of the bodies that are kept when it is its turn.
    pub body: usize,
    pub ids: Arc<[Id]>,
    pub received: Instant,
    /// The bytes of the request and, about, of its reply.
    pub weight: usize,
    /// Its share of the limit for large requests, bytes.
    pub large: usize,
}

/// A reply that is ready. Most are a header and no more than a length, and those are in place: the entry is all the memory that
/// they take.
pub enum ReadyReply {
    Short {
        bytes: [u8; SHORT_REPLY],
        length: usize,
    },
    /// With a token of SASL.
    Long(Box<[u8]>),
}

/// The longest short one: its own length, the header, a length without bytes.
const SHORT_REPLY: usize = 4 + 16 + 4;

impl ReadyReply {
    pub fn new(reply: &[u8]) -> ReadyReply {
        let mut bytes = [0; SHORT_REPLY];
        match bytes.get_mut(..reply.len()) {
            Some(place) => {
                place.copy_from_slice(reply);
                ReadyReply::Short { bytes, length: reply.len() }
            }
            None => ReadyReply::Long(reply.into()),
        }
    }

    /// Memory besides the entry, bytes.
    fn memory(&self) -> usize {
        match self {
            ReadyReply::Short { .. } => 0,
            ReadyReply::Long(reply) => reply.len(),
        }
    }
}

impl Deref for ReadyReply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            ReadyReply::Short { bytes, length } => &bytes[..*length],
            ReadyReply::Long(reply) => reply,
        }
    }
}

/// What is answered without the replica, and is due.
pub enum Due {
    Read(PendingRead),
    Ready(ReadyReply),
}

/// All that one connection waits for, oldest first.
#[derive(Default)]
pub struct PendingRequests {
    entries: VecDeque<Pending>,
    /// What each of the writes is about, where lines about slow requests are wanted; nothing elsewhere.
    paths: VecDeque<Option<Box<str>>>,
    /// The bodies of the reads.
    bodies: Bodies,
    /// The sum of the reads' weights.
    weight: usize,
    /// The memory of the replies that are ready, besides their entries, bytes.
    replies: usize,
    /// How many of the entries the replica has.
    writes: usize,
    /// Whether a count is among the entries, or a read that will be one.
    counts: bool,
}

impl PendingRequests {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Requests that are not answered yet.
    pub fn requests(&self) -> usize {
        self.entries.iter().filter(|entry| !matches!(entry, Pending::Ready(_))).count()
    }

    /// Requests that the replica has.
    #[inline]
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// Whether znodes are being counted, or will be. The connection is not read from meanwhile.
    #[inline]
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// The bytes of the reads that wait and, about, of their replies, and those of the replies that are ready.
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight + self.replies
    }

    /// Memory that is held, bytes.
    #[inline]
    pub fn memory(&self) -> usize {
        self.bodies.memory() + self.entries.capacity() * size_of::<Pending>() + self.replies
    }

    /// The shares of the limit for large requests that all of them have, bytes.
    pub fn large(&self) -> usize {
        let of = |entry: &Pending| match entry {
            Pending::Write(write) => write.large,
            Pending::Read(read) => read.large,
            Pending::Count { .. } | Pending::Ready(_) => 0,
        };
        self.entries.iter().map(of).sum()
    }

    /// Gives the share of a large request to the last entry. `false`: there is none to have it.
    pub fn hold_large(&mut self, taken: usize) -> bool {
        let large = match self.entries.back_mut() {
            Some(Pending::Write(write)) => &mut write.large,
            Some(Pending::Read(read)) => &mut read.large,
            _ => return false,
        };
        let has_none = *large == 0;
        if has_none {
            *large = taken;
        }
        has_none
    }

    /// Whether a read has come since the last write, so that the next write must not change what it sees.
    pub fn ends_with_reads(&self) -> bool {
        let since_write = self.entries.iter().rev().take_while(|entry| !matches!(entry, Pending::Write(_)));
        since_write.into_iter().any(|entry| matches!(entry, Pending::Read(_)))
    }

    pub fn push_write(&mut self, opcode: i32, received: Instant) {
        self.entries.push_back(Pending::Write(PendingWrite { opcode, received, large: 0 }));
        self.writes += 1;
    }

    /// Keeps what the write is about that came last. It is kept of every write, or of none.
    pub fn keep_path(&mut self, path: Option<Box<str>>) {
        self.paths.push_back(path);
    }

    /// What the write was about that was taken last.
    pub fn take_path(&mut self) -> Option<Box<str>> {
        self.paths.pop_front().flatten()
    }

    pub fn push_read(&mut self, read: PendingRead, body: &[u8]) {
        self.weight += read.weight;
        self.counts = read.opcode == opcode::GET_ALL_CHILDREN_NUMBER;
        self.bodies.push(body);
        self.entries.push_back(Pending::Read(read));
    }

    pub fn push_ready(&mut self, reply: ReadyReply) {
        self.replies += reply.memory();
        self.entries.push_back(Pending::Ready(reply));
    }

    /// Puts a count that is not at its end before everything else.
    pub fn put_count(&mut self, xid: i32, count: Count, received: Instant) {
        self.entries.push_front(Pending::Count { xid, count, received });
        self.counts = true;
    }

    /// Takes the write that was answered, which is the oldest entry.
    ///
    /// # Panics
    /// If it is not: the replica answers in the order in which it was asked.
    pub fn pop_write(&mut self) -> PendingWrite {
        let Some(Pending::Write(write)) = self.entries.pop_front() else {
            panic!("the replica answers what it was asked, in order");
        };
        self.writes -= 1;
        write
    }

    /// Takes the count that is under way.
    ///
    /// # Panics
    /// If there is none, or something goes before it.
    pub fn pop_count(&mut self) -> (i32, Count, Instant) {
        let Some(Pending::Count { xid, count, received }) = self.entries.pop_front() else {
            panic!("nothing goes before a count that is under way");
        };
        (xid, count, received)
    }

    /// The count has ended.
    pub fn end_count(&mut self) {
        self.counts = false;
    }

    /// Takes a reply that was only waiting for its turn, if the oldest entry is one.
    pub fn pop_ready(&mut self) -> Option<ReadyReply> {
        match self.entries.pop_front_if(|entry| matches!(entry, Pending::Ready(_))) {
            Some(Pending::Ready(reply)) => {
                self.replies -= reply.memory();
                Some(reply)
            }
            _ => None,
        }
    }

    /// Takes the oldest entry, if it needs no answer of the replica and no time. A read's body stays until
    /// [`PendingRequests::end_read`].
    pub fn pop_due(&mut self) -> Option<Due> {
        match self.entries.pop_front_if(|entry| matches!(entry, Pending::Read(_) | Pending::Ready(_))) {
            Some(Pending::Read(read)) => {
                self.weight -= read.weight;
                Some(Due::Read(read))
            }
            Some(Pending::Ready(reply)) => {
                self.replies -= reply.memory();
                Some(Due::Ready(reply))
            }
            _ => None,
        }
    }

    /// The body of the read that was just taken.
    pub fn body(&self, read: &PendingRead) -> &[u8] {
        self.bodies.first(read.body)
    }

    /// The read that was just taken is done with, and with it its body.
    pub fn end_read(&mut self, read: &PendingRead) {
        self.bodies.pop(read.body);
        self.counts &= read.opcode != opcode::GET_ALL_CHILDREN_NUMBER;
    }

    /// Gives back the memory that is only kept for what may come next.
    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.paths.shrink_to_fit();
        if self.entries.is_empty() {
            self.bodies = Bodies::default();
        }
    }
}
