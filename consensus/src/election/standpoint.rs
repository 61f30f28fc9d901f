//! What a search for a leader is told of the server that searches.

use super::connections::Connections;
use crate::config::{Configs, PeerType};
use crate::settings::Settings;
use crate::summary::Summary;
use crate::vote::Vote;
use crate::{Epoch, ServerId};

/// What outlives a search, and is lent to it for one step.
#[derive(Debug)]
pub struct Standpoint<'a> {
    pub me: ServerId,
    /// What this server was told to be, which says whether it follows or observes whom it finds.
    pub peer_type: PeerType,
    /// The vote with which it begins a round: [`own_vote`].
    pub own: Vote,
    pub configs: &'a Configs,
    /// The epoch that it accepted last.
    pub accepted: Epoch,
    pub settings: &'a Settings,
    /// The round that this server is in, or was in last: 0 at the start of the process, and in no file.
    pub round: &'a mut i64,
    pub connections: &'a mut Connections,
}

/// The vote with which a server begins. `history` is `None` for an observer, and for a server that has no usable history:
/// either proposes nobody.
///
/// A server that does not vote in the committed configuration cannot propose itself, but what it has is told as it is.
pub fn own_vote(me: ServerId, configs: &Configs, history: Option<Summary>) -> Vote {
    let Some(Summary { current_epoch, last }) = history else { return Vote::LEAST };
    let leader = if configs.committed.is_voter(me) { me } else { Vote::LEAST.leader };
    Vote { leader, zxid: last, peer_epoch: i64::from(current_epoch.0) }
}

impl Standpoint<'_> {
    /// Whether this server has a say in who leads. One that has none waits until a leader is established.
    pub(super) fn proposes(&self) -> bool {
        self.own != Vote::LEAST
    }

    /// Whether this server takes over the votes of others and has none of its own: it observes, or is no member. It may be a
    /// voter of a configuration of which it has not heard, as observers hear of none before that is committed, and without it
    /// those who have heard of that may be no quorum. To all others it says nothing with it.
    pub(super) fn supports(&self) -> bool {
        self.own.leader != self.me && (self.peer_type == PeerType::Observer || self.proposes())
    }

    /// Everybody else who votes in one of the configurations.
    pub(super) fn others(&self) -> impl Iterator<Item = ServerId> {
        self.configs.voters().filter(|voter| *voter != self.me)
    }

    /// Whether a candidate is one who may lead: a voter without weight may not.
    pub(super) fn may_lead(&self, candidate: ServerId) -> bool {
        self.configs.committed.quorum().weight(candidate) > 0
    }

    /// Whether a server that proposes `current` has to propose `vote` instead. One that may not lead takes any other: it may have
    /// a say under a configuration that is not committed.
    pub(super) fn beats(&self, vote: &Vote, current: &Vote) -> bool {
        self.may_lead(vote.leader) && (vote > current || !self.may_lead(current.leader))
    }
}
