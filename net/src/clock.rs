//! When something happened, as the four-letter words tell it.

use std::time::Instant;

use paddock_engine::io::sys;

/// The kernel's monotonic clock, in milliseconds. An [`Instant`] is a point of that clock too, but does not tell its number.
/// So both are read once at the same moment, and every other point is counted from there.
#[derive(Debug)]
pub struct Clock {
    /// The moment at which both were read.
    anchor: Instant,
    /// The same in milliseconds.
    anchor_ms: u64,
}

impl Clock {
    pub fn new() -> Clock {
        Clock { anchor: Instant::now(), anchor_ms: sys::monotonic_millis() }
    }

    /// When it was made, in milliseconds.
    pub fn anchor_millis(&self) -> u64 {
        self.anchor_ms
    }

    /// A point in microseconds. Points before this clock was made are taken for the moment of its making.
    pub fn micros(&self, point: Instant) -> u64 {
        let since = point.saturating_duration_since(self.anchor).as_micros();
        (self.anchor_ms.saturating_mul(1000)).saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// A point in milliseconds. Points before this clock was made are taken for the moment of its making.
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
        assert_eq!(clock.micros(later) - clock.micros(first), 1_234_000);
        assert_eq!(clock.millis(later), clock.millis(later), "a point stays where it is");
    }
}
