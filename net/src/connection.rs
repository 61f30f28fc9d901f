//! One client's connection: its stage, what it has sent and not been answered, what it has still to receive.
//!
//! ```text
//! Handshake ── connect request ──► Establishing ── the replica's answer ──► Established ── close ──► Leaving
//!     └───── four-letter word ─────────────────────────► Flushing ◄──────────────┴─── refused, bad ────┘
//!                                                            └── all is written ──► lingers, and is no connection any more
//! ```

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;
use paddock_engine::acl::Id;

use crate::bodies::Bodies;
use crate::exchange::ConnectionId;
use crate::identities::Identities;
use crate::output::Output;
use crate::read::count::Count;

/// Memory that input may have, however little of it waits, bytes.
const INPUT_KEEP: usize = 4 * 1024;

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Nothing but the start of its first frame has come.
    Handshake,
    /// Waits for other reactors' answers to a four-letter word.
    Gathering {
        awaited: usize,
    },
    /// Waits for its session; what it sends meanwhile stays unread.
    Establishing,
    Established,
    /// Has asked for its session's end; nothing more of it is executed.
    Leaving,
    /// Is ended as soon as its output is written.
    Flushing,
}

/// Something that must be answered before what came after it. `large`: its share of the limit for large requests, bytes.
pub enum Pending {
    /// The replica has it.
    Write { opcode: i32, received: Instant, large: usize },
    /// A read behind a write, as it came, with the credentials of that moment. The body is the first of the
    /// connection's `bodies` when it is its turn, and so long.
    /// `weight`: the bytes of the request and, about, of its reply.
    Read { xid: i32, opcode: i32, body: usize, ids: Arc<[Id]>, received: Instant, weight: usize, large: usize },
    /// Znodes are being counted for it.
    Count { xid: i32, count: Count, received: Instant },
    /// A reply that is ready but not due.
    Ready(ShortReply),
}

impl Pending {
    /// Its share of the limit for large requests, bytes.
    pub fn large(&self) -> usize {
        match self {
            Pending::Write { large, .. } | Pending::Read { large, .. } => *large,
            Pending::Count { .. } | Pending::Ready(_) => 0,
        }
    }
}

/// A reply of a header and no more than a length, in place: its entry is all the memory it takes.
pub struct ShortReply {
    bytes: [u8; SHORT_REPLY],
    length: usize,
}

/// The longest: its own length, the header, a length without bytes.
const SHORT_REPLY: usize = 4 + 16 + 4;

impl ShortReply {
    pub fn new(reply: &[u8]) -> ShortReply {
        let mut bytes = [0; SHORT_REPLY];
        bytes[..reply.len()].copy_from_slice(reply);
        ShortReply { bytes, length: reply.len() }
    }
}

impl Deref for ShortReply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What the words `stat` and `cons` tell of a connection. Latencies are in milliseconds.
#[derive(Debug)]
pub struct Tally {
    /// Frames, and words.
    pub received: u64,
    pub sent: u64,
    /// Wall clock of the accept, ms.
    pub established_ms: u64,
    /// `None` before the first answer, and where a write failed: ZooKeeper then does not say what it was.
    pub last_opcode: Option<i32>,
    /// Of the last request that had one of its own: pings and their like have a negative one that says what they are.
    pub last_xid: i32,
    pub last_zxid: i64,
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
            sent: 0,
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

    /// Notes an answer after `millis`.
    pub fn note_answer(&mut self, opcode: Option<i32>, xid: i32, zxid: i64, now: Instant, millis: u64) {
        self.sent += 1;
        self.last_opcode = opcode;
        if xid >= 0 {
            self.last_xid = xid;
        }
        self.last_zxid = zxid;
        self.last_answer = Some(now);
        self.latency_last = millis;
        self.latency_min = self.latency_min.min(millis);
        self.latency_max = self.latency_max.max(millis);
        self.latency_sum += millis;
        self.answered += 1;
    }
}

pub struct Connection {
    pub id: ConnectionId,
    pub stream: TcpStream,
    pub address: IpAddr,
    pub port: u16,
    pub stage: Stage,
    pub session: i64,
    /// Negotiated, ms.
    pub timeout: i32,
    /// Whether the handshake had the read-only flag, so that the answer must.
    pub with_flag: bool,
    pub ids: Identities,
    /// Has asked what Keeper's operations there are, and may use them.
    pub keeper: bool,
    /// Bytes that are not a whole frame yet, or that must wait.
    pub input: Vec<u8>,
    pub output: Output,
    pub pending: VecDeque<Pending>,
    /// Of the reads in `pending`.
    pub bodies: Bodies,
    /// The weight of the reads in `pending`.
    pub pending_bytes: usize,
    /// Its memory, as the reactor's sum has it.
    pub counted: usize,
    /// What of this is its output's.
    pub counted_output: usize,
    /// Since when there has always been something that it was waited for with, and it has not got on.
    pub burdened: Option<Instant>,
    /// Entries of `pending` that the replica has.
    pub in_flight: usize,
    /// Has asked for a count and not been answered; it is not read from.
    pub counts: bool,
    /// When its handshake came, or it itself before that.
    pub greeted: Instant,
    /// When it came, or last got rid of output while it is being closed: it must not stand still for ever.
    pub progress: Instant,
    /// Has sent a frame since the last report.
    pub heard: bool,
    /// The replica has been asked something for it, so that it must hear of its end.
    pub known: bool,
    /// Stands in the reactor's list of those whose next request waits for room in the submission; it is not read from.
    pub starved: bool,
    /// The socket may hold bytes that no event will tell of again.
    pub unread: bool,
    /// The peer has closed its side.
    pub ended: bool,
    /// Stands in the reactor's list of those to be written to.
    pub dirty: bool,
    /// Stands in the reactor's list of those to be served again.
    pub revisit: bool,
    pub tally: Tally,
}

