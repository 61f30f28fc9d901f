//! A learner that serves is asked for the promise of the next epoch by the leader that it follows. It goes on serving, and the
//! ordinary way, in which nothing of its history changes.

use super::discovery::WritingAccepted;
use crate::output::Output;
use crate::step::Step;
use crate::{Epoch, input::Mark};

/// The promise tells what the disk holds, so that what was appended becomes durable first.
#[derive(Clone, Debug)]
pub(super) struct Renewing {
    epoch: Epoch,
}

impl Renewing {
    pub(super) fn begin(epoch: Epoch) -> Renewing {
        Renewing { epoch }
    }

    /// Promises it if everything is durable.
    pub(super) fn promise(&self, step: &mut Step<'_>) -> Option<WritingAccepted> {
        let is_drained = step.server.is_drained();
        is_drained.then(|| {
            step.put(Output::Write(Mark::AcceptedEpoch(self.epoch)));
            WritingAccepted::in_service(self.epoch)
        })
    }
}
