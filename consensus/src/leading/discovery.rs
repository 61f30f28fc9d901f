//! A leader's part in discovery: which epoch begins, and whether its history is the newest of a quorum's.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::link::{LearnerLink, State};
use super::links::Links;
use crate::config::Configs;
use crate::input::Mark;
use crate::output::{Cause, HaltReason, Output};
use crate::settings::Ms;
use crate::step::{Over, Step};
use crate::summary::Summary;
use crate::{Epoch, ServerId, Zxid};

/// Waits until a quorum has told which epoch it accepted last. The new one is above them all, and so nobody in a quorum ever
/// promised it, or a later one, to another leader.
#[derive(Clone, Debug)]
pub(super) struct AwaitingInfo {
    /// The one that would begin by what was told so far.
    epoch: Epoch,
    began: Ms,
}

impl AwaitingInfo {
    pub(super) fn begin(step: &Step<'_>) -> Result<AwaitingInfo, Over> {
        let next = step.server.newest_accepted().next();
        let epoch = next.ok_or(Over::Halt(HaltReason::EpochsExhausted))?;
        Ok(AwaitingInfo { epoch, began: step.now })
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn began(&self) -> Ms {
        self.began
    }

    /// A learner, whether it votes or not, accepted this epoch last. The last epoch of all cannot be heard here.
    pub(super) fn hear(&mut self, accepted: Epoch) {
        self.epoch = accepted.next().map_or(self.epoch, |next| next.max(self.epoch));
    }

    pub(super) fn has_quorum(links: &Links, step: &Step<'_>) -> bool {
        links.are_quorum(step, |open| matches!(open.state(), State::AwaitingEpochQuorum(_)))
    }
}

/// The epoch is known: it is written before anybody is told.
///
/// A configuration that only stands in files has no version. The first leader gives it one, so that a server which was started
/// with another file cannot have a newer one.
pub(super) fn write_accepted(epoch: Epoch, step: &mut Step<'_>) {
    step.put(Output::Write(Mark::AcceptedEpoch(epoch)));
    let Configs { committed, last_seen } = step.server.configs();
    if committed.version() == Zxid::ZERO && last_seen.version() == Zxid::ZERO {
        let begin = Zxid::start_of(epoch);
        let stamped = Arc::new(last_seen.with_version(begin));
        step.server.see(begin, &stamped, step.out);
    }
}

/// Waits until a quorum has promised to follow. Elections are not trusted: each is compared once more.
#[derive(Clone, Debug)]
pub(super) struct AwaitingAckEpoch {
    epoch: Epoch,
    own: Summary,
    began: Ms,
    /// The voters with a newer history, which this server must not lead.
    newer: BTreeSet<ServerId>,
    /// The voters that had promised this epoch before: none of them counts in it any more.
    spent: BTreeSet<ServerId>,
}

impl AwaitingAckEpoch {
    pub(super) fn begin(epoch: Epoch, step: &Step<'_>) -> Result<AwaitingAckEpoch, Over> {
        let own = step.server.summary().ok_or(Over::Look(Cause::NoHistory))?;
        Ok(AwaitingAckEpoch { epoch, own, began: step.now, newer: BTreeSet::new(), spent: BTreeSet::new() })
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn began(&self) -> Ms {
        self.began
    }

    /// Whether this learner's history is newer than the leader's. Of others than voters, who may be any number, nothing is kept.
    pub(super) fn is_newer(&mut self, server: ServerId, current: Option<Epoch>, last: Zxid, step: &Step<'_>) -> bool {
        let newer = current.is_some_and(|current_epoch| Summary { current_epoch, last } > self.own);
        if newer && step.server.configs().is_voter(server) {
            self.newer.insert(server);
        }
        newer
    }

    /// This learner had promised the epoch before.
    pub(super) fn note_spent(&mut self, server: ServerId) {
        self.spent.insert(server);
    }

    /// Whether those who are not newer can be a quorum.
    pub(super) fn can_lead(&self, step: &Step<'_>) -> bool {
        step.server.configs().is_quorum(|voter| !self.newer.contains(&voter))
    }

    /// Whether those who may still promise this epoch, or have done so, can be a quorum.
    pub(super) fn can_begin(&self, step: &Step<'_>) -> bool {
        step.server.configs().is_quorum(|voter| !self.newer.contains(&voter) && !self.spent.contains(&voter))
    }

    pub(super) fn has_quorum(links: &Links, step: &Step<'_>) -> bool {
        let counts = |open: &LearnerLink| match open.state() {
            State::AwaitingAckEpochQuorum(_, promise) => promise.counts,
            _ => false,
        };
        links.are_quorum(step, counts)
    }
}
