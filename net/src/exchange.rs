//! What goes between the reactors and the replica.
//!
//! ```text
//! reactor ── Submission: a turn's writes ──► replica
//! reactor ◄── Release: a version, its events, this reactor's answers; or how clients are served ── replica
//! ```
//! Each reactor has one bounded queue for each direction. A reactor that finds its queue full keeps the submission and stops
//! decoding writes; a replica that finds a queue full waits for that reactor before it commits more.
//!
//! **Order.** The replica puts a version into *every* reactor's queue before it announces it, and a reactor looks at the
//! announced version after it has read from a socket. So whoever learnt of a write from anybody reads it here. A version
//! with very many events is announced only when every reactor has looked through them.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use mio::net::TcpStream;
use paddock_engine::acl::Id;
use paddock_engine::event::Events;
use paddock_engine::tree::{Reader, Root};

use crate::client_tls::PortKind;
use crate::doorbell::Doorbell;
use crate::sasl::{Negotiation, Step};
use crate::serving::Period;
use crate::stages::Way;
use crate::survey::Survey;

/// How many submissions of one reactor may wait for the replica.
const SUBMISSIONS_MAX: usize = 64;
/// How many releases may wait for a reactor.
const RELEASES_MAX: usize = 1024;
/// How many errands may wait for a reactor.
const ERRANDS_MAX: usize = 1024;
/// How many surveys may wait for the replica. One question takes one.
const SURVEYS_MAX: usize = 64;
/// How many closed connections of one reactor may wait for the replica to be told of them early.
const GONE_MAX: usize = 1024;

/// A version with more events than this is looked through by every reactor before it is announced.
pub const EVENTS_AT_ONCE: usize = 8192;

/// One connection of one reactor. When it has closed, its slot is used again, with another generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId {
    pub slot: u32,
    pub generation: u32,
}

/// What one turn of a reactor brought.
#[derive(Default)]
pub struct Submission {
    /// The bodies of the writes, back to back.
    pub bytes: Vec<u8>,
    pub requests: Vec<Request>,
    /// The report of the sessions that are alive, if one is due.
    pub heard: Option<Heard>,
    /// The number of the serving period in which all of it was asked.
    pub period: u64,
}

/// A submission with so many requests is full: it goes out in the middle of the turn, and while it cannot, nothing is decoded
/// that would add to it. Only that connections have closed is still added.
const REQUESTS_MAX: usize = 4096;
/// So is a submission with so many bytes of bodies.
const BYTES_MAX: usize = 256 << 10;
/// For no more requests than these is room made before they come.
const ROOM: usize = 256;
/// For no more bytes of bodies than these is room made before they come.
const ROOM_BYTES: usize = 64 << 10;

impl Submission {
    pub fn is_full(&self) -> bool {
        self.requests.len() >= REQUESTS_MAX || self.bytes.len() >= BYTES_MAX
    }

    /// Takes what there is, and makes room for as much again, since one turn is much like the next.
    pub fn take(&mut self) -> Submission {
        let bytes = Vec::with_capacity(self.bytes.len().min(ROOM_BYTES));
        let requests = Vec::with_capacity(self.requests.len().min(ROOM));
        std::mem::replace(self, Submission { bytes, requests, heard: None, period: self.period })
    }
}

/// Sessions that have sent something since the last report.
pub struct Heard {
    pub sessions: Vec<i64>,
    /// Of everything that had come before this moment it is known who sent it.
    pub until: Instant,
    /// When the report was made: nothing that it tells of came later.
    pub at: Instant,
    /// The longest time in which the reactor stood still since the last report. It ended at or before `until`.
    pub pause: Option<Pause>,
}

/// A time in which a reactor heard nobody because it stood still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    pub from: Instant,
    pub to: Instant,
}

impl Pause {
    pub fn length(&self) -> Duration {
        self.to.saturating_duration_since(self.from)
    }

    /// The longer one. If two were told as one, the time between them would not count against sessions either.
    pub fn longer(self, other: Pause) -> Pause {
        if other.length() > self.length() { other } else { self }
    }
}

/// One request for the replica.
pub struct Request {
    pub connection: ConnectionId,
    pub session: i64,
    /// Whether the session has asked for a read since its last write. If so, the version before this request is released by
    /// itself, so that the read can be answered by it.
    pub fence: bool,
    /// When the reactor decoded it.
    pub received: Instant,
    pub kind: RequestKind,
}

pub enum RequestKind {
    /// A write. Its body lies in the submission's bytes, at `body`.
    Write {
        xid: i32,
        opcode: i32,
        body: Range<u32>,
        ids: Arc<[Id]>,
        /// Whether the connection may ask for ClickHouse Keeper's operations.
        keeper: bool,
    },
    /// A sync. The path that is sent back lies in the submission's bytes, with its length before it.
    Sync {
        xid: i32,
        body: Range<u32>,
    },
    /// A getEphemerals. Its prefix lies in the submission's bytes.
    Ephemerals {
        xid: i32,
        body: Range<u32>,
    },
    CloseSession {
        xid: i32,
    },
    /// A new session with this timeout, ms.
    Connect {
        timeout: i32,
    },
    /// A session that comes back. `timeout`: as it is negotiated now, ms.
    Reattach {
        timeout: i32,
        password_matches: bool,
    },
    /// The connection is gone; the session lives on.
    Disconnected,
}