impl Connection {
    /// Whether there is something to be served that had to wait.
    pub fn has_more(&self) -> bool {
        self.unread || !self.input.is_empty()
    }

    /// Whether its next frame would be read. Whoever has asked a word is not read from as one who talks on.
    pub fn is_read(&self) -> bool {
        matches!(self.stage, Stage::Handshake | Stage::Established) && !self.counts
    }

    /// Requests that are not answered yet.
    pub fn queued(&self) -> usize {
        self.pending.iter().filter(|entry| !matches!(entry, Pending::Ready(_))).count()
    }

    /// Bytes that wait to be written.
    pub fn unwritten(&self) -> usize {
        self.output.unwritten()
    }

    /// Memory that is held for it alone, bytes: what it has not read, what has not wholly come, what waits, and who it is.
    pub fn memory(&self) -> usize {
        let waiting = self.bodies.memory() + self.pending.capacity() * size_of::<Pending>();
        self.output.memory() + self.input.capacity() + waiting + self.ids.memory()
    }

    /// Bytes that it is waited for with: for it to read, to send the rest, or for its writes to be done.
    pub fn burden(&self) -> usize {
        self.unwritten() + self.input.len() + self.waiting_bytes()
    }

    /// The weight of what waits for its writes to be done, and the lists of identities that waiting requests hold, bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.pending_bytes + self.ids.former_bytes()
    }

    pub fn note_burden(&mut self, now: Instant) {
        if self.burden() == 0 {
            self.burdened = None;
        } else if self.burdened.is_none() {
            self.burdened = Some(now);
        }
    }

    /// It has taken some of its output, or sent a whole frame: it is not the one that is waited for longest.
    pub fn note_progress(&mut self, now: Instant) {
        if let Some(since) = &mut self.burdened {
            *since = now;
        }
    }

    /// Its memory times how long it has been waited for, byte milliseconds; not 0 if there is any.
    pub fn memory_over_time(&self, now: Instant) -> u64 {
        let millis = self.burdened.map_or(0, |since| now.saturating_duration_since(since).as_millis() as u64);
        (self.memory() as u64).saturating_mul(millis.max(1))
    }

    /// Keeps bytes that must wait, without much more memory than they are: they may be the rest of many that came.
    pub fn keep_input(&mut self, mut input: Vec<u8>, consumed: usize) {
        input.drain(..consumed);
        if input.capacity() / 4 > input.len().max(INPUT_KEEP) {
            input.shrink_to(INPUT_KEEP);
        }
        self.input = input;
    }

    /// Gives back the memory that is only kept for what may come next.
    pub fn shrink(&mut self) {
        self.output.shrink();
        self.input.shrink_to_fit();
        self.pending.shrink_to_fit();
        if self.pending.is_empty() {
            self.bodies = Bodies::default();
        }
    }
}

/// The connections of one reactor by slot.
#[derive(Default)]
pub struct Connections {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

impl Connections {
    /// The id that the next connection will have.
    pub fn next_id(&mut self) -> ConnectionId {
        if self.free.is_empty() {
            self.free.push(u32::try_from(self.slots.len()).expect("file descriptors are fewer"));
            self.slots.push(Slot::default());
        }
        let slot = *self.free.last().expect("one was pushed above");
        ConnectionId { slot, generation: self.slots[slot as usize].generation }
    }

    /// Adds a connection whose id is [`Connections::next_id`].
    pub fn insert(&mut self, connection: Box<Connection>) {
        let slot = connection.id.slot;
        assert_eq!(self.free.pop(), Some(slot), "the id was asked for");
        self.slots[slot as usize].connection = Some(connection);
    }

    pub fn remove(&mut self, slot: u32) -> Option<Box<Connection>> {
        let entry = self.slots.get_mut(slot as usize)?;
        let connection = entry.connection.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(connection)
    }

    pub fn at(&mut self, slot: u32) -> Option<&mut Connection> {
        self.slots.get_mut(slot as usize)?.connection.as_deref_mut()
    }

    /// The connection that is meant, if it is still there.
    pub fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.at(id.slot).filter(|connection| connection.id == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(|slot| slot.connection.as_deref())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slots.iter_mut().filter_map(|slot| slot.connection.as_deref_mut())
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
