//! How a log is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::Method;

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The `dataLogDir`; the caller holds its lock.
    pub dir: PathBuf,
    /// A segment is at most so large, unless one group is larger.
    pub segment_bytes: u64,
    /// Groups under way at a time, 1 to [`IN_FLIGHT_MAX`](crate::io::IN_FLIGHT_MAX).
    pub in_flight: usize,
    /// `false` (`forceSync=no`): a group counts as completed before it is durable. A power cut loses acknowledged
    /// transactions then.
    pub sync: bool,
    pub method: Method,
    /// A completion slower than this is warned of (`fsync.warningthresholdms`).
    pub warn_after: Duration,
}

impl LogConfig {
    /// The defaults, for a `dataLogDir`.
    pub fn new(dir: impl Into<PathBuf>) -> LogConfig {
        LogConfig {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            in_flight: 2,
            sync: true,
            method: Method::Auto,
            warn_after: Duration::from_secs(1),
        }
    }
}
