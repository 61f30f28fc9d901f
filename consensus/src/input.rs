//! What happens to a server: the inputs of the core.

use alloc::sync::Arc;

use crate::config::Config;
use crate::message::{FromLearner, FromMaster};
use crate::notification::Notification;
use crate::{Epoch, ServerId, Zxid};

/// One connection of the quorum port. No number is ever used twice, by whichever side the connection was begun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link(pub u32);

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Up,
    /// An attempt has failed, or had no answer in time.
    Refused,
    Down,
}

/// A file of the core that is replaced whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    AcceptedEpoch(Epoch),
    CurrentEpoch(Epoch),
    /// The configuration that was proposed last.
    LastSeen(Arc<Config>),
    /// The configuration that is committed.
    Committed(Arc<Config>),
}

/// Why a history could not be made what the leader said. The learner comes back with the position of a server that has no
/// history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsettled {
    /// It does not hold the transaction with which it is to end.
    NotThere,
    /// A snapshot holds transactions that are to go.
    SnapshotAbove,
    /// What the stream brought is not a state.
    BadStream,
    /// The state differs from the leader's at the same transaction. Is not said of a state that was brought whole.
    DigestDiffers,
}

/// Why a server cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The log failed: nothing more of it is trusted.
    Log,
    /// An epoch or a configuration could not be written.
    Mark,
}

/// The number by which a `sync` is known that wants to be confirmed. They count from 1.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// The deadline has come; harmless at any time.
    Time,
    /// The connection with this server on the election port.
    Election {
        peer: ServerId,
        event: Event,
    },
    /// The last notification for this server has been written to its connection.
    Drained {
        peer: ServerId,
    },
    /// `config` is the configuration in it, if it has one that can be read.
    Notification {
        from: ServerId,
        notification: Notification,
        config: Option<&'a Arc<Config>>,
    },
    /// The connection to the leader. [`Event::Refused`] answers a [`Connect`](crate::Output::Connect) and has no link.
    MasterUp {
        link: Link,
    },
    MasterRefused,
    MasterDown {
        link: Link,
    },
    FromMaster {
        link: Link,
        message: FromMaster<'a>,
    },
    /// Somebody has connected to the quorum port.
    LearnerUp {
        link: Link,
    },
    LearnerDown {
        link: Link,
    },
    FromLearner {
        link: Link,
        message: FromLearner,
    },
    /// Leader: the whole state that this learner lacks is there, all of it is committed, and it is sent from now on.
    StateBegun {
        link: Link,
    },
    /// Leader: what this learner still lacks of the history is in memory.
    CaughtUp {
        link: Link,
    },
    /// A [`Write`](crate::Output::Write) is durable. They are answered in their order.
    Written(Mark),
    /// Every transaction up to this one is in the log, durably.
    Durable(Zxid),
    /// Answers [`Cut`](crate::Output::Cut) and [`Settle`](crate::Output::Settle): the history is durable, and ends here. At its
    /// end it answers [`Replace`](crate::Output::Replace) too, where nothing is durable yet.
    Settled(Result<Zxid, Unsettled>),
    /// A learner that serves has applied a transaction, and its state is not the leader's. Once in an epoch this ends the role;
    /// after that it is taken no notice of.
    Diverged,
    /// Leader: the next transaction is in the buffer of the log, and goes to every link that has joined. One that was begun before
    /// the reign has ended is there right after that, before any other input: it goes to nobody.
    Proposed {
        zxid: Zxid,
        change: Option<&'a Arc<Config>>,
    },
    /// Answers [`Suspend`](crate::Output::Suspend): what was begun is [proposed](Input::Proposed).
    Suspended,
    /// The log has let go of the transactions up to here.
    Forgotten {
        base: Zxid,
    },
    /// Leader: a sync wants to know that this server still leads.
    Confirm(Ticket),
    /// Answers [`AskOracle`](crate::Output::AskOracle). Where the oracle cannot be read it lets nobody go on.
    Oracle(bool),
    /// The process was told to end.
    Stop,
    Failed(Fault),
}
