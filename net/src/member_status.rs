//! Figures of a member of an ensemble, for whoever asks. The replica writes them, and any thread reads them.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, Ordering};

use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId};

use crate::by_server::ByServer;
use crate::counter::Counter;
use crate::distribution::Distribution;
use crate::observers::Observers;
use crate::sizes::Sizes;
use crate::stages::PeerStages;

/// The kinds of parts, as numbers. 0 is a server that stands alone.
const ALONE: u8 = 0;
const LOOKING: u8 = 1;
const FOLLOWING: u8 = 2;
const OBSERVING: u8 = 3;
const LEADING: u8 = 4;

/// The default is a server that stands alone, and tells nothing of this. Times are in ms; those that began with a transaction's
/// time, which whoever ordered it took from its own clock, are as right as the clocks go together.
#[derive(Debug, Default)]
pub struct MemberStatus {
    kind: AtomicU8,
    /// Whom it follows or observes.
    leader: AtomicI64,
    epoch: AtomicI32,
    /// Since when it is what it is, by the clock of the status.
    pub since: Counter,
    /// How many servers vote.
    pub quorum_size: Counter,
    /// Of a server that leads.
    pub leading: LeadingStatus,
    /// Of a server that follows or observes.
    pub learning: LearningStatus,
    /// Those who observe it.
    pub observers: Observers,
    /// How often it began to look for a leader.
    pub looking_count: Counter,
    /// From looking for a leader until one is decided on.
    pub election_time: Distribution,
    /// From looking for a leader until there is one and its history is here.
    pub unavailable_time: Distribution,
    /// The same, of those times after which it led.
    pub leader_unavailable_time: Distribution,
    /// From a transaction's time to when it was durable here, and was acknowledged.
    pub acknowledged_after: Distribution,
    /// How a leader, or a follower that serves observers, has brought others its history.
    pub bringing: BringingStatus,
}

/// What a leader has. It is of the last reign where the server leads no more.
#[derive(Debug, Default)]
pub struct LeadingStatus {
    /// Learners that have told who they are.
    pub learners: Counter,
    /// Participants that are sent what all are sent, whether they are in the configuration or not.
    pub synced_followers: Counter,
    /// Those of them that do not vote.
    pub synced_non_voting_followers: Counter,
    pub synced_observers: Counter,
    /// Syncs of learners that have no answer yet.
    pub pending_syncs: Counter,
    /// How long it had led at the beginning of its last turn, ms.
    pub uptime: Counter,
    /// The sizes of a reign's proposals.
    pub proposals: Sizes,
    pub proposed: Counter,
    pub committed: Counter,
    /// From a transaction's time to when a quorum had it, of the last one of those that were committed together.
    pub quorum_after: Distribution,
    /// From a transaction's time to when a server acknowledged it, the leader included, of each zxid that 1000 divides.
    pub acknowledged_by: ByServer<Distribution>,
    /// How long each server takes to acknowledge, microseconds by this leader's clock, and how often it was waited for.
    pub peers: ByServer<PeerStages>,
    /// Bytes that wait to be sent on each learner's link, at the end of each turn in which any do.
    pub waiting_for: ByServer<Distribution>,
}

/// What a follower or observer has.
#[derive(Debug, Default)]
pub struct LearningStatus {
    pub proposals: Counter,
    pub commits: Counter,
    /// From a transaction's time to when its proposal was in the buffer of the log.
    pub proposed_after: Distribution,
    /// From a transaction's time to when its commit came.
    pub committed_after: Distribution,
    /// From deciding on a leader until its history is here, as a follower and as an observer.
    pub followed_after: Distribution,
    pub observed_after: Distribution,
    /// Requests that wait for the leader, at each turn in which any do.
    pub forwarded: Distribution,
    /// Sessions that wait for something, at each turn in which something is committed.
    pub sessions_waiting: Distribution,
    /// How many transactions were committed together.
    pub committed_together: Distribution,
}

