//! The configurations that apply to a server.

use alloc::sync::Arc;

use super::Config;
use crate::ServerId;

/// The committed configuration, and the last one that was seen in a proposal or in NEWLEADER. While the last one is newer, a
/// change is under way, and whatever is decided needs a quorum in both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configs {
    pub committed: Arc<Config>,
    pub last_seen: Arc<Config>,
}

impl Configs {
    /// Nothing is under way.
    pub fn settled(config: Arc<Config>) -> Configs {
        Configs { committed: config.clone(), last_seen: config }
    }

    /// What is committed was seen, whatever brought it.
    pub(crate) fn see_committed(&mut self) {
        if self.last_seen.version() < self.committed.version() {
            self.last_seen = self.committed.clone();
        }
    }

    /// Whether a change is under way.
    pub fn is_changing(&self) -> bool {
        self.last_seen.version() > self.committed.version()
    }

    /// Those in which a quorum is needed: the committed one, and the last seen if it is newer.
    pub fn applicable(&self) -> impl Iterator<Item = &Arc<Config>> {
        let newer = self.is_changing().then_some(&self.last_seen);
        core::iter::once(&self.committed).chain(newer)
    }

    /// Whether this server votes in one of both.
    pub fn is_voter(&self, server: ServerId) -> bool {
        self.committed.is_voter(server) || self.last_seen.is_voter(server)
    }

    /// Whether this server belongs to the ensemble in one of both.
    pub fn is_member(&self, server: ServerId) -> bool {
        [&self.committed, &self.last_seen].into_iter().any(|config| config.members().contains_key(&server))
    }

    /// Those who vote in one of both, each once, in ascending order of the one, then of the other.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> {
        let only_seen = self.last_seen.quorum().voters().filter(|voter| !self.committed.is_voter(*voter));
        self.committed.quorum().voters().chain(only_seen)
    }

    /// Whether the servers of which `counts` is true are a quorum in each that applies.
    pub fn is_quorum(&self, counts: impl Fn(ServerId) -> bool) -> bool {
        self.is_quorum_by(false, counts)
    }

    /// The same with the [word of an oracle](crate::quorum::QuorumSystem::is_quorum_by), which is worth nothing while two apply.
    pub fn is_quorum_by(&self, granted: bool, counts: impl Fn(ServerId) -> bool) -> bool {
        let granted = granted && !self.is_changing();
        self.applicable().all(|config| config.quorum().is_quorum_by(granted, &counts))
    }
}
