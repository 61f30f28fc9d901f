//! What the log has done since it was opened.

use std::time::{Duration, Instant};

use paddock_consensus::Zxid;

/// Counters and times of one opened log.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LogStats {
    /// Groups that have completed, and their records.
    pub groups: u64,
    pub records: u64,
    /// Bytes of these groups, with headers and padding.
    pub bytes: u64,
    /// Segments, the current one included.
    pub segments: usize,
    /// Sequence of the current segment.
    pub segment: u64,
    /// Times from the submission of a group to the sight of its completion. Zero before the first.
    pub sync_min: Duration,
    pub sync_max: Duration,
    pub sync_total: Duration,
    pub sync_last: Duration,
    /// Groups that took longer than the warning threshold.
    pub warnings: u64,
    /// Times that a group had to wait because the next segment was not ready.
    pub segment_waits: u64,
}

/// A group that has completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The last transaction up to its end.
    pub last: Zxid,
    /// Its records; 0 of one that only says where the log ends.
    pub records: u32,
    /// Bytes with header and padding.
    pub bytes: u64,
    /// When it was submitted, by the clock of the log, and how long it took from there to the sight of its completion.
    pub since: Instant,
    pub time: Duration,
    /// It is durable (`forceSync`).
    pub is_synced: bool,
}

impl LogStats {
    /// The average of these times; zero before the first group.
    pub fn sync_average(&self) -> Duration {
        self.sync_total.checked_div(u32::try_from(self.groups).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// A group has completed after this time.
    pub(super) fn count(&mut self, records: u32, bytes: u64, time: Duration) {
        self.sync_min = if self.groups == 0 { time } else { self.sync_min.min(time) };
        self.sync_max = self.sync_max.max(time);
        self.sync_total += time;
        self.sync_last = time;
        self.groups += 1;
        self.records += u64::from(records);
        self.bytes += bytes;
    }
}
