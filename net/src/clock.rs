//! When something happened, as the words tell it.

use std::time::Instant;

use paddock_engine::io::sys;

/// The kernel's monotonic clock. An [`Instant`] is a point of it that says no number; two readings at one moment tie both.
#[derive(Debug)]
pub struct Clock {
    anchor: Instant,
    anchor_ms: u64,
}

impl Clock {
    pub fn new() -> Clock {
        Clock { anchor: Instant::now(), anchor_ms: sys::monotonic_millis() }
    }

    /// The point in milliseconds. Those before the clock was made are that of its making.
    pub fn millis(&self, point: Instant) -> u64 {
        let since = point.saturating_duration_since(self.anchor).as_millis();
        self.anchor_ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn points_are_as_far_apart_as_they_were() {
        let clock = Clock::new();
        let (first, later) = (clock.anchor, clock.anchor + Duration::from_millis(1234));
        assert_eq!(clock.millis(later) - clock.millis(first), 1234);
        assert_eq!(clock.millis(later), clock.millis(later), "a point stays where it is");
    }
}
