//! What is known of many values, and where most of them lie: ZooKeeper's summary with percentiles, and with it what a
//! Prometheus summary tells.
//!
//! One takes about 3.6 KiB. To note a value takes three stores, or four where it is the least or the greatest so far.

use std::time::Duration;

use crate::counter::{Summary, Totals};
use crate::histogram::{BUCKETS, Histogram, bucket_of, value_of};

/// Values that one thread notes.
#[derive(Debug, Default)]
pub struct Distribution {
    summary: Summary,
    histogram: Histogram,
}

impl Distribution {
    /// For its one writer.
    #[inline]
    pub fn note(&self, value: u64) {
        self.summary.note(value);
        self.histogram.note(value);
    }

    /// The same value so many times. For its one writer.
    #[inline]
    pub fn note_many(&self, value: u64, times: u64) {
        self.summary.note_many(value, times);
        self.histogram.note_many(value, times);
    }

    /// Milliseconds, as ZooKeeper has nearly all times. For its one writer.
    pub fn note_millis(&self, time: Duration) {
        self.note(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    /// It begins anew. For its one writer.
    pub fn reset(&self) {
        self.summary.reset();
        self.histogram.reset();
    }

    pub fn totals(&self) -> Totals {
        self.summary.totals()
    }

    /// What it has at this moment.
    pub fn values(&self) -> Values {
        Values { totals: self.totals(), counts: self.histogram.counts().collect() }
    }
}

/// Times, in microseconds, and in milliseconds as ZooKeeper tells them.
#[derive(Debug, Default)]
pub struct Latency {
    pub micros: Distribution,
    /// Milliseconds of the [long](LONG) ones. All others, which are most, are 0, and known from the number of all.
    long: Distribution,
}

/// Longer times are not 0 in milliseconds, which are not rounded.
const LONG: Duration = Duration::from_millis(1);

impl Latency {
    /// For its one writer.
    #[inline]
    pub fn note(&self, time: Duration) {
        self.note_many(time, 1);
    }

    /// The same time so many times. For its one writer.
    #[inline]
    pub fn note_many(&self, time: Duration, times: u64) {
        self.micros.note_many(micros(time), times);
        if time >= LONG {
            self.note_long(time, times);
        }
    }

    #[cold]
    fn note_long(&self, time: Duration, times: u64) {
        self.long.note_many(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), times);
    }

    /// In milliseconds.
    pub fn millis(&self) -> Values {
        // The long ones first: whoever notes one meanwhile counts it among all before.
        let long = self.long.values();
        let short = self.micros.totals().count.saturating_sub(long.totals.count);
        long.with_zeros(short)
    }

    /// It begins anew. For its one writer.
    pub fn reset(&self) {
        self.long.reset();
        self.micros.reset();
    }
}

/// Microseconds, rounded, so that sums of many times are right. In 64 bits: to divide 128 would take longer than all else that is
/// noted of a write.
#[inline]
pub fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from((time.subsec_nanos() + 500) / 1000))
}

/// What a distribution had at a moment, or several together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values {
    pub totals: Totals,
    /// How many values each bucket has.
    counts: Vec<u64>,
}

impl Default for Values {
    fn default() -> Values {
        Values { totals: Totals::default(), counts: vec![0; BUCKETS] }
    }
}

impl Values {
    /// Those of all of them.
    pub fn of_all<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> Values {
        distributions.fold(Values::default(), |mut all, one| {
            all.totals = all.totals.and(one.totals());
            all.counts.iter_mut().zip(one.histogram.counts()).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
            all
        })
    }

    /// Those of both.
    pub fn and(mut self, other: &Values) -> Values {
        self.totals = self.totals.and(other.totals);
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
        self
    }

    /// So many values of 0 more, of which nothing else was noted.
    pub fn with_zeros(mut self, count: u64) -> Values {
        self.totals = self.totals.and(Totals { count, ..Totals::default() });
        self.counts[bucket_of(0)] += count;
        self
    }

    /// Of microseconds: the same in milliseconds, as ZooKeeper has nearly all times. Values are taken for the middle of their
    /// buckets, but for the sum, the least and the greatest.
    pub fn in_millis(&self) -> Values {
        let Totals { count, sum, min, max } = self.totals;
        let totals = Totals { count, sum: sum / 1000, min: min / 1000, max: max / 1000 };
        let mut counts = vec![0; BUCKETS];
        for (bucket, count) in self.counts.iter().enumerate() {
            counts[bucket_of(value_of(bucket) / 1000)] += count;
        }
        Values { totals, counts }
    }

    /// How many values each bucket has.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// A percentile by ZooKeeper's rule: between the two values beside the place `quantile * (count + 1)`, and rounded. Values
    /// are taken for the middle of their buckets.
    pub fn percentile(&self, quantile: f64) -> u64 {
        let count: u64 = self.counts.iter().sum();
        if count == 0 {
            return 0;
        }
        let place = quantile * (count as f64 + 1.0);
        if place < 1.0 {
            return self.at(1, count);
        }
        if place >= count as f64 {
            return self.at(count, count);
        }
        let (before, part) = (place.floor(), place.fract());
        let (low, high) = (self.at(before as u64, count) as f64, self.at(before as u64 + 1, count) as f64);
        (low + part * (high - low) + 0.5).floor() as u64
    }

