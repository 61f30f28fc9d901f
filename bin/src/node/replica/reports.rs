//! What the reactors have reported of whom they heard, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use paddock_consensus::input::Link;
use paddock_net::reactor::pause_min;

/// What is due waits so long at a time for the reactors' reports, which ring.
pub const REPORT_WAIT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Reports {
    /// Up to when each reactor has reported whom it heard.
    heard_until: Vec<Instant>,
    /// When each reactor has reported.
    reported_at: Vec<Instant>,
    /// On a leader: what each learner has reported.
    learners: BTreeMap<Link, Told>,
    /// Reports that are older than this mean that a reactor stands still, or has just done so.
    age_max: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    /// Up to when it has reported whom it heard.
    until: Instant,
    /// It went from one epoch to the next, and has not reported since: between them it serves, and is not asked.
    is_mute: bool,
}

impl Reports {
    /// Of so many reactors, which report every `heard_interval`.
    pub fn new(reactors: usize, heard_interval: Duration, now: Instant) -> Reports {
        let moments = vec![now; reactors];
        let learners = BTreeMap::new();
        Reports { heard_until: moments.clone(), reported_at: moments, learners, age_max: pause_min(heard_interval) }
    }

    /// The reactor has reported, at this moment, all that it had heard `until` then.
    pub fn note(&mut self, reactor: usize, until: Instant, at: Instant) {
        (self.heard_until[reactor], self.reported_at[reactor]) = (until, at);
    }

    /// From this moment on clients may be at this learner; until it is gone, no session expires that it has not reported on.
    pub fn join(&mut self, link: Link, now: Instant) {
        self.learners.insert(link, Told { until: now, is_mute: false });
    }

    /// The learner goes from one epoch to the next.
    pub fn mute(&mut self, link: Link) {
        if let Some(told) = self.learners.get_mut(&link) {
            told.is_mute = true;
        }
    }

    /// The learner is gone. Whether it was not asked for a while whom it heard.
    pub fn leave(&mut self, link: Link) -> bool {
        self.learners.remove(&link).is_some_and(|told| told.is_mute)
    }

    /// All of them are.
    pub fn leave_all(&mut self) {
        self.learners.clear();
    }

    /// The learner has reported all whom it had heard `until` then.
    pub fn note_learner(&mut self, link: Link, until: Instant) {
        if let Some(told) = self.learners.get_mut(&link) {
            *told = Told { until: until.max(told.until), is_mute: false };
        }
    }

    /// Up to when every reactor, and every learner, has reported whom it heard, and done with all that came before.
    pub fn heard_until(&self) -> Instant {
        let learners = self.learners.values().map(|told| &told.until);
        self.heard_until.iter().chain(learners).min().copied().expect("there is a reactor")
    }

    /// When one of them has reported last.
    pub fn newest(&self) -> Instant {
        self.reported_at.iter().max().copied().expect("there is a reactor")
    }

    /// Whether every reactor has reported just now. After a pause none has: writes wait in the sockets.
    pub fn are_fresh(&self, now: Instant) -> bool {
        self.reported_at.iter().all(|at| !self.is_pause(*at, now))
    }

    /// Whether so much time without a report counts.
    pub fn is_pause(&self, from: Instant, to: Instant) -> bool {
        to.saturating_duration_since(from) > self.age_max
    }
}
