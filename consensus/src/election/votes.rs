//! What the voters have said.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::ServerId;
use crate::notification::{Notification, ServerState};

/// What each voter said last in one search. What it said before that counts no more, so that nobody is believed to follow who
/// looks again.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Votes {
    said: BTreeMap<ServerId, Notification>,
}

impl Votes {
    pub fn hear(&mut self, voter: ServerId, said: Notification) {
        self.said.insert(voter, said);
    }

    /// Whether this voter has said something in this round.
    pub fn knows(&self, voter: ServerId, round: i64) -> bool {
        self.said.get(&voter).is_some_and(|said| said.round == round)
    }

    /// This voter has no vote.
    pub fn forget(&mut self, voter: ServerId) {
        self.said.remove(&voter);
    }

    /// Those of one mind with `wanted`, among those that said what `counts` says.
    pub fn supporters(&self, wanted: &Notification, counts: impl Fn(&Notification) -> bool) -> BTreeSet<ServerId> {
        let of_one_mind = self.said.iter().filter(|(_, said)| counts(said) && said.agrees_with(wanted));
        of_one_mind.map(|(voter, _)| *voter).collect()
    }

    /// Whether this server says itself that it leads, in words that `counts`.
    pub fn leads(&self, server: ServerId, counts: impl Fn(&Notification) -> bool) -> bool {
        self.said
            .get(&server)
            .is_some_and(|said| said.state == ServerState::Leading && said.vote.leader == server && counts(said))
    }
}
