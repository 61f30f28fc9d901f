//! Where many values lie: buckets that are exact for small values, and a sixteenth of their value wide for others.
//!
//! ```text
//! value   0 1 2 ... 31 | 32-33 34-35 ... 62-63 | 64-67 ... 124-127 | ... up to 2^31, and all beyond
//! bucket  one for each |         16            |        16         |
//! ```
//! To note a value is one load and one store. Buckets of several histograms are added up by whoever reads them.

use crate::counter::Counter;

/// Each power of two is divided into so many buckets.
const PARTS: usize = 1 << PART_BITS;
const PART_BITS: usize = 4;
/// Values from here on are all in the last bucket.
const OCTAVES_MAX: usize = 31;
/// How many buckets there are.
pub const BUCKETS: usize = PARTS + (OCTAVES_MAX - PART_BITS) * PARTS;

/// The buckets, which one thread writes.
#[derive(Debug)]
pub struct Histogram(Box<[Counter]>);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram((0..BUCKETS).map(|_| Counter::default()).collect())
    }
}

impl Histogram {
    /// For its one writer.
    #[inline]
    pub fn note(&self, value: u64) {
        self.0[bucket_of(value)].add(1);
    }

    /// The same value so many times. For its one writer.
    #[inline]
    pub fn note_many(&self, value: u64, times: u64) {
        self.0[bucket_of(value)].add(times);
    }

    /// It begins anew. For its one writer.
    pub fn reset(&self) {
        self.0.iter().for_each(|bucket| bucket.set(0));
    }

    /// How many values each bucket has.
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(Counter::get)
    }
}

/// The bucket of a value.
#[inline]
pub fn bucket_of(value: u64) -> usize {
    let value = value.min((1_u64 << OCTAVES_MAX) - 1);
    if value < PARTS as u64 {
        return value as usize;
    }
    let octave = value.ilog2() as usize;
    let part = (value >> (octave - PART_BITS)) as usize - PARTS;
    PARTS + (octave - PART_BITS) * PARTS + part
}

/// What the values in a bucket are taken for: the one in its middle.
pub fn value_of(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let (above, part) = ((bucket - PARTS) / PARTS, (bucket - PARTS) % PARTS);
    let width = 1_u64 << above;
    (PARTS + part) as u64 * width + (width - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, bucket_of, value_of};

    #[test]
    fn small_values_are_exact_and_others_nearly() {
        for value in 0..32 {
            assert_eq!(value_of(bucket_of(value)), value);
        }
        for value in [32, 33, 63, 64, 100, 1000, 4095, 4096, 123_456_789, (1 << 31) - 1] {
            let taken_for = value_of(bucket_of(value));
            assert!(taken_for.abs_diff(value) * 31 <= value, "{value} is taken for {taken_for}");
        }
    }

    #[test]
    fn every_bucket_has_values_of_its_own_and_they_ascend() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(value_of(bucket)), bucket);
        }
        assert!((1..BUCKETS).all(|bucket| value_of(bucket - 1) < value_of(bucket)));
        assert_eq!([bucket_of(1 << 31), bucket_of(u64::MAX)], [BUCKETS - 1; 2], "the last one takes all");
    }

    #[test]
    fn values_are_counted_in_their_buckets() {
        let histogram = Histogram::default();
        [3, 70, 3].into_iter().for_each(|value| histogram.note(value));
        let counted: Vec<(usize, u64)> = histogram.counts().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(3, 2), (bucket_of(70), 1)]);
        histogram.reset();
        assert_eq!(histogram.counts().sum::<u64>(), 0);
    }
}
