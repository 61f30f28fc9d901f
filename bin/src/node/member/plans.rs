//! In which ways a leader has made the histories of its learners its own.

use paddock_consensus::plan::{First, Plan};

/// How often each first packet was decided on since the start of the process.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Plans {
    pub diffs: u64,
    pub truncs: u64,
    pub snaps: u64,
}

impl Plans {
    pub(super) fn note(&mut self, plan: &Plan) {
        match plan.first {
            First::Diff(_) => self.diffs += 1,
            First::Trunc(_) => self.truncs += 1,
            First::Snap => self.snaps += 1,
        }
    }
}
