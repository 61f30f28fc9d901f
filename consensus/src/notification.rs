//! A notification: what a server tells others of its vote, on the election port.

use crate::vote::Vote;

/// What a server does. The numbers are those of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum ServerState {
    Looking = 0,
    Following = 1,
    Leading = 2,
    Observing = 3,
}

impl ServerState {
    pub fn from_code(code: i32) -> Option<ServerState> {
        [ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing]
            .into_iter()
            .find(|state| *state as i32 == code)
    }

    pub fn code(self) -> i32 {
        self as i32
    }
}

/// How a notification was laid out, which the equality of votes asks for. Layouts without a version are `Unversioned`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Unversioned,
    Versioned,
}

/// Without its sender, whom the connection names, and without the text of the committed configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notification {
    pub state: ServerState,
    /// Of a server that is looking: its proposal. Of any other: its decision.
    pub vote: Vote,
    /// The round of the election in which that is its proposal or was its decision; -1 after a reconfiguration that named
    /// the leader.
    pub round: i64,
    pub format: Format,
}

impl Notification {
    /// Whether both speak for the same leader.
    ///
    /// Of a vote that is still open, all of it has to be the same. Those who have decided may have come to their leader by
    /// different elections, of which the zxid and the round are left over: one leader leads once in one epoch. And layouts
    /// without a version are those of servers that do not keep the epoch of their vote up to date.
    pub fn agrees_with(&self, other: &Notification) -> bool {
        let open = [self.state, other.state].contains(&ServerState::Looking);
        if open {
            return self.vote == other.vote && self.round == other.round;
        }
        let same_epoch = self.vote.peer_epoch == other.vote.peer_epoch || self.format != other.format;
        self.vote.leader == other.vote.leader && same_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Notification, ServerState};
    use crate::vote::Vote;
    use crate::{ServerId, Zxid};

    fn said(state: ServerState, leader: i64, zxid: i64, peer_epoch: i64, round: i64) -> Notification {
        let vote = Vote { leader: ServerId(leader), zxid: Zxid(zxid), peer_epoch };
        Notification { state, vote, round, format: Format::Versioned }
    }

    #[test]
    fn an_open_vote_has_to_be_the_same_in_all() {
        use ServerState::{Following, Looking};
        let open = said(Looking, 3, 7, 1, 5);
        for other in [Looking, Following] {
            assert!(open.agrees_with(&said(other, 3, 7, 1, 5)));
            for (leader, zxid, epoch, round) in [(2, 7, 1, 5), (3, 8, 1, 5), (3, 7, 2, 5), (3, 7, 1, 6)] {
                let different = said(other, leader, zxid, epoch, round);
                assert!(!open.agrees_with(&different) && !different.agrees_with(&open), "{different:?}");
            }
        }
    }

    #[test]
    fn those_who_have_decided_agree_by_leader_and_epoch() {
        use ServerState::{Following, Leading};
        let leads = said(Leading, 3, 7, 1, 5);
        assert!(leads.agrees_with(&said(Following, 3, 8, 1, 6)));
        assert!(!leads.agrees_with(&said(Following, 2, 7, 1, 5)));
        assert!(!leads.agrees_with(&said(Following, 3, 7, 2, 5)));
        let old = Notification { format: Format::Unversioned, ..said(Following, 3, 7, 2, 5) };
        assert!(leads.agrees_with(&old) && old.agrees_with(&leads), "its epoch says nothing");
        assert!(!old.agrees_with(&Notification { format: Format::Unversioned, ..leads }));
        assert!(!old.agrees_with(&said(Leading, 2, 7, 2, 5)));
    }
}