impl RequestKind {
    /// Whether a transaction may come of it.
    pub fn changes_state(&self) -> bool {
        matches!(self, RequestKind::Write { .. } | RequestKind::CloseSession { .. } | RequestKind::Connect { .. })
    }

    /// Whether only the connection that has the session may ask for it, and is answered.
    pub fn needs_session(&self) -> bool {
        match self {
            RequestKind::Write { .. }
            | RequestKind::Sync { .. }
            | RequestKind::Ephemerals { .. }
            | RequestKind::CloseSession { .. } => true,
            RequestKind::Connect { .. } | RequestKind::Reattach { .. } | RequestKind::Disconnected => false,
        }
    }
}

/// What the replica sends to a reactor, in the order in which it counts.
pub enum Release {
    Version(VersionRelease),
    /// A serving period begins: connections of the former one are closed.
    Serve(Period),
    /// Another state takes the place of the present one. It comes while nobody is served.
    State(State),
}

/// A state that was built anew.
pub struct State {
    /// The reader that this reactor has of the state's tree.
    pub reader: Reader,
    /// The newest transaction of the reader's view.
    pub zxid: i64,
}

/// A version that is announced or will be, and what it brings for one reactor.
pub struct VersionRelease {
    pub root: Root,
    /// The newest transaction in it.
    pub zxid: i64,
    /// What has happened to znodes, for the watches of every reactor.
    pub events: Arc<Events>,
    /// Where there are more than [`EVENTS_AT_ONCE`]: how many reactors have looked through them. The version is announced
    /// when all have, and not before.
    pub looked_through: Option<Arc<AtomicUsize>>,
    /// The answers to this reactor's connections, in the order of their transactions.
    pub answers: Vec<Answer>,
    /// The bodies of the answers.
    pub bytes: Vec<u8>,
    /// How its writes went up to here, if that is measured.
    pub way: Option<Way>,
}

/// What one connection is told.
pub struct Answer {
    pub connection: ConnectionId,
    /// The transaction that is answered, or the newest before what is answered. The answer comes after the events of this
    /// transaction and before those of the next.
    pub zxid: i64,
    pub kind: AnswerKind,
}

pub enum AnswerKind {
    /// The reply to a request. Its body lies in the release's bytes, at `body`.
    Reply { xid: i32, code: i32, body: Range<u32> },
    /// The connection has this session; the timeout is in ms.
    Connected { session: i64, timeout: i32 },
    /// The session that was to come back is gone.
    Refused,
    /// The session's own close: answered, then closed.
    Closed { xid: i32 },
    /// The session is gone or has another connection now: closed without a word.
    Dropped,
    /// A request was thrown away, so that none of the later ones may be executed: closed without a word, and the session
    /// lives on.
    Cut,
}

/// What other threads want of a reactor, apart from releases.
pub enum Errand {
    /// A connection that was accepted, for this reactor.
    Accepted { stream: TcpStream, kind: PortKind, address: IpAddr, port: u16 },
    /// For the reactor that accepts: a descriptor is free for a connection that waits.
    Accept,
    /// For the reactor that accepts: clients connect here from now on, but for those to the secure port. Connections stay. A `backlog` below 1 is the default.
    Listen { address: SocketAddr, backlog: i32 },
    /// Somebody wants to know what this reactor has.
    Survey(Survey),
    /// The answer to the four-letter word that a connection has asked.
    Say { connection: ConnectionId, text: String },
    /// What came of a SASL token that a connection has sent.
    Stepped { connection: ConnectionId, xid: i32, negotiation: Box<dyn Negotiation>, step: Step },
    /// The reactor is to end.
    Stop,
}

/// One reactor's queues, as both sides hold them.
pub struct Exchange {
    pub submissions: ArrayQueue<Submission>,
    pub releases: ArrayQueue<Release>,
    pub errands: ArrayQueue<Errand>,
    /// For the replica: somebody wants to know what it has. The queue of the first reactor is used.
    pub surveys: ArrayQueue<Survey>,
    /// Connections that have closed. `submissions` tells of them too, but later: a replica that throttles need not execute
    /// what it still has of them. A connection that finds no room here is told of there alone.
    pub gone: ArrayQueue<ConnectionId>,
    pub reactor_bell: Arc<Doorbell>,
    pub replica_bell: Arc<Doorbell>,
}

impl Exchange {
    pub fn new(reactor_bell: Arc<Doorbell>, replica_bell: Arc<Doorbell>) -> Exchange {
        Exchange {
            submissions: ArrayQueue::new(SUBMISSIONS_MAX),
            releases: ArrayQueue::new(RELEASES_MAX),
            errands: ArrayQueue::new(ERRANDS_MAX),
            surveys: ArrayQueue::new(SURVEYS_MAX),
            gone: ArrayQueue::new(GONE_MAX),
            reactor_bell,
            replica_bell,
        }
    }
}