    /// The value at a place, from 1, of so many in the order of their sizes. The first and the last are known.
    fn at(&self, place: u64, count: u64) -> u64 {
        let Totals { min, max, .. } = self.totals;
        match place {
            ..=1 => min,
            place if place >= count => max,
            place => value_at(&self.counts, place).unwrap_or(max).max(min).min(max.max(min)),
        }
    }
}

/// The value at a place, from 1, among those that are counted in buckets; `None` if there are not so many.
pub fn value_at(counts: &[u64], place: u64) -> Option<u64> {
    let mut passed = 0_u64;
    let bucket = counts.iter().position(|count| {
        passed = passed.saturating_add(*count);
        passed >= place
    });
    bucket.map(value_of)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Distribution, Latency, Values, micros};
    use crate::counter::Totals;

    fn values(noted: impl IntoIterator<Item = u64>) -> Values {
        let distribution = Distribution::default();
        noted.into_iter().for_each(|value| distribution.note(value));
        distribution.values()
    }

    #[test]
    fn percentiles_are_between_the_values_beside_their_place() {
        let percentiles = |values: &Values| [0.5, 0.95, 0.99, 0.999].map(|quantile| values.percentile(quantile));
        assert_eq!(percentiles(&Values::default()), [0; 4]);
        assert_eq!(percentiles(&values([7])), [7; 4]);
        // The places are 5.5, 10.45 and beyond the last.
        assert_eq!(percentiles(&values(1..=10)), [6, 10, 10, 10]);
        assert_eq!(percentiles(&values((0..100).map(|value| value % 20))), [10, 19, 19, 19]);
    }

    #[test]
    fn no_percentile_is_beyond_the_least_or_the_greatest() {
        let values = values([1000, 1001]);
        assert_eq!([0.5, 0.999].map(|quantile| values.percentile(quantile)), [1001, 1001]);
        assert_eq!(self::values([5_000_000_000]).percentile(0.5), 5_000_000_000, "whatever the buckets end with");
    }

    #[test]
    fn several_are_told_as_one_and_zeros_count() {
        let (one, other) = (Distribution::default(), Distribution::default());
        [4, 8].into_iter().for_each(|value| one.note(value));
        other.note(6);
        let all = Values::of_all([&one, &other].into_iter());
        assert_eq!((all.totals, all.percentile(0.5)), (Totals { count: 3, sum: 18, min: 4, max: 8 }, 6));
        let with_zeros = all.with_zeros(7);
        assert_eq!(with_zeros.totals, Totals { count: 10, sum: 18, min: 0, max: 8 });
        assert_eq!((with_zeros.percentile(0.5), with_zeros.percentile(0.95)), (0, 8));
        one.reset();
        assert_eq!(one.values(), Values::default());
    }

    #[test]
    fn a_time_is_told_in_both_units() {
        let latency = Latency::default();
        latency.note(Duration::from_micros(2999));
        assert_eq!((latency.millis().totals.sum, latency.micros.totals().sum), (2, 2999));
    }

    #[test]
    fn in_milliseconds_short_times_are_zeros_and_none_is_rounded() {
        let (latency, millis) = (Latency::default(), Distribution::default());
        for (nanos, times) in [(0, 1), (999_999, 3), (1_000_000, 1), (1_999_999, 2), (70_000_000, 1), (400, 0)] {
            latency.note_many(Duration::from_nanos(nanos), times);
            millis.note_many(nanos / 1_000_000, times);
        }
        assert_eq!(latency.millis(), millis.values());
        latency.reset();
        assert_eq!(latency.millis(), Values::default());
    }

    #[test]
    fn microseconds_are_told_in_milliseconds() {
        let millis = values([400, 1500, 2500, 40_000]).in_millis();
        assert_eq!(millis.totals, Totals { count: 4, sum: 44, min: 0, max: 40 });
        assert_eq!([0.25, 0.5, 0.999].map(|quantile| millis.percentile(quantile)), [0, 2, 40]);
        assert_eq!(Values::default().in_millis(), Values::default());
    }

    #[test]
    fn one_value_many_times_is_as_many_values() {
        let (one, other) = (Distribution::default(), Distribution::default());
        [(7, 3), (900, 2), (1, 0)].into_iter().for_each(|(value, times)| one.note_many(value, times));
        [7, 7, 7, 900, 900].into_iter().for_each(|value| other.note(value));
        assert_eq!(one.values(), other.values());
        assert_eq!([1499, 1500, 2499].map(|nanos| micros(Duration::from_nanos(nanos))), [1, 2, 2]);
        assert_eq!(
            [3_999_999_499, 3_999_999_500].map(|nanos| micros(Duration::from_nanos(nanos))),
            [3_999_999, 4_000_000]
        );
        assert_eq!(micros(Duration::MAX), u64::MAX);
    }
}
