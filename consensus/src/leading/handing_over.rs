//! A leader that was told to stop leaves the others with everything that it has.

use super::broadcast::Broadcasting;
use super::links::Links;
use crate::output::HaltReason;
use crate::settings::Ms;
use crate::step::{Over, Step};

/// How long it waits for those who do not have everything.
const HAND_OVER: Ms = Ms(1000);
/// The same where those who have everything are a quorum without it. In the time of one group's way to a disk all that are well have it,
/// too. Whoever takes longer is waited for by the others, not by a leader that keeps everybody from writing: they decide as soon as it
/// votes with what it has been sent until now, or without it after the silence of an election.
const HAND_OVER_TO_QUORUM: Ms = Ms(20);

/// Nothing is proposed any more.
#[derive(Clone, Debug)]
pub(super) struct HandingOver {
    pub(super) reign: Broadcasting,
    /// It ends at this moment at the latest.
    until: Ms,
    /// The same, as long as those who have everything are a quorum without this leader.
    quorum_until: Option<Ms>,
}

impl HandingOver {
    pub(super) fn begin(reign: Broadcasting, step: &Step<'_>) -> HandingOver {
        HandingOver { reign, until: step.now.after(HAND_OVER), quorum_until: None }
    }

    pub(super) fn until(&self) -> Ms {
        self.quorum_until.unwrap_or(self.until).min(self.until)
    }

    /// It ends when every voter that is there has everything.
    pub(super) fn go_on(&mut self, links: &Links, step: &mut Step<'_>) -> Result<(), Over> {
        self.reign.commit(links, step)?;
        let has_quorum = self.reign.is_handed_to_quorum(links, step);
        self.quorum_until = has_quorum.then(|| self.quorum_until.unwrap_or(step.now.after(HAND_OVER_TO_QUORUM)));
        match self.reign.is_handed_over(links, step) {
            true => Err(Over::Halt(HaltReason::Stopped)),
            false => Ok(()),
        }
    }
}
