//! Figures that one thread writes and any thread reads: a load and a store each, no lock, and no operation that other writers
//! could see the middle of.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// For the counter's one writer.
    #[inline]
    pub fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }
}

/// What is known of many values: ZooKeeper's basic summary.
#[derive(Debug, Default)]
pub struct Summary {
    pub count: Counter,
    pub sum: Counter,
    /// 0 before the first value.
    pub min: Counter,
    pub max: Counter,
}

impl Summary {
    /// For the summary's one writer.
    #[inline]
    pub fn note(&self, value: u64) {
        if self.count.get() == 0 || value < self.min.get() {
            self.min.set(value);
        }
        if value > self.max.get() {
            self.max.set(value);
        }
        self.sum.add(value);
        self.count.add(1);
    }

    /// The same value so many times. For the summary's one writer.
    #[inline]
    pub fn note_many(&self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.note(value);
        self.sum.add(value.wrapping_mul(times - 1));
        self.count.add(times - 1);
    }

    /// So many values more. For the summary's one writer.
    pub fn take_in(&self, values: Totals) {
        let Totals { count, sum, min, max } = self.totals().and(values);
        self.count.set(count);
        self.sum.set(sum);
        self.min.set(min);
        self.max.set(max);
    }

    /// It begins anew. For its one writer.
    pub fn reset(&self) {
        [&self.count, &self.sum, &self.min, &self.max].into_iter().for_each(|counter| counter.set(0));
    }

    pub fn totals(&self) -> Totals {
        Totals { count: self.count.get(), sum: self.sum.get(), min: self.min.get(), max: self.max.get() }
    }
}

/// Values that one thread has noted and not told yet: where each value may take a few instructions only. Nobody else sees them.
#[derive(Debug)]
pub struct Batch {
    count: u64,
    sum: u64,
    min: u64,
    /// How far the greatest is from the least.
    width: u64,
}

impl Default for Batch {
    fn default() -> Batch {
        // Every value but the greatest that there is lies outside.
        Batch { count: 0, sum: 0, min: u64::MAX, width: 0 }
    }
}

impl Batch {
    #[inline]
    pub fn note(&mut self, value: u64) {
        self.sum = self.sum.wrapping_add(value);
        if value.wrapping_sub(self.min) > self.width {
            self.widen(value);
        }
        self.count = self.count.wrapping_add(1);
    }

    #[cold]
    fn widen(&mut self, value: u64) {
        if self.count == 0 {
            self.min = value;
            return;
        }
        let max = (self.min + self.width).max(value);
        self.min = self.min.min(value);
        self.width = max - self.min;
    }

    /// All of them, which are told now.
    pub fn take(&mut self) -> Totals {
        let Batch { count, sum, min, width } = std::mem::take(self);
        if count == 0 { Totals::default() } else { Totals { count, sum, min, max: min + width } }
    }
}

/// What a summary told, or several together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    pub count: u64,
    pub sum: u64,
    /// 0 where there is no value.
    pub min: u64,
    pub max: u64,
}

impl Totals {
    /// Those of both.
    pub fn and(self, other: Totals) -> Totals {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        Totals {
            count: self.count.wrapping_add(other.count),
            sum: self.sum.wrapping_add(other.sum),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// 0 where there is no value.
    pub fn mean(&self) -> f64 {
        match self.count {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Summary, Totals};

    #[test]
    fn a_summary_knows_the_least_the_mean_and_the_greatest() {
        let summary = Summary::default();
        assert_eq!((summary.totals(), summary.totals().mean()), (Totals::default(), 0.0));
        [7, 3, 5].into_iter().for_each(|value| summary.note(value));
        assert_eq!(summary.totals(), Totals { count: 3, sum: 15, min: 3, max: 7 });
        assert_eq!(summary.totals().mean(), 5.0);
        summary.reset();
        assert_eq!(summary.totals(), Totals::default());
        summary.note(9);
        assert_eq!(summary.totals(), Totals { count: 1, sum: 9, min: 9, max: 9 });
    }

    #[test]
    fn a_batch_is_as_its_values_one_by_one() {
        let mut batch = Batch::default();
        assert_eq!(batch.take(), Totals::default());
        for values in [&[7, 3, 5, 5, 90, 4][..], &[u64::MAX], &[u64::MAX, 1], &[0], &[4, 4]] {
            let (summary, taken) = (Summary::default(), Summary::default());
            [&summary, &taken].into_iter().for_each(|summary| summary.note(6));
            for value in values {
                summary.note(*value);
                batch.note(*value);
            }
            taken.take_in(batch.take());
            assert_eq!(taken.totals(), summary.totals(), "{values:?}");
            taken.take_in(batch.take());
            assert_eq!(taken.totals(), summary.totals(), "they are told once");
        }
    }

    #[test]
    fn one_that_has_no_value_takes_nothing_from_another() {
        let (none, some) = (Totals::default(), Totals { count: 2, sum: 9, min: 4, max: 5 });
        assert_eq!((none.and(some), some.and(none)), (some, some));
        let other = Totals { count: 1, sum: 7, min: 7, max: 7 };
        assert_eq!(some.and(other), Totals { count: 3, sum: 16, min: 4, max: 7 });
    }
}
