//! How long requests have waited until they were taken. Those that a reactor's turn has brought came at one moment, and are told of
//! together.

use std::time::Instant;

use paddock_net::distribution::Latency;

pub struct Waits {
    /// When those came that were taken last; any moment, where none is untold.
    received: Instant,
    /// How many of them were taken that are not told of.
    count: u64,
}

impl Waits {
    pub fn new(now: Instant) -> Waits {
        Waits { received: now, count: 0 }
    }

    /// One that came then is taken now.
    #[inline]
    pub fn note<'w>(&mut self, received: Instant, now: Instant, waited: impl FnOnce() -> &'w Latency) {
        if self.received != received {
            self.tell(now, waited());
            self.received = received;
        }
        self.count += 1;
    }

    /// To be called before it is another moment.
    pub fn tell(&mut self, now: Instant, waited: &Latency) {
        if self.count > 0 {
            waited.note_many(now.saturating_duration_since(self.received), std::mem::take(&mut self.count));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_net::distribution::Latency;

    use super::Waits;

    #[test]
    fn each_is_told_of_once() {
        let (waited, start) = (Latency::default(), Instant::now());
        let mut waits = Waits::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        for received in [1, 1, 3, 3, 3, 1] {
            waits.note(at(received), at(5), || &waited);
        }
        waits.tell(at(5), &waited);
        waits.tell(at(6), &waited);
        waits.note(at(1), at(9), || &waited);
        waits.tell(at(9), &waited);
        let totals = waited.micros.totals();
        assert_eq!((totals.count, totals.sum, totals.min, totals.max), (7, 3 * 4000 + 3 * 2000 + 8000, 2000, 8000));
    }
}
