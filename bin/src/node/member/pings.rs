//! When each learner was sent the PINGs that it has not answered: an answer tells of all whom it had heard by then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use paddock_consensus::input::Link;

/// A learner that answers so many too few is soon given up by the core.
const UNANSWERED_MAX: usize = 4096;

#[derive(Debug, Default)]
pub struct Pings {
    by_link: BTreeMap<Link, VecDeque<Instant>>,
}

impl Pings {
    /// The learner answers every PING that it is sent from here on.
    pub fn join(&mut self, link: Link) {
        self.by_link.insert(link, VecDeque::new());
    }

    pub fn leave(&mut self, link: Link) {
        self.by_link.remove(&link);
    }

    pub fn leave_all(&mut self) {
        self.by_link.clear();
    }

    pub fn note_sent(&mut self, link: Link, now: Instant) {
        if let Some(sent) = self.by_link.get_mut(&link)
            && sent.len() < UNANSWERED_MAX
        {
            sent.push_back(now);
        }
    }

    /// The learner has answered. Returns when the PING was sent.
    pub fn take_answered(&mut self, link: Link) -> Option<Instant> {
        self.by_link.get_mut(&link)?.pop_front()
    }
}
