//! The segment that is written to, and where in it the next group goes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;

use super::format::Header;
use super::group::GroupNumber;
use super::older_segments::OlderSegment;
use super::rolls::Rolls;
use super::segment::Segment;
use super::segment_path::SegmentPath;
use super::{LogConfig, LogError};
use crate::io::{File, Files};

/// See the module.
pub(super) struct Current {
    segment: Segment,
    /// The zxid before the segment's first group.
    before: Zxid,
    /// Bytes that groups are aligned and padded to.
    unit: usize,
    /// Bytes that the next segment has at most, unless one group is larger.
    limit: u64,
    /// Where the next group goes, in bytes from the segment's start.
    end: u64,
    /// Number of the segment's first group; meaningless while `end` is 0.
    first_number: u64,
    /// Whether the next group begins a new segment as soon as one is ready, although it would fit.
    is_rolling: bool,
    rolls: Rolls,
}

impl Current {
    /// Begins with an empty segment, after the transaction `before`.
    pub fn new(segment: Segment, before: Zxid, unit: usize, config: &LogConfig) -> Current {
        let limit = config.segment_bytes.next_multiple_of(unit as u64);
        Current {
            segment,
            before,
            unit,
            limit,
            end: 0,
            first_number: 0,
            is_rolling: false,
            rolls: Rolls::new(config.first_bytes),
        }
    }

    /// The zxid before the segment's first group.
    pub fn before(&self) -> Zxid {
        self.before
    }

    pub fn sequence(&self) -> u64 {
        self.segment.sequence
    }

    pub fn path(&self) -> &Path {
        &self.segment.path
    }

    /// The segment's file by name.
    pub fn at(&self) -> SegmentPath {
        SegmentPath { sequence: self.segment.sequence, path: self.segment.path.clone() }
    }

    pub fn file(&self) -> &Arc<File> {
        &self.segment.file
    }

    /// Bytes of groups so far.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Binary logarithm of the unit, as a header has it.
    pub fn unit_log2(&self) -> u8 {
        u8::try_from(self.unit.ilog2()).expect("at most 16")
    }

    /// Bytes that a group of this length takes.
    pub fn padded(&self, length: usize) -> u64 {
        length.next_multiple_of(self.unit) as u64
    }

    /// Whether a group of so many bytes can be written to this segment. One that is still empty takes a group of any size.
    pub fn fits(&self, bytes: u64) -> bool {
        self.is_empty() || self.end + bytes <= self.segment.size
    }

    /// Asks that the next group begin a new segment, unless the current one is empty. Returns whether a new segment is
    /// wanted now.
    pub fn roll(&mut self) -> bool {
        self.is_rolling |= !self.is_empty();
        self.is_rolling
    }

    pub fn is_rolling(&self) -> bool {
        self.is_rolling
    }

    /// Number of the segment's first group, if the next group has the number `next`.
    pub fn first_number(&self, next: u64) -> u64 {
        if self.is_empty() { next } else { self.first_number }
    }

    /// Whether a group of this segment is durable, if all up to `durable` are.
    pub fn has_durable_group(&self, durable: GroupNumber) -> bool {
        !self.is_empty() && durable.0 >= self.first_number
    }

    /// Accounts for a group of so many bytes that will be written at the end, and returns its offset. Nothing is written.
    pub fn add(&mut self, header: &Header, bytes: u64) -> u64 {
        self.first_number = header.first_number;
        let offset = self.end;
        self.end += bytes;
        offset
    }

    /// How large the next segment is made.
    pub fn next_size(&self) -> u64 {
        self.rolls.next_size(self.segment.size, self.limit)
    }

    /// How many bytes of the next segment should be zeroed by now, so that it is ready when this one is full: none while a
    /// quarter of this one is used, and all when three quarters are.
    pub fn zeroing_goal(&self) -> u64 {
        zeroing_goal(self.end, self.segment.size, self.next_size())
    }

    /// Goes on in the next segment; `last` is the last zxid in this one.
    pub fn leave(&mut self, next: Segment, last: Zxid) -> OlderSegment {
        // An empty segment takes a group of any size, so that the file can be longer than its zeros.
        let bytes = self.segment.size.max(self.end);
        let left = OlderSegment::new(self.at(), bytes, self.before, last);
        self.rolls.leave(self.end, self.is_rolling);
        self.begin(next, last);
        left
    }

    /// Goes on in another segment, which is empty, after the transaction `before`.
    pub fn begin(&mut self, segment: Segment, before: Zxid) {
        let end = if mutant!(18) { self.end } else { 0 };
        (self.segment, self.before, self.end, self.is_rolling) = (segment, before, end, false);
    }

    /// Makes all that was written to the segment durable.
    pub fn sync(&self) -> Result<(), LogError> {
        self.file().sync_data().map_err(|error| LogError::io("sync", self.path(), error))
    }

    /// See [`Segment::has_name`].
    pub fn has_name(&self) -> Result<(), LogError> {
        self.segment.has_name()
    }

    /// See [`Segment::is_at_its_path`].
    pub fn is_at_its_path(&self, files: &Files) -> io::Result<bool> {
        self.segment.is_at_its_path(files)
    }
}

fn zeroing_goal(used: u64, size: u64, target: u64) -> u64 {
    let start = size / 4;
    let span = (size / 2).max(1);
    let share = used.saturating_sub(start).min(span);
    let goal = u128::from(target) * u128::from(share) / u128::from(span);
    u64::try_from(goal).expect("a share of the target")
}

#[cfg(test)]
mod tests {
    use super::zeroing_goal;

    #[test]
    fn the_goal_runs_from_a_quarter_to_three() {
        assert_eq!(zeroing_goal(0, 400, 1000), 0);
        assert_eq!(zeroing_goal(100, 400, 1000), 0);
        assert_eq!(zeroing_goal(200, 400, 1000), 500);
        assert_eq!(zeroing_goal(300, 400, 1000), 1000);
        assert_eq!(zeroing_goal(u64::MAX, 400, u64::MAX), u64::MAX);
        assert_eq!(zeroing_goal(5, 1, 7), 7);
    }
}
