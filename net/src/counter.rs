//! Figures that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// For the counter's one writer.
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

    /// 0 before the first value.
    pub fn mean(&self) -> f64 {
        match self.count.get() {
            0 => 0.0,
            count => self.sum.get() as f64 / count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn a_summary_knows_the_least_the_mean_and_the_greatest() {
        let summary = Summary::default();
        assert_eq!((summary.min.get(), summary.mean(), summary.max.get()), (0, 0.0, 0));
        [7, 3, 5].into_iter().for_each(|value| summary.note(value));
        assert_eq!((summary.min.get(), summary.mean(), summary.max.get()), (3, 5.0, 7));
        assert_eq!((summary.count.get(), summary.sum.get()), (3, 15));
    }
}
