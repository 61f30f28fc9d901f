//! Where a log is, and how it is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_consensus::Zxid;

use super::{Clock, Method};
use crate::io::Files;

/// Where a log is, and what else there is of its data.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub files: &'a Files,
    /// The `dataLogDir`.
    pub dir: &'a Path,
    /// The `dataDir`, with the milestone; it may be the same directory.
    pub data_dir: &'a Path,
    /// The zxid of the newest snapshot, zero if there is none.
    pub snapshot: Zxid,
}

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub files: Files,
    /// The `dataLogDir`; the caller holds its lock.
    pub dir: PathBuf,
    /// The `dataDir`, where the milestone is kept; it may be the same directory.
    pub data_dir: PathBuf,
    /// A segment is at most so large, unless one group is larger.
    pub segment_bytes: u64,
    /// The size of the first segment after the log was opened, and the least that a next one has.
    pub first_bytes: u64,
    /// Groups that are under way at a time, 1 to [`IN_FLIGHT_MAX`](crate::io::IN_FLIGHT_MAX).
    pub in_flight: usize,
    /// `false` (`forceSync=no`): a group counts as completed before it is durable. A power cut loses acknowledged
    /// transactions then.
    pub sync: bool,
    pub method: Method,
    /// A completion slower than this is warned of (`fsync.warningthresholdms`).
    pub warn_after: Duration,
    /// By what the time of a completion is measured.
    pub clock: Clock,
}

impl LogConfig {
    /// The defaults, for a `dataLogDir` of this machine that is the `dataDir` too.
    pub fn new(dir: impl Into<PathBuf>) -> LogConfig {
        let dir = dir.into();
        LogConfig {
            files: Files::default(),
            data_dir: dir.clone(),
            dir,
            segment_bytes: 64 << 20,
            first_bytes: 4 << 20,
            in_flight: 2,
            sync: true,
            method: Method::Auto,
            warn_after: Duration::from_secs(1),
            clock: Clock::default(),
        }
    }

    /// Where the log is; `snapshot` is the zxid of the newest one.
    pub(super) fn place(&self, snapshot: Zxid) -> Place<'_> {
        Place { files: &self.files, dir: &self.dir, data_dir: &self.data_dir, snapshot }
    }
}
