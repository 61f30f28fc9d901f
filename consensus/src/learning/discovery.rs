//! A learner's part in discovery: it promises an epoch, and tells what it has.

use super::history::TakingHistory;
use super::master::Master;
use crate::input::{Mark, Unsettled};
use crate::message::Message;
use crate::mutants::mutant;
use crate::output::{Output, Reason};
use crate::step::Step;
use crate::{Epoch, Zxid};

/// The promise to follow no leader of an earlier epoch any more.
#[derive(Clone, Debug)]
pub(super) enum Promise {
    /// It is new, and counts for the leader, once it is durable.
    Writing(WritingAccepted),
    /// It was made before, perhaps to another leader of this epoch that never was one: it must not count twice.
    Kept(AwaitingPlan),
}

#[derive(Clone, Debug)]
pub(super) struct WritingAccepted {
    epoch: Epoch,
    serves: bool,
}

/// `serves`: clients see the history, so that nothing of it may change, nor anything come that is not committed yet.
#[derive(Clone, Debug)]
pub(super) struct AwaitingPlan {
    epoch: Epoch,
    serves: bool,
}

#[derive(Clone, Debug)]
pub(super) struct AwaitingCut {
    epoch: Epoch,
    last: Zxid,
}

#[derive(Clone, Debug)]
pub(super) struct AwaitingState {
    epoch: Epoch,
    last: Zxid,
}

impl Promise {
    pub(super) fn make(epoch: Epoch, master: &Master, step: &mut Step<'_>) -> Result<Promise, Reason> {
        let accepted = step.server.epochs().accepted();
        if epoch < accepted {
            return Err(Reason::OldEpoch);
        }
        if epoch == accepted {
            return Ok(Promise::Kept(AwaitingPlan::begin(epoch, false, master, step)));
        }
        if mutant!(16) {
            let plan = AwaitingPlan::begin(epoch, true, master, step);
            step.put(Output::Write(Mark::AcceptedEpoch(epoch)));
            return Ok(Promise::Kept(plan));
        }
        step.put(Output::Write(Mark::AcceptedEpoch(epoch)));
        Ok(Promise::Writing(WritingAccepted { epoch, serves: false }))
    }
}

impl WritingAccepted {
    /// Of a learner that serves meanwhile.
    pub(super) fn in_service(epoch: Epoch) -> WritingAccepted {
        WritingAccepted { epoch, serves: true }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn on_written(self, master: &Master, step: &mut Step<'_>) -> AwaitingPlan {
        AwaitingPlan { serves: self.serves, ..AwaitingPlan::begin(self.epoch, true, master, step) }
    }
}

impl AwaitingPlan {
    /// Tells what this server has; `counts` is whether that may count for the leader.
    fn begin(epoch: Epoch, counts: bool, master: &Master, step: &mut Step<'_>) -> AwaitingPlan {
        let has = step.server.summary_for(epoch);
        let current = has.filter(|_| counts).map(|summary| summary.current_epoch);
        let last = has.map_or(Zxid::NOTHING, |summary| summary.last);
        step.send(master.link, Message::AckEpoch { current, last });
        AwaitingPlan { epoch, serves: false }
    }

    /// The whole history is kept, and with that is the leader's.
    pub(super) fn on_diff(self, told: Zxid, step: &mut Step<'_>) -> Result<TakingHistory, Reason> {
        let last = self.kept(Zxid::ZERO, step)?;
        Ok(match self.serves {
            true => TakingHistory::in_service(self.epoch, last),
            false => TakingHistory::behind(self.epoch, last, told, step),
        })
    }

    /// The history is kept up to `last`.
    pub(super) fn on_trunc(self, last: Zxid, step: &mut Step<'_>) -> Result<AwaitingCut, Reason> {
        let end = self.kept(last, step)?;
        if last > end || self.serves {
            return Err(self.unexpected(last));
        }
        if !step.server.log.history().contains(last) {
            step.server.distrust(self.epoch);
            return Err(Reason::Unsettled(Unsettled::NotThere));
        }
        step.server.log.cut(last);
        step.put(Output::Cut(last));
        Ok(AwaitingCut { epoch: self.epoch, last })
    }

    /// A whole state comes in the place of the history.
    pub(super) fn on_snap(self, last: Zxid, step: &mut Step<'_>) -> Result<AwaitingState, Reason> {
        if last < Zxid::ZERO || last.epoch() > self.epoch || self.serves {
            return Err(self.unexpected(last));
        }
        step.server.log.replace(last);
        step.put(Output::Replace(last));
        Ok(AwaitingState { epoch: self.epoch, last })
    }

    /// The end of the history; there is nothing to keep for a server that told the leader that it has none.
    fn kept(&self, zxid: Zxid, step: &Step<'_>) -> Result<Zxid, Reason> {
        let has = step.server.summary_for(self.epoch);
        has.map(|summary| summary.last).ok_or_else(|| self.unexpected(zxid))
    }

    fn unexpected(&self, zxid: Zxid) -> Reason {
        Reason::Unexpected { state: "AwaitingPlan", zxid }
    }
}

impl AwaitingCut {
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn on_settled(self, step: &mut Step<'_>) -> TakingHistory {
        TakingHistory::behind(self.epoch, self.last, self.last, step)
    }
}

impl AwaitingState {
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn on_settled(self) -> TakingHistory {
        TakingHistory::in_state(self.epoch, self.last)
    }
}
