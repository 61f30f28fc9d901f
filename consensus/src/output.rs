//! What a server has to do: the outputs of the core.
//!
//! The node performs the outputs of one step in their order, and all of them before the next step. What goes to one link
//! keeps its order there; between links and disk there is none. [`Write`](Output::Write), [`Cut`](Output::Cut),
//! [`Replace`](Output::Replace) and [`Settle`](Output::Settle) are answered by an input, and until it has come nothing is put
//! out that rests on them.

use alloc::sync::Arc;

use crate::config::Config;
use crate::input::{Fault, Link, Mark, Ticket};
use crate::message::Message;
use crate::notification::Notification;
use crate::plan::Plan;
use crate::{Epoch, ServerId, Zxid};

/// What a server is for its reactors and for the words that tell of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Looking,
    Following { leader: ServerId, epoch: Epoch },
    Observing { leader: ServerId, epoch: Epoch },
    Leading { epoch: Epoch },
}

/// Whether clients are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serve {
    No,
    ReadOnly,
    Yes,
}

/// Why a link is closed by this side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// This server looks for a leader again.
    RoleEnded,
    /// It sent what does not belong to the state of the link.
    Unexpected { state: &'static str, zxid: Zxid },
    /// It was silent for too long, or was too slow to acknowledge.
    TimedOut,
    /// It knows more than this server, which therefore may not lead it.
    Newer,
    /// Another connection of the same server took its place.
    Replaced,
    /// The leader's epoch is below one that was promised.
    OldEpoch,
    /// The configuration gives this server another part.
    Reconfigured,
}

/// Why the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HaltReason {
    Stopped,
    Failed(Fault),
    /// The last epoch has been used.
    EpochsExhausted,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Election port: one attempt to connect to this server, answered by [`Input::Election`](crate::Input::Election).
    Dial(ServerId),
    /// To this server, in place of one to it that is not sent yet.
    Notify(ServerId, Notification),
    /// Opens the quorum port, or closes it.
    Listen(bool),
    /// One attempt to connect to this server's quorum port.
    Connect(ServerId),
    Send(Link, Message),
    Close(Link, Reason),
    Write(Mark),
    /// Learner: the proposal at hand goes to the log's buffer (or, while a whole state is taken, is kept for its log).
    Append(Zxid),
    /// TRUNC: the durable history ends with this transaction from here on.
    Cut(Zxid),
    /// SNAP: from here on the bytes of the link are a whole state, until its signature has come.
    Replace(Zxid),
    /// NEWLEADER: whatever was appended or brought becomes durable.
    Settle,
    /// Everything up to this transaction is committed. A learner applies it, and makes it public once it serves. A leader
    /// makes it public and tells its learners.
    Commit(Zxid),
    /// Leader: the first packet of the plan goes to this link, and then the history that the plan names.
    Sync(Link, Plan),
    /// Leader: what is left of the history goes to this link in this moment, then, if it is no observer's, every proposal that
    /// is not committed; and from now on it is sent what all are sent.
    Join(Link),
    /// The leader still led when the ticket came: the sync may be answered once everything that was proposed by then is
    /// committed.
    Confirmed(Ticket),
    /// It may not have.
    Lost(Ticket),
    Become(Part, Serve),
    /// The change of the configuration is committed with the transaction at hand: `leader` is whom it names.
    Activate {
        config: Arc<Config>,
        leader: Option<ServerId>,
    },
    Halt(HaltReason),
}
