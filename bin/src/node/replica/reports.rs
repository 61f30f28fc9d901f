//! What the reactors have reported of whom they heard, and when.

use std::time::{Duration, Instant};

use paddock_net::reactor::pause_min;

/// What is due waits so long at a time for the reactors' reports, which ring.
pub const REPORT_WAIT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Reports {
    /// Up to when each reactor has reported whom it heard.
    heard_until: Vec<Instant>,
    /// When each reactor has reported.
    reported_at: Vec<Instant>,
    /// Reports that are older than this mean that a reactor stands still, or has just done so.
    age_max: Duration,
}

impl Reports {
    /// Of so many reactors, which report every `heard_interval`.
    pub fn new(reactors: usize, heard_interval: Duration, now: Instant) -> Reports {
        let moments = vec![now; reactors];
        Reports { heard_until: moments.clone(), reported_at: moments, age_max: pause_min(heard_interval) }
    }

    /// The reactor has reported, at this moment, all that it had heard `until` then.
    pub fn note(&mut self, reactor: usize, until: Instant, at: Instant) {
        (self.heard_until[reactor], self.reported_at[reactor]) = (until, at);
    }

    /// Up to when every reactor has reported whom it heard, and done with all that came before.
    pub fn heard_until(&self) -> Instant {
        self.heard_until.iter().min().copied().expect("there is a reactor")
    }

    /// When one of them has reported last.
    pub fn newest(&self) -> Instant {
        self.reported_at.iter().max().copied().expect("there is a reactor")
    }

    /// Whether every reactor has reported just now. After a pause none has: writes wait in the sockets.
    pub fn are_fresh(&self, now: Instant) -> bool {
        self.reported_at.iter().all(|at| now.saturating_duration_since(*at) <= self.age_max)
    }
}
