//! What goes between the reactors and the replica.
//!
//! ```text
//! reactor ── Submission: a turn's writes ──► replica
//! reactor ◄── Release: a version, its events, this reactor's answers ── replica
//! ```
//! Each direction is one bounded queue for each reactor. A reactor whose queue is full keeps the submission and stops
//! decoding writes; a replica whose queue is full waits for that reactor before it commits more.
//!
//! **Order.** The replica puts a version into *every* reactor's queue before it makes it public, and a reactor looks at
//! the public version after it has read from a socket. So whoever learnt of a write from anybody reads it here. Between the
//! two, a version with very many events waits until every reactor has looked through them.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use mio::net::TcpStream;
use paddock_engine::acl::Id;
use paddock_engine::event::Events;
use paddock_engine::tree::Root;

use crate::doorbell::Doorbell;

/// Submissions that may wait for the replica, for each reactor.
const SUBMISSIONS_MAX: usize = 64;
/// Releases that may wait for a reactor.
const RELEASES_MAX: usize = 1024;
/// Connections and inquiries that may wait for a reactor.
const ERRANDS_MAX: usize = 1024;
/// Closed connections of which the replica may be told ahead of their turn.
const GONE_MAX: usize = 1024;

/// Events of one version that a reactor fires without having looked at them ahead.
pub const EVENTS_AT_ONCE: usize = 8192;

/// One connection of one reactor. A slot is used again, with another generation.
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
    pub heard: Option<Heard>,
}

/// A submission that has so many requests, or so many bytes of their bodies, is full: it goes out in the middle of the turn,
/// and while it cannot, nothing is decoded that would add to it. Only what is said of closed connections still comes.
const REQUESTS_MAX: usize = 4096;
const BYTES_MAX: usize = 256 << 10;
/// Room that is made ahead, requests and bytes of their bodies.
const ROOM: usize = 256;
const ROOM_BYTES: usize = 64 << 10;

impl Submission {
    pub fn is_full(&self) -> bool {
        self.requests.len() >= REQUESTS_MAX || self.bytes.len() >= BYTES_MAX
    }

    /// Takes what there is, and makes room for as much again at once, since one turn is much like the next.
    pub fn take(&mut self) -> Submission {
        let bytes = Vec::with_capacity(self.bytes.len().min(ROOM_BYTES));
        let requests = Vec::with_capacity(self.requests.len().min(ROOM));
        std::mem::replace(self, Submission { bytes, requests, heard: None })
    }
}

/// Sessions that have sent something since the last report.
pub struct Heard {
    pub sessions: Vec<i64>,
    /// All that came before this is reported.
    pub until: Instant,
    /// Nothing that is reported came later.
    pub at: Instant,
    /// It ended at or before `until`.
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

    /// Two that are told as one would give back the time between them too.
    pub fn longer(self, other: Pause) -> Pause {
        if other.length() > self.length() { other } else { self }
    }
}

/// One request for the replica.
pub struct Request {
    pub connection: ConnectionId,
    pub session: i64,
    /// The session asked for a read between its last write and this: what was before it must be made public by itself.
    pub fence: bool,
    /// When the reactor took it up.
    pub received: Instant,
    pub kind: RequestKind,
}

pub enum RequestKind {
    /// A write: `body` lies in the submission's bytes.
    Write {
        xid: i32,
        opcode: i32,
        body: Range<u32>,
        ids: Arc<[Id]>,
        /// The connection may ask for Keeper's operations.
        keeper: bool,
    },
    /// The path to echo lies in the submission's bytes, length and all.
    Sync {
        xid: i32,
        body: Range<u32>,
    },
    /// The prefix of the ephemerals that are asked for lies in the submission's bytes.
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
    /// A session that comes back.
    Reattach {
        timeout: i32,
        password_matches: bool,
    },
    /// The connection is gone; the session lives on.
    Disconnected,
}

impl RequestKind {
    /// Whether only a session's own connection may ask for it, and is answered.
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

/// A version that is public, and what it brought for one reactor.
pub struct Release {
    pub root: Root,
    /// The newest transaction in it.
    pub zxid: i64,
    /// For the watches of every reactor.
    pub events: Arc<Events>,
    /// Where there are more than [`EVENTS_AT_ONCE`]: how many reactors have looked through them. The version is announced
    /// when all have, and not before.
    pub looked_through: Option<Arc<AtomicUsize>>,
    /// In the order of their transactions.
    pub answers: Vec<Answer>,
    /// The bodies of the answers.
    pub bytes: Vec<u8>,
}

/// What one connection is told.
pub struct Answer {
    pub connection: ConnectionId,
    /// Comes after the events of this transaction and before those of the next.
    pub zxid: i64,
    pub kind: AnswerKind,
}

pub enum AnswerKind {
    Reply {
        xid: i32,
        code: i32,
        body: Range<u32>,
    },
    Connected {
        session: i64,
        timeout: i32,
    },
    /// The session is gone.
    Refused,
    /// The session's own close: answered, then closed.
    Closed {
        xid: i32,
    },
    /// The session is gone or has another connection now: closed without a word.
    Dropped,
    /// A request was thrown away, so that none of the later ones may be executed: closed without a word, and the session
    /// lives on.
    Cut,
}

/// One reactor's question to another, from when it is asked until its answer is taken or lost: its text is memory that no
/// connection has yet, whether the connection that asked is there or not.
#[derive(Clone, Debug, Default)]
pub struct Inquiry(Arc<()>);

impl Inquiry {
    /// How many there are besides this one.
    pub fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Small things that other threads want of a reactor.
pub enum Errand {
    Accepted {
        stream: TcpStream,
        address: IpAddr,
        port: u16,
    },
    /// For the reactor that accepts: there is a descriptor again for a connection that waits.
    Accept,
    /// Asks for this reactor's connections as text, for `reactor`'s connection.
    DescribeConnections {
        reactor: usize,
        connection: ConnectionId,
        long: bool,
        inquiry: Inquiry,
    },
    /// The answer to the above.
    Connections {
        connection: ConnectionId,
        text: String,
        inquiry: Inquiry,
    },
    Stop,
}

/// One reactor's queues, as both sides hold them.
pub struct Exchange {
    pub submissions: ArrayQueue<Submission>,
    pub releases: ArrayQueue<Release>,
    pub errands: ArrayQueue<Errand>,
    /// Connections that have closed, ahead of the same news in `submissions`: a replica that throttles need not execute
    /// what it still has of them. One that finds no room here is told of in its turn.
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
            gone: ArrayQueue::new(GONE_MAX),
            reactor_bell,
            replica_bell,
        }
    }
}
