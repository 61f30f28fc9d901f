//! What a running server has at this moment, for whoever asks: its connections, watches, sessions and ephemerals.
//!
//! ```text
//! whoever asks ── a survey for each thread that has a part of it ──► reactors, replica
//!              ◄── pieces, a slice in each turn, through one bounded channel ──
//! ```
//! No thread has all of it, and there may be millions. So each answers a slice in a turn, and where the channel is full it goes on
//! when there is room again: a thread that serves clients waits for nobody who asks. The pieces are not of one moment: what comes and
//! goes meanwhile may be among them or not, as in ZooKeeper.
//!
//! Whoever asks has a thread of its own, and only that one waits and puts the pieces together ([`Surveyor`](crate::surveyor::Surveyor)). When it stops asking,
//! those who answer find the channel closed, and stop too.

use std::net::IpAddr;
use std::time::Instant;

use crossbeam::channel::{Sender, TrySendError};
use paddock_consensus::Zxid;
use paddock_engine::acl::Acl;
use paddock_engine::snapshot::HeldVersion;

use crate::tally::Tally;

/// How many connections, paths or sessions are in a piece, at most; a step of a survey looks at no more.
pub const PIECE_MAX: usize = 1024;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Of the reactors: every connection.
    Connections,
    /// Of the reactors: every path with watches of data, and who has them.
    DataWatches,
    /// Of the reactors: what is counted of each connection begins anew. There are no pieces.
    ResetConnections,
    /// Of all of them: what counts events begins anew. There are no pieces.
    ResetTotals,
    /// Of the replica: every session.
    Sessions,
    /// Of the replica: the ephemerals of each session.
    Ephemerals,
    /// Of the replica: digests of the tree at some transactions.
    Digests,
    /// Of the replica: who may do what to the root.
    RootAcl,
    /// Of the replica: the newest version that is committed and durable, held until the piece is dropped. There is one piece,
    /// when there is such a version.
    Version,
    /// Of the replica: a snapshot in place that has at least what the state has now. One is taken if there is none; there is
    /// one piece, when it is in place.
    Snapshot,
}

impl Question {
    /// Whether the replica is asked.
    pub fn is_for_replica(self) -> bool {
        !matches!(self, Question::Connections | Question::DataWatches | Question::ResetConnections)
    }

    /// Whether the reactors are asked.
    pub fn is_for_reactors(self) -> bool {
        matches!(
            self,
            Question::Connections | Question::DataWatches | Question::ResetConnections | Question::ResetTotals
        )
    }
}

/// A connection, as `cons`, `stat` and `dump` tell of it.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    pub address: IpAddr,
    pub port: u16,
    /// Whether it came to `secureClientPort`.
    pub is_secure: bool,
    /// Whether it is read from, and whether it is to be written to.
    pub is_read: bool,
    pub is_written: bool,
    /// Its requests that are not answered.
    pub queued: usize,
    /// 0 while it has no session.
    pub session: i64,
    /// The timeout of its session, ms.
    pub timeout: i32,
    /// When its client was heard last, as far as that is known.
    pub heard: Instant,
    pub tally: Tally,
}

/// A path with watches of data, of one reactor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchedPath {
    pub path: Box<str>,
    /// The sessions that watch it. Where there are very many, the same path comes again with others.
    pub sessions: Vec<i64>,
}

/// A session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionInfo {
    pub session: i64,
    /// ms.
    pub timeout: i32,
    /// Whether only this server knows it.
    pub is_local: bool,
    /// In how many milliseconds it is due if nothing is heard of it; `None` where another server ends it.
    pub due_in: Option<i64>,
}

/// Ephemerals of one session. Where there are very many, the same session comes again with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedPaths {
    pub session: i64,
    pub paths: Vec<Box<str>>,
}

/// A part of an answer.
pub enum Piece {
    Connections(Vec<ConnectionInfo>),
    DataWatches(Vec<WatchedPath>),
    Sessions(Vec<SessionInfo>),
    Ephemerals(Vec<OwnedPaths>),
    /// By the transactions that the tree has, the oldest first.
    Digests(Vec<(Zxid, u64)>),
    RootAcl(Acl),
    Version(Box<HeldVersion>),
    /// The newest transaction in the snapshot.
    Snapshot(Zxid),
}

/// A question to one thread, until that has answered all of it and drops it.
#[derive(Debug)]
pub struct Survey {
    pub question: Question,
    pieces: Sender<Piece>,
}

/// What has become of a piece.
pub enum Delivery {
    Delivered,
    /// Whoever asks has too many: it is to be tried again when the thread is woken.
    NoRoom(Piece),
    /// Nobody waits for it any more.
    Unwanted,
}

impl Survey {
    pub fn new(question: Question, pieces: Sender<Piece>) -> Survey {
        Survey { question, pieces }
    }

    /// Whether whoever asks takes another piece. To be asked once more after [`Doorbell::going_to_sleep`]: whoever takes a piece
    /// rings afterwards.
    ///
    /// [`Doorbell::going_to_sleep`]: crate::doorbell::Doorbell::going_to_sleep
    pub fn has_room(&self) -> bool {
        !self.pieces.is_full()
    }

    /// Hands a piece to whoever asks.
    pub fn deliver(&self, piece: Piece) -> Delivery {
        match self.pieces.try_send(piece) {
            Ok(()) => Delivery::Delivered,
            Err(TrySendError::Full(piece)) => Delivery::NoRoom(piece),
            Err(TrySendError::Disconnected(_)) => Delivery::Unwanted,
        }
    }
}
