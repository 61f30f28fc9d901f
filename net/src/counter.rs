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

    /// It begins anew. For its one writer.
    pub fn reset(&self) {
        [&self.count, &self.sum, &self.min, &self.max].into_iter().for_each(|counter| counter.set(0));
    }

    pub fn totals(&self) -> Totals {
        Totals { count: self.count.get(), sum: self.sum.get(), min: self.min.get(), max: self.max.get() }
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
    use super::{Summary, Totals};

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
    fn one_that_has_no_value_takes_nothing_from_another() {
        let (none, some) = (Totals::default(), Totals { count: 2, sum: 9, min: 4, max: 5 });
        assert_eq!((none.and(some), some.and(none)), (some, some));
        let other = Totals { count: 1, sum: 7, min: 7, max: 7 };
        assert_eq!(some.and(other), Totals { count: 3, sum: 16, min: 4, max: 7 });
    }
}
