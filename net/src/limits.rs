//! What the connections of all reactors together may take: how many handshakes in a time, how many bytes of large
//! requests, and how many SASL authentications that fail.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::sasl::failures::Failures;
use crate::throttle::{ConnectionThrottle, ConnectionThrottleSettings, Handshake};

/// The limits that the reactors share.
#[derive(Debug)]
pub struct Limits {
    /// When the throttle's clock began.
    since: Instant,
    /// The throttle, which is asked once for each handshake; `None` if the operator has not set it.
    throttle: Option<Mutex<ConnectionThrottle>>,
    pub large: LargeRequests,
    /// SASL authentications that have failed of late.
    pub sasl_failures: Failures,
}

/// What the throttle says of a handshake.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Admission {
    pub is_admitted: bool,
    /// How many tokens the bucket lacks.
    pub token_deficit: u64,
    /// The chance of being turned away, 0 to 1.
    pub drop_chance: f64,
}

impl Limits {
    pub fn new(throttle: ConnectionThrottleSettings, large: LargeRequests) -> Limits {
        let throttle = (throttle.tokens > 0).then(|| Mutex::new(ConnectionThrottle::new(throttle, 0)));
        Limits { since: Instant::now(), throttle, large, sasl_failures: Failures::default() }
    }

    /// Whether the throttle lets this handshake go on.
    pub fn admit(&self, handshake: Handshake, now: Instant) -> Admission {
        let Some(throttle) = &self.throttle else {
            return Admission { is_admitted: true, token_deficit: 0, drop_chance: 0.0 };
        };
        let now_ms = now.saturating_duration_since(self.since).as_millis() as u64;
        let mut throttle = throttle.lock().expect("no holder of this lock panics");
        let is_admitted = throttle.admits(handshake, now_ms, dice());
        Admission { is_admitted, token_deficit: throttle.token_deficit(), drop_chance: throttle.drop_chance() }
    }
}

/// From 0 to just below 1.
fn dice() -> f64 {
    const BITS: u32 = 53;
    // If the system gives no random number it is 0, by which every handshake is turned away that has a chance of it.
    let random = getrandom::u64().unwrap_or_default() >> (u64::BITS - BITS);
    random as f64 / (1_u64 << BITS) as f64
}

/// The limit for requests longer than a threshold: while they are worked on, they may have no more than so many bytes
/// together.
#[derive(Debug)]
pub struct LargeRequests {
    /// Longer requests are large, bytes.
    threshold: usize,
    bytes_max: u64,
    /// The bytes of the large requests that are worked on.
    bytes: AtomicU64,
}

/// There is no room for a large request. Its connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoom;

impl LargeRequests {
    /// `threshold`: bytes; without one no request is large.
    pub fn new(threshold: Option<usize>, bytes_max: u64) -> LargeRequests {
        // Where there is none, none is longer.
        LargeRequests { threshold: threshold.unwrap_or(usize::MAX), bytes_max, bytes: AtomicU64::new(0) }
    }

    fn is_large(&self, length: usize) -> bool {
        length > self.threshold
    }

    /// Whether a frame of which only the length has come would find room now.
    pub fn foresee(&self, length: usize) -> Result<(), NoRoom> {
        let fits = self.bytes.load(Ordering::Relaxed) + length as u64 <= self.bytes_max;
        if fits || !self.is_large(length) { Ok(()) } else { Err(NoRoom) }
    }

    /// Counts a request. Returns how many bytes are to be given to [`LargeRequests::give_back`] when it is done with; 0 if it
    /// is not large.
    pub fn take(&self, length: usize) -> Result<usize, NoRoom> {
        if !self.is_large(length) {
            return Ok(0);
        }
        let before = self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        if before + length as u64 > self.bytes_max {
            self.give_back(length);
            return Err(NoRoom);
        }
        Ok(length)
    }

    /// The request that took these bytes is done with.
    pub fn give_back(&self, taken: usize) {
        if taken > 0 {
            self.bytes.fetch_sub(taken as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LargeRequests, NoRoom, dice};

    #[test]
    fn only_what_is_longer_than_the_threshold_counts() {
        let large = LargeRequests::new(Some(10), 25);
        assert_eq!(large.take(10), Ok(0));
        assert_eq!(large.take(11), Ok(11));
        assert_eq!((large.foresee(14), large.take(14)), (Ok(()), Ok(14)));
        assert_eq!((large.foresee(11), large.take(11)), (Err(NoRoom), Err(NoRoom)));
        assert_eq!((large.foresee(10), large.take(10)), (Ok(()), Ok(0)));
        large.give_back(11);
        assert_eq!(large.take(11), Ok(11), "one that was refused has taken nothing");
    }

    #[test]
    fn without_a_threshold_nothing_counts() {
        let large = LargeRequests::new(None, 1);
        assert_eq!((large.foresee(1 << 20), large.take(1 << 20)), (Ok(()), Ok(0)));
    }

    #[test]
    fn dice_fall_within_their_range_and_differ() {
        let thrown: Vec<f64> = (0..100).map(|_| dice()).collect();
        assert!(thrown.iter().all(|value| (0.0..1.0).contains(value)));
        assert!(thrown.iter().any(|value| *value != thrown[0]));
    }
}
