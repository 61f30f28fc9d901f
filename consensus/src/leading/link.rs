//! A leader's link to one learner.

use crate::ServerId;
use crate::Zxid;
use crate::config::PeerType;
use crate::settings::{Features, Ms, Settings};

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Learner {
    pub(super) server: ServerId,
    pub(super) peer_type: PeerType,
    pub(super) features: Features,
    /// The committed configuration with which it came.
    pub(super) config_version: Zxid,
}

impl Learner {
    pub(super) fn observes(&self) -> bool {
        self.peer_type == PeerType::Observer
    }

    /// Whether it says of itself what no server of ZooKeeper does.
    pub(super) fn is_paddock(&self) -> bool {
        self.features != Features::default()
    }
}

/// A learner as others may see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnerState {
    pub server: ServerId,
    /// What it says that it is.
    pub peer_type: PeerType,
    /// The name of the state of its link, by what that waits for.
    pub awaits: &'static str,
    /// It is sent what all are sent.
    pub has_joined: bool,
    /// It has the history, and serves.
    pub is_live: bool,
}

/// How far a learner has come, named by what is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    AwaitingInfo,
    /// The leader knows its epoch when a quorum has told theirs.
    AwaitingEpochQuorum(Learner),
    AwaitingAckEpoch(Learner),
    /// The leader may lead when a quorum has promised to follow, with histories no newer than its own.
    AwaitingAckEpochQuorum(Learner, Promise),
    /// The history is on its way.
    CatchingUp(Learner, Catching),
    AwaitingNewLeaderAck(Learner, Joined),
    /// The leader serves when a quorum has its history; and it waits for the end of a change that is under way.
    AwaitingStart(Learner, Zxid),
    Live(Learner, Live),
}

/// What a learner said in ACKEPOCH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Promise {
    pub(super) last: Zxid,
    /// Not of a learner that had promised this epoch before, or has no history.
    pub(super) counts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Catching {
    /// Nothing can be sent between the bytes of a whole state.
    pub(super) by_state: bool,
    /// The state is not sent yet: all that it holds is to be committed first.
    pub(super) awaits_state: bool,
}

/// NEWLEADER has gone out, behind the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Joined {
    /// So much was sent as committed: it is what the acknowledgement of NEWLEADER stands for.
    pub(super) covered: Zxid,
    /// What was acknowledged before NEWLEADER. It counts for nothing before that is acknowledged too.
    pub(super) early: Zxid,
}

/// It has the history, and serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Live {
    /// It has everything up to here, durably.
    pub(super) acknowledged: Zxid,
    pub(super) pings: Pings,
    pub(super) lag: Lag,
}

/// PINGs since UPTODATE: each is answered once, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pings {
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// So many answers prove that it followed when the syncs that are being confirmed had come.
    pub(super) needed: u64,
}

/// Since when a learner has not acknowledged what was proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lag {
    None,
    Of { proposed: Zxid, since: Ms },
}

/// One connection of the quorum port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LearnerLink {
    /// When the last packet came from the learner, or its present state began.
    heard: Ms,
    state: State,
}

