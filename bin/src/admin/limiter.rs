//! How often something may be asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use paddock_net::counter::Counter;

/// Lets one through in each interval. Those that are refused do not prolong it.
#[derive(Debug)]
pub struct Limiter {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl Limiter {
    pub fn new(interval: Duration) -> Limiter {
        Limiter { interval, last: Mutex::new(None) }
    }

    /// Whether it is let through.
    pub fn allows(&self, now: Instant) -> bool {
        let mut last = self.lock();
        let allowed = last.is_none_or(|last| now.saturating_duration_since(last) > self.interval);
        if allowed {
            *last = Some(now);
        }
        allowed
    }

    /// Counts one that was asked for. Several may be at once, and a counter has one writer at a time.
    pub fn note_one(&self, counter: &Counter) {
        let _writes_alone = self.lock();
        counter.add(1);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Limiter;

    #[test]
    fn one_is_let_through_in_each_interval() {
        let (limiter, now) = (Limiter::new(Duration::from_millis(300)), Instant::now());
        let asked = [0, 1, 300, 301, 302, 601, 602].map(|ms| limiter.allows(now + Duration::from_millis(ms)));
        assert_eq!(asked, [true, false, false, true, false, false, true]);
    }
}
