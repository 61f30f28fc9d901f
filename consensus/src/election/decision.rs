//! The outcome of an election.

use alloc::collections::BTreeSet;

use crate::config::Configs;
use crate::notification::{Format, Notification, ServerState};
use crate::vote::Vote;
use crate::{Epoch, ServerId, Zxid};

/// What a server has decided, for as long as it keeps to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Whom it follows, or itself.
    pub vote: Vote,
    /// The round in which this was decided; -1 if a reconfiguration named the leader.
    pub round: i64,
    /// Not looking.
    pub state: ServerState,
    /// Who was of the same mind when it decided, and has not gone looking since.
    pub supporters: BTreeSet<ServerId>,
}

/// The round and the epoch of a decision that a reconfiguration has taken.
const DESIGNATED: i64 = -1;

impl Decision {
    /// A reconfiguration has named the leader. Everybody was told, so all who have a say support it until they want another one.
    pub(crate) fn designated(leader: ServerId, zxid: Zxid, state: ServerState, configs: &Configs) -> Decision {
        let vote = Vote { leader, zxid, peer_epoch: DESIGNATED };
        Decision { vote, round: DESIGNATED, state, supporters: configs.voters().collect() }
    }

    /// What others who look for a leader are told.
    pub fn says(&self) -> Notification {
        Notification { state: self.state, vote: self.vote, round: self.round, format: Format::Versioned }
    }

    /// The leader's epoch has begun here: a learner has its history, or the leader itself begins to serve.
    ///
    /// Who came in by different elections has different zxids and rounds in its vote, but from here on the same epoch. A server
    /// that comes later finds a quorum of equal votes only by that.
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        self.vote.peer_epoch = i64::from(epoch.0);
    }

    /// A supporter that looks for a leader again, and not with this vote, supports it no more.
    pub fn hear(&mut self, from: ServerId, heard: &Notification) {
        let same = heard.vote == self.vote && heard.round == self.round;
        if heard.state == ServerState::Looking && !same {
            self.supporters.remove(&from);
        }
    }

    /// The connection to this server is lost: unless it has joined its leader already, it is perhaps not there any more.
    pub fn lose(&mut self, server: ServerId) {
        self.supporters.remove(&server);
    }

    /// Whether those who are left, with those who `have_joined` the leader, can still be a quorum. A leader that waits for its
    /// quorum need not wait on if not ([`Settings::abandon_wait`](crate::settings::Settings::abandon_wait)).
    pub fn is_supported(&self, configs: &Configs, have_joined: impl Fn(ServerId) -> bool) -> bool {
        configs.is_quorum(|server| self.supporters.contains(&server) || have_joined(server))
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::Decision;
    use crate::notification::{Format, Notification, ServerState};
    use crate::vote::Vote;
    use crate::{Epoch, ServerId, Zxid};

    #[test]
    fn a_supporter_is_one_until_it_wants_something_else() {
        let vote = Vote { leader: ServerId(3), zxid: Zxid(7), peer_epoch: 1 };
        let supporters = BTreeSet::from([1, 2, 3].map(ServerId));
        let mut decision = Decision { vote, round: 5, state: ServerState::Leading, supporters };
        let looks = Notification { state: ServerState::Looking, vote, round: 5, format: Format::Versioned };
        decision.hear(ServerId(1), &looks);
        decision.hear(ServerId(1), &Notification { state: ServerState::Following, round: 6, ..looks });
        assert!(decision.supporters.contains(&ServerId(1)), "it waits for silence, or has come to the same leader");
        decision.hear(ServerId(1), &Notification { round: 6, ..looks });
        decision.hear(ServerId(2), &Notification { vote: Vote { leader: ServerId(2), ..vote }, ..looks });
        assert_eq!(decision.supporters, BTreeSet::from([ServerId(3)]));
        decision.lose(ServerId(3));
        assert_eq!(decision.supporters, BTreeSet::new());
    }

    #[test]
    fn only_the_epoch_of_the_vote_follows_the_leader() {
        let vote = Vote { leader: ServerId(3), zxid: Zxid(7), peer_epoch: 1 };
        let decision = Decision { vote, round: 5, state: ServerState::Following, supporters: BTreeSet::new() };
        let mut begun = decision.clone();
        begun.begin_epoch(Epoch(4));
        assert_eq!(begun, Decision { vote: Vote { peer_epoch: 4, ..vote }, ..decision });
    }
}
