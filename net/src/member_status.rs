//! Figures of a member of an ensemble, for whoever asks. The replica writes them, and any thread reads them.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, Ordering};

use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId};

use crate::counter::{Counter, Summary};

/// The kinds of parts, as numbers. 0 is a server that stands alone.
const ALONE: u8 = 0;
const LOOKING: u8 = 1;
const FOLLOWING: u8 = 2;
const OBSERVING: u8 = 3;
const LEADING: u8 = 4;

/// The default is a server that stands alone, and tells nothing of this.
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
    /// How often it began to look for a leader.
    pub looking_count: Counter,
    /// From looking for a leader until one is decided on, ms.
    pub election_time: Summary,
    /// From looking for a leader until there is one and its history is here, ms.
    pub unavailable_time: Summary,
    /// The same, of those times after which it led.
    pub leader_unavailable_time: Summary,
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
    pub proposals: ProposalSizes,
}

/// The last, shortest and longest proposal of a reign, bytes. They are 0 before the first: no proposal is empty.
#[derive(Debug, Default)]
pub struct ProposalSizes {
    pub last: Counter,
    pub min: Counter,
    pub max: Counter,
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
}

impl ProposalSizes {
    /// For their one writer.
    pub fn note(&self, bytes: u64) {
        if self.min.get() == 0 || bytes < self.min.get() {
            self.min.set(bytes);
        }
        if bytes > self.max.get() {
            self.max.set(bytes);
        }
        self.last.set(bytes);
    }

    /// A reign begins.
    pub fn reset(&self) {
        [&self.last, &self.min, &self.max].into_iter().for_each(|size| size.set(0));
    }

    /// The last, the shortest and the longest; -1 before the first, as ZooKeeper has it.
    pub fn told(&self) -> [i64; 3] {
        [&self.last, &self.min, &self.max].map(|size| match size.get() {
            0 => -1,
            bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::output::Part;
    use paddock_consensus::{Epoch, ServerId};

    use super::{MemberStatus, ProposalSizes};

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
    fn sizes_of_proposals_are_those_of_one_reign() {
        let sizes = ProposalSizes::default();
        assert_eq!(sizes.told(), [-1; 3]);
        [48, 32, 2077, 50].into_iter().for_each(|bytes| sizes.note(bytes));
        assert_eq!(sizes.told(), [50, 32, 2077]);
        sizes.reset();
        assert_eq!(sizes.told(), [-1; 3]);
        sizes.note(60);
        assert_eq!(sizes.told(), [60; 3]);
    }
}
