//! What was counted: latencies, errors, losses.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::operation::{Class, OPERATIONS, Operation};

/// Latencies in nanoseconds, to three digits; what is longer counts as the longest.
const LATENCY_MIN: u64 = 100;
const LATENCY_MAX: u64 = 600_000_000_000;
const DIGITS: u8 = 3;

/// A new histogram of latencies in nanoseconds.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(LATENCY_MIN, LATENCY_MAX, DIGITS).expect("the bounds are in order")
}

/// One thread's counts, or the sum of several.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By operation; only of those that succeeded.
    latencies: Vec<Histogram<u64>>,
    /// By operation and error code.
    pub errors: BTreeMap<(&'static str, i32), u64>,
    /// Operations in flight on connections that broke.
    pub lost: u64,
    /// Connections that broke, by reason.
    pub losses: BTreeMap<String, u64>,
    /// Operations not answered when the run ended, although it waited.
    pub unanswered: u64,
    /// Operations that were due (open loop) and not sent by the end, because the pipelines were full.
    pub behind: u64,
    pub notifications: u64,
    /// In an open loop: nanoseconds from when operations were due to when they were sent, warm-up included.
    pub lateness: Histogram<u64>,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            latencies: (0..OPERATIONS).map(|_| latencies()).collect(),
            errors: BTreeMap::new(),
            lost: 0,
            losses: BTreeMap::new(),
            unanswered: 0,
            behind: 0,
            notifications: 0,
            lateness: latencies(),
        }
    }

    /// Counts a success that took `ns`.
    pub fn succeeded(&mut self, operation: Operation, ns: u64) {
        self.latencies[operation as usize].saturating_record(ns);
    }

    /// Notes an operation that was sent `ns` after it was due.
    pub fn sent_late(&mut self, ns: u64) {
        self.lateness.saturating_record(ns);
    }

    pub fn failed(&mut self, operation: Operation, code: i32) {
        *self.errors.entry((operation.name(), code)).or_default() += 1;
    }

    pub fn connection_lost(&mut self, reason: String, in_flight: u64) {
        *self.losses.entry(reason).or_default() += 1;
        self.lost += in_flight;
    }

    pub fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.add(theirs).expect("all histograms have the same bounds");
        }
        for (&key, count) in &other.errors {
            *self.errors.entry(key).or_default() += count;
        }
        for (reason, count) in &other.losses {
            *self.losses.entry(reason.clone()).or_default() += count;
        }
        self.lateness.add(&other.lateness).expect("all histograms have the same bounds");
        self.lost += other.lost;
        self.unanswered += other.unanswered;
        self.behind += other.behind;
        self.notifications += other.notifications;
    }

    pub fn of(&self, operation: Operation) -> &Histogram<u64> {
        &self.latencies[operation as usize]
    }

    /// The latencies of all operations of a class.
    pub fn of_class(&self, class: Class) -> Histogram<u64> {
        let mut sum = latencies();
        for operation in Operation::ALL.into_iter().filter(|operation| operation.class() == class) {
            sum.add(self.of(operation)).expect("all histograms have the same bounds");
        }
        sum
    }

    /// Operations that succeeded.
    pub fn successes(&self) -> u64 {
        self.latencies.iter().map(Histogram::len).sum()
    }

    /// Operations that failed, whatever the reason.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum::<u64>() + self.lost + self.unanswered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let mut one = Tally::new();
        one.succeeded(Operation::Get, 1_000_000);
        one.failed(Operation::Set, -101);
        one.connection_lost("closed".into(), 3);
        let mut two = one.clone();
        two.succeeded(Operation::Exists, 2_000_000);
        two.add(&one);
        assert_eq!((two.successes(), two.failures()), (3, 8));
        assert_eq!(two.errors[&("set", -101)], 2);
        assert_eq!(two.losses["closed"], 2);
        assert_eq!(two.of_class(Class::Read).len(), 3);
        assert_eq!(two.of_class(Class::Write).len(), 0);
    }

    #[test]
    fn an_endless_latency_counts_as_the_longest() {
        let mut tally = Tally::new();
        tally.succeeded(Operation::Get, u64::MAX);
        assert!(tally.of(Operation::Get).max() >= LATENCY_MAX);
    }
}
