//! What happened, in the words of those who saw it.

use crate::operation::{Operation, Reply, code};

/// What a watch event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    NodeCreated,
    NodeDeleted,
    NodeDataChanged,
    NodeChildrenChanged,
}

/// A watch event as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchEvent {
    /// Of the transaction; -1 where the server does not say: setWatches, and every event of a server before 3.9.
    pub zxid: i64,
    pub event_type: EventType,
    pub path: String,
}

/// What one client saw at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds by a clock that all clients share: before the request was sent, or when it happened.
    pub from: u64,
    /// Nanoseconds by the same clock: after the reply had come, or when the client gave up. Never before `from`.
    pub to: u64,
    pub session: i64,
    /// The number of the server that the client spoke to.
    pub server: u32,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The session has a connection: its first one, or another. The timeout is the negotiated one in milliseconds.
    Connected {
        is_new: bool,
        timeout_ms: u32,
    },
    /// A server did not know the session any more.
    Refused,
    /// The connection ended; what was not answered by then never will be.
    Disconnected,
    /// A server that counts took a packet of the session at `from`: the session lives at least its timeout longer.
    Heard,
    WatchEvent(WatchEvent),
    /// No reply means that nobody knows whether it was done.
    Called {
        cxid: i32,
        operation: Operation,
        reply: Option<Reply>,
    },
}

impl Event {
    pub fn operation(&self) -> Option<&Operation> {
        match &self.what {
            What::Called { operation, .. } => Some(operation),
            _ => None,
        }
    }

    pub fn reply(&self) -> Option<&Reply> {
        match &self.what {
            What::Called { reply, .. } => reply.as_ref(),
            _ => None,
        }
    }

    pub fn is_write(&self) -> bool {
        self.operation().is_some_and(Operation::is_write)
    }

    /// The zxid of a write that was answered and has a transaction.
    pub fn written_zxid(&self) -> Option<i64> {
        let reply = self.reply().filter(|_| self.is_write())?;
        (code::has_transaction(reply.code) && reply.zxid > 0).then_some(reply.zxid)
    }

    /// The zxid of a reply that tells how far the server was.
    pub fn told_zxid(&self) -> Option<i64> {
        match self.is_write() {
            true => self.written_zxid(),
            // A server that has no transaction yet tells 0.
            false => {
                self.reply().filter(|reply| reply.zxid >= 0 && code::is_of_tree(reply.code)).map(|reply| reply.zxid)
            }
        }
    }
}

/// One entry of the ensemble's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub zxid: i64,
    pub session: i64,
    pub cxid: i32,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A session was created.
    CreateSession,
    /// A write failed, and changed nothing.
    Failed,
    /// A write with its final name and without the version that it asked for (-1), or the close of a session.
    Done(Operation),
}

/// All that is known of a run that began with an empty ensemble.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Those of one session are in the order in which its client learnt of them; requests without a reply come before the
    /// `Disconnected` of their connection, in the order in which they were sent. Sessions may be mixed in any way.
    pub events: Vec<Event>,
    /// From the first transaction on, where it is known. It settles which requests without a reply were done.
    pub log: Option<Vec<Transaction>>,
}
