//! Whether the state of a learner is that of its leader: each transaction brings the digest that the leader's tree had behind it.
//!
//! Who finds another digest takes a full copy. Which of the two is wrong it cannot know: where the leader is, all others leave it,
//! and it leads no longer. If the copy does not have the leader's digests either, then these are wrong, and nobody is stopped by
//! them. But if it had them for a while, and differs again, then it is this server that applies something wrongly.

use paddock_consensus::Epoch;

/// What is to be done about another digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A full copy is taken.
    Copy,
    /// That is known already.
    Known,
    /// The leader's digests do not go with its own state. Told once.
    LeaderIsWrong,
    /// This server has no right state for long.
    ServerIsWrong,
}

#[derive(Default)]
pub struct Divergence {
    /// Of the leader whose state was another one.
    epoch: Option<Epoch>,
    /// A copy was taken since, when so many digests had been the same.
    copied: Option<u64>,
    is_told: bool,
    /// No snapshot has been taken of a state that others have too, since one was another when so many digests had been the same.
    unkept: Option<u64>,
}

impl Divergence {
    /// The leader of this epoch has another digest. `agreed` digests were the same since the process began.
    pub fn note(&mut self, epoch: Epoch, agreed: u64) -> Verdict {
        if self.epoch != Some(epoch) {
            *self = Divergence { epoch: Some(epoch), unkept: Some(agreed), ..Divergence::default() };
            return Verdict::Copy;
        }
        match self.copied {
            Some(copied) if agreed > copied => Verdict::ServerIsWrong,
            Some(_) if !std::mem::replace(&mut self.is_told, true) => Verdict::LeaderIsWrong,
            _ => Verdict::Known,
        }
    }

    /// A full copy is in place, and begins with a snapshot.
    pub fn note_copied(&mut self, agreed: u64) {
        (self.copied, self.unkept) = (Some(agreed), None);
    }

    /// Whether a snapshot is due, once: a log that has a wrong digest in it is refused by a start which goes through that, and more
    /// than one server may have it. Whoever had the right state then is one that others agree with, or that leads them.
    pub fn take_due(&mut self, agreed: u64, leads: bool) -> bool {
        self.unkept.take_if(|unkept| leads || agreed > *unkept).is_some()
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Epoch;

    use super::{Divergence, Verdict};

    #[test]
    fn a_copy_tells_whose_digests_are_wrong() {
        let mut divergence = Divergence::default();
        assert_eq!(divergence.note(Epoch(3), 10), Verdict::Copy);
        assert_eq!(divergence.note(Epoch(3), 10), Verdict::Known, "it is on its way");
        divergence.note_copied(10);
        assert_eq!(divergence.note(Epoch(3), 10), Verdict::LeaderIsWrong);
        assert_eq!(divergence.note(Epoch(3), 10), Verdict::Known, "it is told once");
        assert_eq!(divergence.note(Epoch(3), 11), Verdict::ServerIsWrong);
        assert_eq!(divergence.note(Epoch(4), 11), Verdict::Copy, "another leader may be right about it");
    }

    #[test]
    fn a_snapshot_is_due_where_others_have_the_same_state() {
        let mut divergence = Divergence::default();
        assert!(!divergence.take_due(10, true));
        divergence.note(Epoch(3), 10);
        assert!(!divergence.take_due(10, false));
        assert!(divergence.take_due(11, false) && !divergence.take_due(12, false), "once");
        divergence.note(Epoch(4), 12);
        assert!(divergence.take_due(12, true), "its state is what the others are brought");
        divergence.note(Epoch(5), 12);
        divergence.note_copied(12);
        assert!(!divergence.take_due(13, false), "a copy begins with one");
    }
}
