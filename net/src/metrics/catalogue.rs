//! Every metric of ZooKeeper's of which there is one.

use super::advanced_summaries::ADVANCED_SUMMARIES;
use super::basic_summaries::BASIC_SUMMARIES;
use super::counters::COUNTERS;
use super::gauges::GAUGES;
use super::metric::Metric;

/// All of them, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let gauges = GAUGES.iter().map(|gauge| &gauge.metric);
    gauges.chain(&COUNTERS).chain(&BASIC_SUMMARIES).chain(&ADVANCED_SUMMARIES)
}

/// How many of them something here moves.
pub fn counted() -> usize {
    all().filter(|metric| metric.is_counted()).count()
}
