//! When a client's session was heard for certain, which the judge is told: from then on it lives its timeout.
//!
//! A leader hears whoever sends it anything. A learner tells its leader in the answer to the next PING, and no session ends
//! before that; only a link that is lost takes such news with it. A packet that comes when the time of its session is out is
//! too late, even if the session has not ended yet, and counts for nothing. So each packet that counts follows upon one before.

use std::collections::VecDeque;
use std::time::Duration;

use super::faults::DRIFT_MAX;

/// After this a learner has told its leader whom it has heard, where no way is cut or slow: it is asked once in half a tick,
/// and knows what its reactor reports four times as often.
const TOLD_AFTER: Duration = Duration::from_secs(3);
/// So much is between two packets of which the judge is told.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// Who takes packets: a serving period of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taker {
    /// The place of the server.
    pub server: usize,
    /// Which process of the server it is.
    pub life: u64,
    pub period: u64,
    pub tells: Tells,
}

/// How the leader of the newest epoch comes to know of what is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tells {
    /// It hears that itself.
    AtOnce,
    /// Its learner tells it in time.
    InTime,
    /// Its learner may be cut off, or slow.
    Perhaps,
}

/// Of one session.
pub struct Hearing {
    timeout: Duration,
    /// The newest packet that counts.
    last: Duration,
    /// Of that one the judge was told.
    noted: Duration,
    /// Packets of which learners have perhaps not told yet, the oldest first.
    untold: VecDeque<(Duration, Taker)>,
}

impl Hearing {
    /// The session has begun, or was taken up again, by a packet of this time: it lives for its `timeout` at least.
    pub fn begin(timeout: Duration, at: Duration) -> Hearing {
        Hearing { timeout, last: at, noted: Duration::ZERO, untold: VecDeque::new() }
    }

    /// The same for a session that was there before.
    pub fn begin_again(&mut self, timeout: Duration, at: Duration) {
        self.timeout = timeout;
        self.last = self.last.max(at);
    }

    /// A packet was taken.
    pub fn take(&mut self, at: Duration, taker: Taker) {
        match taker.tells {
            Tells::AtOnce => self.count(at),
            Tells::InTime => self.untold.push_back((at, taker)),
            Tells::Perhaps => {}
        }
    }

    /// The leader has done what a packet asked for, however late that was. So it counts.
    pub fn take_done(&mut self, at: Duration) {
        self.last = self.last.max(at);
    }

    /// Some time has gone by. `last_report` says when the reactor of a process that is still in the same serving period has
    /// reported last.
    pub fn settle(&mut self, last_report: impl Fn(Taker) -> Option<Duration>) {
        while let Some(&(at, taker)) = self.untold.front() {
            match last_report(taker) {
                Some(reported) if reported < at + TOLD_AFTER => return,
                Some(_) => self.count(at),
                None => {}
            }
            self.untold.pop_front();
        }
    }

    fn count(&mut self, at: Duration) {
        if at + self.too_early() < self.last + self.timeout {
            self.last = self.last.max(at);
        }
    }

    /// By so much a server whose clock goes too fast may end the session too early.
    fn too_early(&self) -> Duration {
        self.timeout * DRIFT_MAX as u32 / 1000
    }

    /// The newest packet that counts, by a clock that is too fast, if the judge was told of none lately; with `at_once` if the
    /// judge was not told of this one.
    pub fn note(&mut self, at_once: bool) -> Option<Duration> {
        let after = if at_once { Duration::ZERO } else { NOTED_EVERY };
        if self.last <= self.noted + after {
            return None;
        }
        self.noted = self.last;
        Some(self.last.saturating_sub(self.too_early()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Hearing, TOLD_AFTER, Taker, Tells};

    const LEADER: Taker = Taker { server: 0, life: 1, period: 1, tells: Tells::AtOnce };
    const LEARNER: Taker = Taker { server: 1, tells: Tells::InTime, ..LEADER };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_comes_too_late_does_not_count_unless_it_is_done() {
        let mut hearing = Hearing::begin(seconds(10), seconds(1));
        hearing.take(seconds(10), LEADER);
        assert_eq!(hearing.note(true), Some(Duration::from_millis(9_900)));
        assert_eq!(hearing.note(true), None, "the judge knows");
        hearing.take(seconds(20), LEADER);
        assert_eq!(hearing.note(true), None);
        hearing.take_done(seconds(20));
        assert_eq!(hearing.note(true), Some(Duration::from_millis(19_900)));
    }

    #[test]
    fn what_a_learner_takes_counts_when_it_has_told_of_it() {
        let mut hearing = Hearing::begin(seconds(10), seconds(2));
        hearing.take(seconds(5), LEARNER);
        hearing.settle(|_| Some(seconds(5) + TOLD_AFTER / 2));
        assert_eq!(hearing.note(false), Some(Duration::from_millis(1_900)));
        hearing.settle(|taker| (taker == LEARNER).then_some(seconds(5) + TOLD_AFTER));
        assert_eq!(hearing.note(false), Some(Duration::from_millis(4_900)));
        hearing.take(seconds(6), LEARNER);
        hearing.settle(|_| None);
        hearing.settle(|_| Some(seconds(20)));
        assert_eq!(hearing.note(true), None, "its link is gone, and what it had to tell with it");
    }
}