/// How others were brought the history.
#[derive(Debug, Default)]
pub struct BringingStatus {
    /// By the transactions that they lacked, or by a cut first.
    pub diffs: Counter,
    /// By the whole state.
    pub snaps: Counter,
    /// How many were being brought it, when one more began to be.
    pub diffs_under_way: Distribution,
    pub snaps_under_way: Distribution,
    /// Sessions of which others have asked whether they live.
    pub revalidations: Counter,
}

impl MemberStatus {
    /// What the server is; `None` if it stands alone. Leader and epoch may be those of its last part for a moment.
    pub fn part(&self) -> Option<Part> {
        let leader = ServerId(self.leader.load(Ordering::Relaxed));
        let epoch = Epoch(self.epoch.load(Ordering::Relaxed));
        Some(match self.kind.load(Ordering::Relaxed) {
            ALONE => return None,
            FOLLOWING => Part::Following { leader, epoch },
            OBSERVING => Part::Observing { leader, epoch },
            LEADING => Part::Leading { epoch },
            _ => Part::Looking,
        })
    }

    pub fn set_part(&self, part: Part) {
        let (kind, leader, epoch) = match part {
            Part::Looking => (LOOKING, None, None),
            Part::Following { leader, epoch } => (FOLLOWING, Some(leader), Some(epoch)),
            Part::Observing { leader, epoch } => (OBSERVING, Some(leader), Some(epoch)),
            Part::Leading { epoch } => (LEADING, None, Some(epoch)),
        };
        if let Some(ServerId(leader)) = leader {
            self.leader.store(leader, Ordering::Relaxed);
        }
        if let Some(Epoch(epoch)) = epoch {
            self.epoch.store(epoch, Ordering::Relaxed);
        }
        self.kind.store(kind, Ordering::Relaxed);
    }

    /// What counts events begins anew, and so do the sizes of a reign's proposals. For the one who writes them.
    pub fn reset(&self) {
        let MemberStatus { leading, learning, bringing, .. } = self;
        for counter in [
            &self.looking_count,
            &leading.proposed,
            &leading.committed,
            &learning.proposals,
            &learning.commits,
            &bringing.diffs,
            &bringing.snaps,
            &bringing.revalidations,
        ] {
            counter.set(0);
        }
        for distribution in [
            &self.election_time,
            &self.unavailable_time,
            &self.leader_unavailable_time,
            &self.acknowledged_after,
            &leading.quorum_after,
            &learning.proposed_after,
            &learning.committed_after,
            &learning.followed_after,
            &learning.observed_after,
            &learning.forwarded,
            &learning.sessions_waiting,
            &learning.committed_together,
            &bringing.diffs_under_way,
            &bringing.snaps_under_way,
        ] {
            distribution.reset();
        }
        leading.proposals.reset();
        leading.peers.for_each(|_, peer| peer.reset());
        for by_server in [&leading.acknowledged_by, &leading.waiting_for] {
            by_server.for_each(|_, distribution| distribution.reset());
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::output::Part;
    use paddock_consensus::{Epoch, ServerId};

    use super::MemberStatus;

    #[test]
    fn a_part_is_told_as_it_was_set() {
        let status = MemberStatus::default();
        assert_eq!(status.part(), None, "it stands alone");
        let (leader, epoch) = (ServerId(i64::MAX), Epoch(7));
        let parts = [
            Part::Looking,
            Part::Following { leader, epoch },
            Part::Observing { leader: ServerId(2), epoch: Epoch(8) },
            Part::Leading { epoch: Epoch(9) },
        ];
        for part in parts {
            status.set_part(part);
            assert_eq!(status.part(), Some(part));
        }
    }

    #[test]
    fn what_counts_events_begins_anew() {
        let status = MemberStatus::default();
        status.looking_count.add(1);
        status.election_time.note(20);
        status.leading.proposals.note(48);
        status.leading.acknowledged_by.with(ServerId(3), |distribution| distribution.note(5));
        status.reset();
        assert_eq!((status.looking_count.get(), status.election_time.totals().count), (0, 0));
        assert_eq!(status.leading.proposals.told(), [-1; 3]);
        let mut told = Vec::new();
        status
            .leading
            .acknowledged_by
            .for_each(|server, distribution| told.push((server, distribution.totals().count)));
        assert_eq!(told, [(ServerId(3), 0)], "the key stays");
    }
}
