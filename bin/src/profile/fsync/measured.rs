//! What came of a cell.

use hdrhistogram::Histogram;

use super::cell::Cell;
use crate::bench::latencies;

/// The slowest writes of each cell that are told with their times.
const SLOWEST: usize = 5;

/// Of fewer writes no 99.9th percentile is told: it would be the slowest one.
const MANY: u64 = 1000;

/// One durable write. Nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed {
    /// From the beginning of the measurement to when it was submitted.
    pub at: u64,
    /// Until it was durable.
    pub took: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Measured {
    pub cell: Cell,
    /// Nanoseconds.
    pub latencies: Histogram<u64>,
    /// In which so many writes completed as the latencies are.
    pub seconds: f64,
    /// The slowest one first.
    pub slowest: Vec<Timed>,
}

impl Measured {
    pub fn new(cell: Cell) -> Measured {
        Measured { cell, latencies: latencies(), seconds: 0.0, slowest: Vec::with_capacity(SLOWEST + 1) }
    }

    /// Counts a write.
    pub fn note(&mut self, timed: Timed) {
        self.latencies.saturating_record(timed.took);
        let place = self.slowest.partition_point(|slower| slower.took >= timed.took);
        if place < SLOWEST {
            self.slowest.insert(place, timed);
            self.slowest.truncate(SLOWEST);
        }
    }

    pub fn writes(&self) -> u64 {
        self.latencies.len()
    }

    /// Durable writes a second.
    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.writes() as f64 / self.seconds } else { 0.0 }
    }

    /// From one completion to the next, on average.
    pub fn seconds_each(&self) -> f64 {
        self.seconds / self.writes().max(1) as f64
    }

    /// Megabytes (10^6) a second.
    pub fn megabytes_per_second(&self) -> f64 {
        self.per_second() * self.cell.bytes as f64 / 1e6
    }

    pub fn microseconds_at(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The 99.9th percentile, of many writes.
    pub fn p99_9_us(&self) -> Option<f64> {
        (self.writes() >= MANY).then(|| self.microseconds_at(0.999))
    }

    pub fn max_us(&self) -> f64 {
        self.latencies.max() as f64 / 1000.0
    }
}

#[cfg(test)]
pub mod tests {
    use super::{Measured, SLOWEST, Timed};
    use crate::profile::fsync::cell::{Cell, Space, Way};

    /// A cell of which each write took so many microseconds, one of them a hundred times as long.
    pub fn measured(cell: Cell, us: u64, writes: u64) -> Measured {
        let mut measured = Measured::new(cell);
        for n in 0..writes {
            let took = if n == writes / 2 { us * 100_000 } else { us * 1000 };
            measured.note(Timed { at: n * us * 1000, took });
        }
        measured.seconds = (writes * us) as f64 / 1e6 / cell.in_flight as f64;
        measured
    }

    #[test]
    fn the_slowest_are_kept_with_their_times() {
        let cell = Cell { way: Way::RingDsync, space: Space::Zeroed, bytes: 4096, in_flight: 1 };
        let mut measured = Measured::new(cell);
        for (at, took) in [(1, 300), (2, 900), (3, 100), (4, 900), (5, 500), (6, 400), (7, 200), (8, 1000)] {
            measured.note(Timed { at, took });
        }
        assert_eq!(measured.slowest.len(), SLOWEST);
        assert_eq!(measured.slowest.iter().map(|timed| timed.at).collect::<Vec<_>>(), [8, 2, 4, 5, 6]);
        assert_eq!((measured.writes(), measured.p99_9_us()), (8, None), "too few for a 99.9th percentile");
    }

    #[test]
    fn rates_follow_from_the_time() {
        let cell = Cell { way: Way::RingDsync, space: Space::Zeroed, bytes: 1 << 20, in_flight: 2 };
        let measured = measured(cell, 1000, 2000);
        assert_eq!(measured.per_second().round(), 2000.0, "two at a time, of a millisecond each");
        assert_eq!(measured.megabytes_per_second().round(), 2097.0);
        assert!((measured.seconds_each() - 0.0005).abs() < 1e-9);
        assert!(measured.p99_9_us().is_some_and(|us| (us / 1000.0 - 1.0).abs() < 0.01));
        assert!((measured.max_us() / 100_000.0 - 1.0).abs() < 0.01);
        assert_eq!(Measured::new(cell).per_second(), 0.0);
    }
}
