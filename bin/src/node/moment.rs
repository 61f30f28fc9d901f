//! The moment of a turn.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What both clocks show. It is read once a turn, by whoever drives the replica: nothing in the replica reads a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The monotonic clock.
    pub now: Instant,
    /// The wall clock, ms since 1970.
    pub wall_ms: i64,
}

impl Moment {
    /// Reads the system's clocks. One that stands before 1970 counts as 1970.
    pub fn read() -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { now: Instant::now(), wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX) }
    }
}

/// The moment from which a replica counts the milliseconds of its monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Start(pub Instant);

impl Start {
    /// The moment in milliseconds; what came before the start is 0.
    pub fn millis(self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.0).as_millis() as u64
    }

    /// From now to this millisecond, nothing if it has come.
    pub fn until(self, millis: u64, now: Instant) -> Duration {
        Duration::from_millis(millis).saturating_sub(now.saturating_duration_since(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Start;

    #[test]
    fn milliseconds_count_from_the_start() {
        let now = Instant::now();
        let start = Start(now);
        assert_eq!(start.millis(now + Duration::from_micros(2500)), 2);
        assert_eq!(start.until(5, now + Duration::from_micros(2500)), Duration::from_micros(2500));
        assert_eq!((start.until(5, now + Duration::from_secs(1)), start.millis(now)), (Duration::ZERO, 0));
    }
}
