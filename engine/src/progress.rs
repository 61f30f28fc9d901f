//! Work beside the replica's: values that do one step at a time, which a thread drives, or the scheduler of a simulation.

use std::time::Instant;

/// What a worker's step has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is more to do at once.
    More,
    /// There is nothing to do until the worker is told something, or until this moment if there is one.
    Waits { until: Option<Instant> },
    /// There is nothing more to do for good.
    Ended,
}