impl LearnerLink {
    pub(super) fn begin(now: Ms) -> LearnerLink {
        LearnerLink { heard: now, state: State::AwaitingInfo }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// When the last packet came from it, or its present state began.
    pub(super) fn heard(&self) -> Ms {
        self.heard
    }

    /// It has come one further.
    pub(super) fn enter(&mut self, state: State, now: Ms) {
        *self = LearnerLink { heard: now, state };
    }

    /// What is known of it in the state that it is in.
    pub(super) fn set(&mut self, state: State) {
        self.state = state;
    }

    pub(super) fn hear(&mut self, now: Ms) {
        self.heard = now;
    }

    /// `None` before it has told.
    pub(super) fn learner(&self) -> Option<Learner> {
        match self.state {
            State::AwaitingInfo => None,
            State::AwaitingEpochQuorum(learner)
            | State::AwaitingAckEpoch(learner)
            | State::AwaitingAckEpochQuorum(learner, _)
            | State::CatchingUp(learner, _)
            | State::AwaitingNewLeaderAck(learner, _)
            | State::AwaitingStart(learner, _)
            | State::Live(learner, _) => Some(learner),
        }
    }

    /// When it has been silent for too long. No state in which the leader owes the next word has a deadline, but for that in which
    /// a change may need what the learner acknowledges. While the history is on its way, the node sees whether it is taken.
    pub(super) fn deadline(&self, settings: &Settings) -> Option<Ms> {
        match self.state {
            State::AwaitingInfo
            | State::AwaitingAckEpoch(_)
            | State::AwaitingNewLeaderAck(..)
            | State::AwaitingStart(..) => Some(self.heard.after(settings.init_wait())),
            State::Live(..) => Some(self.heard.after(settings.sync_wait())),
            State::AwaitingEpochQuorum(_) | State::AwaitingAckEpochQuorum(..) | State::CatchingUp(..) => None,
        }
    }

    /// What it has durable of the history of this reign; `None` before it has acknowledged NEWLEADER.
    pub(super) fn acknowledged(&self) -> Option<Zxid> {
        match self.state {
            State::AwaitingStart(_, acknowledged) | State::Live(_, Live { acknowledged, .. }) => Some(acknowledged),
            _ => None,
        }
    }

    /// Whether it follows: it has promised the epoch, and takes the history or has it.
    pub(super) fn follows(&self) -> bool {
        matches!(
            self.state,
            State::CatchingUp(..) | State::AwaitingNewLeaderAck(..) | State::AwaitingStart(..) | State::Live(..)
        )
    }

    /// Whether it is to be brought a whole state, of which nothing is sent yet.
    pub(super) fn awaits_state(&self) -> bool {
        matches!(self.state, State::CatchingUp(_, Catching { awaits_state: true, .. }))
    }

    /// `None` before it has told who it is.
    pub(super) fn learner_state(&self) -> Option<LearnerState> {
        let Learner { server, peer_type, .. } = self.learner()?;
        let is_live = matches!(self.state, State::Live(..));
        let has_joined = is_live || matches!(self.state, State::AwaitingNewLeaderAck(..) | State::AwaitingStart(..));
        Some(LearnerState { server, peer_type, awaits: self.name(), has_joined, is_live })
    }

    pub(super) fn name(&self) -> &'static str {
        match self.state {
            State::AwaitingInfo => "AwaitingInfo",
            State::AwaitingEpochQuorum(_) => "AwaitingEpochQuorum",
            State::AwaitingAckEpoch(_) => "AwaitingAckEpoch",
            State::AwaitingAckEpochQuorum(..) => "AwaitingAckEpochQuorum",
            State::CatchingUp(..) => "CatchingUp",
            State::AwaitingNewLeaderAck(..) => "AwaitingNewLeaderAck",
            State::AwaitingStart(..) => "AwaitingStart",
            State::Live(..) => "Live",
        }
    }
}

impl Live {
    /// From UPTODATE on. A sync that is being confirmed needs the answer to the first PING, which is sent after it came.
    pub(super) fn begin(acknowledged: Zxid) -> Live {
        Live { acknowledged, pings: Pings { sent: 0, answered: 0, needed: 1 }, lag: Lag::None }
    }
}

impl Pings {
    /// Whether it followed when the syncs that are being confirmed had come.
    pub(super) fn are_enough(&self) -> bool {
        self.answered >= self.needed
    }
}

impl Lag {
    /// Looks at it once in a while. Whether something has been waiting for its acknowledgement for `limit`.
    pub(super) fn look(&mut self, acknowledged: Zxid, proposed: Zxid, now: Ms, limit: Ms) -> bool {
        match *self {
            Lag::Of { proposed, since } if acknowledged < proposed => now.since(since) >= limit,
            _ => {
                *self = if acknowledged < proposed { Lag::Of { proposed, since: now } } else { Lag::None };
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lag;
    use crate::Zxid;
    use crate::settings::Ms;

    #[test]
    fn a_learner_is_too_slow_when_one_proposal_waits_for_too_long() {
        let mut lag = Lag::None;
        let mut look = |acknowledged, proposed, now| lag.look(Zxid(acknowledged), Zxid(proposed), Ms(now), Ms(100));
        assert!(!look(5, 5, 0));
        assert!(!look(5, 7, 10), "6 waits from here on at the latest");
        assert!(!look(6, 9, 109));
        assert!(!look(7, 9, 110), "what waited is acknowledged, and something else waits");
        assert!(!look(8, 12, 209));
        assert!(look(8, 12, 210));
        assert!(!look(12, 12, 211));
        assert!(!look(12, 12, 1000));
    }
}
