//! What a server has to do: the outputs of the core.
//!
//! The node performs the outputs of one step in their order, and all of them before the next step. What goes to one link
//! keeps its order there; between links and disk there is none. [`Write`](Output::Write), [`Cut`](Output::Cut),
//! [`Replace`](Output::Replace) and [`Settle`](Output::Settle) are answered by an input each, also when the role that asked has
//! ended meanwhile, and until it has come nothing is put out that rests on them. A server looks for a leader when all of them
//! are answered and everything that was appended is durable.

use alloc::sync::Arc;

use crate::config::Config;
use crate::input::{Fault, Link, Mark, Ticket, Unsettled};
use crate::message::Message;
use crate::notification::Notification;
use crate::plan::Plan;
use crate::{Epoch, ServerId, Zxid};

/// What a server is for its reactors and for the words that tell of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Looking,
    Following {
        leader: ServerId,
        epoch: Epoch,
    },
    /// `leader` may be a follower that serves observers in the leader's place.
    Observing {
        leader: ServerId,
        epoch: Epoch,
    },
    Leading {
        epoch: Epoch,
    },
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
    /// This server stops. What was to be sent before goes out first; nothing does with any other reason.
    Stopped,
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
    /// It does not know the configuration in force, while a change of that is under way.
    OldConfig,
    /// It proposes another configuration, and reconfigEnabled is off here: this server would have the change in its log, and go on
    /// counting by the configuration before. The node's words name the setting, which all members need before the first change.
    ReconfigDisabled,
    /// The configuration gives this server another part, or another leader.
    Reconfigured,
    /// The history could not be made what the leader said.
    Unsettled(Unsettled),
    /// A state is not the leader's.
    Diverged,
    /// There are as many links as may be.
    TooMany,
}

/// Why a role has ended, so that its server looks for a leader again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A learner could not connect to its leader in time.
    LeaderUnreached,
    /// A learner could not connect to its leader, which looks for another one.
    LeaderLooks,
    /// A learner could not connect to its leader, to which the election has no connection any more either.
    LeaderGone,
    /// A learner's link to its leader is gone.
    LinkDown,
    /// A learner has closed its link to its leader.
    LinkClosed(Reason),
    /// A leader is not followed by a quorum any more.
    NotFollowed,
    /// Whoever was to lead had no quorum in time.
    NoQuorum,
    /// Whoever was to lead could not have a quorum any more: too many want another leader, or are gone.
    Abandoned,
    /// A member that looks for a leader cannot follow this one, because it has promised a later epoch.
    LaterEpoch,
    /// Without those whose history is newer there is no quorum.
    NewerHistories,
    /// Without those who had promised the epoch before there is no quorum for it.
    PromisesSpent,
    /// Whoever was to lead has no history to lead with.
    NoHistory,
    /// A leader has used the last transaction of its epoch.
    EpochUsedUp,
    /// A leader's own disk has not taken what was proposed for too long, and the others can go on without it.
    DiskBehind,
    /// A leader has committed a configuration under which another server leads.
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
    /// Opens the quorum port, or closes it. A server that opens it may come to lead: its state is to be that of its whole
    /// history from here on, and is not made public.
    Listen(bool),
    /// One attempt to connect to this server's quorum port.
    Connect(ServerId),
    /// The same to its observerMasterPort. It is answered likewise.
    ConnectToObserverMaster(ServerId),
    /// Opens the observerMasterPort of a follower, until it [becomes](Output::Become) a server that looks. Whoever connects there
    /// is told of by the inputs that tell of a leader's learners, and the outputs for these are for it: its history ends with
    /// what is committed, and it is sent what is committed from here on, the proposals first that are in the log already.
    ServeObservers,
    Send(Link, Message),
    Close(Link, Reason),
    /// A file is replaced whole. What is appended behind it, or goes to the log in a later step, is not durable before the file
    /// is: no log has a reconfiguration, or anything that follows one, without its configuration in the file.
    Write(Mark),
    /// Learner: the proposal at hand goes to the log's buffer (or, while a whole state is taken, is kept for its log).
    Append(Zxid),
    /// TRUNC: the durable history ends with this transaction from here on. Nothing more is read of the link until that is
    /// answered. After a refusal the history is as it was.
    Cut(Zxid),
    /// SNAP: from here on the bytes of the link are a whole state, until its signature has come. The node gives the link up
    /// when no bytes come for initLimit ticks. [`Become`](Output::Become) a server that looks drops what has come so far; it
    /// is answered all the same, with whatever it has come to, and the history is as it was.
    Replace(Zxid),
    /// NEWLEADER: whatever was appended or brought becomes durable. What came by SNAP and is committed by then is the state
    /// with which the new history begins.
    Settle,
    /// Everything up to this transaction is committed, or, as long as a learner does not serve, belongs to its leader's
    /// history. A learner applies it, and makes it public once it serves. A leader makes it public and tells its learners.
    Commit(Zxid),
    /// Leader: the first packet of the plan goes to this link, and then the history that the plan names. The node gives the
    /// link up when the learner takes nothing for initLimit ticks.
    Sync(Link, Plan),
    /// Leader: what is left of the history goes to this link in this moment, then, if it is no observer's, every proposal that
    /// is not committed; and from now on it is sent what all are sent, until it is told another LEADERINFO.
    Join(Link),
    /// Leader: nothing more is ordered, so that no transaction is given a zxid, nor a ticket to a sync; whoever asks for something
    /// waits. When what was begun is proposed, [`Input::Suspended`](crate::Input::Suspended) is owed, once. It lasts until this is put out
    /// with `false`, or the role has [become](Output::Become) another: that of a leader of the next epoch, too. A leader under whose
    /// configuration another one leads is suspended until it leaves: what it would propose is not committed by it any more.
    Suspend(bool),
    /// The leader still led when the ticket came: the sync may be answered once everything that was proposed by then is
    /// committed.
    Confirmed(Ticket),
    /// It may not have.
    Lost(Ticket),
    /// A leader may propose from the first time on that it becomes one, whether or not it serves; and no more once it was told
    /// to [stop](crate::Input::Stop). One that leads already begins another epoch: for clients nothing changes. Looking, a server
    /// has neither a link nor an attempt to connect to a leader any more: those of a follower's observers end with this.
    Become(Part, Serve),
    /// This configuration is in force from here on; it stands right behind the [`Write`](Output::Write) of
    /// [`Mark::Committed`] with it, and [`Zab::state`](crate::Zab::state) has it already. The node opens its client's port where
    /// this says, shows it in `/zookeeper/config`, and connects to whom it is told by [`Dial`](Output::Dial): addresses are those
    /// of both configurations in [`State::configs`](crate::zab::State::configs), the committed one first.
    ///
    /// | where | what else comes in the step, in this order |
    /// |---|---|
    /// | leader | `Commit(z)`, `Write`, `Activate`: `z` is the reconfiguration, and what was committed before it, and nothing after it. Every learner that has joined is told COMMITANDACTIVATE with `leader`, or INFORMANDACTIVATE, in the place of the COMMIT of `z`. If `leader` is another server, nothing is committed any more, and `Suspend(true)` follows: links are closed when those at their other ends have left, or a tick later |
    /// | leader whose reign begins | `Commit(last)`, `Write`, `Activate` with no `leader`, before `Become`: what comes with it is told by UPTODATE |
    /// | learner, in service | `Commit(z)`, `Write`, `Activate` with the `leader` that it was told. If that gives this server another leader or part, `Close` and `Become(Looking)` follow, and then `Connect` to the leader, or `Listen`, without a search between |
    /// | learner, being synchronised | the same without `Commit`; behind it and with no `leader` at UPTODATE, or when the next reconfiguration comes before that |
    ///
    /// A configuration that a server adopts from a notification while it looks is written as committed, and not activated.
    Activate {
        config: Arc<Config>,
        leader: Option<ServerId>,
    },
    /// Whether the oracle lets this server go on alone. [`Input::Oracle`](crate::Input::Oracle) answers it, before anything else
    /// happens, with what the oracle says at that moment.
    AskOracle,
    Halt(HaltReason),
}
